//! What a page says, read as XML.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use roxmltree::{Document, Node};
use serde_json::Value;

/// The document as XML, which it is but for what HTML leaves open.
pub(crate) fn closed(html: &str) -> String {
    let mut text = html.replace("<br>", "").replace("&nbsp;", " ").replace(" open>", ">");
    while let Some(start) = ["<!DOCTYPE", "<meta "].iter().find_map(|open| text.find(open)) {
        let end = start + text[start..].find('>').unwrap();
        text.replace_range(start..=end, "");
    }
    text
}

pub(crate) fn all<'a>(node: Node<'a, 'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.descendants().filter(move |it| it.has_tag_name(name))
}

pub(crate) fn has_class(node: Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|it| it.split_whitespace().any(|it| it == class))
}

pub(crate) fn of_class<'a>(
    node: Node<'a, 'a>,
    class: &'a str,
) -> impl Iterator<Item = Node<'a, 'a>> {
    node.descendants().filter(move |it| has_class(*it, class))
}

pub(crate) fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter_map(|it| it.text().filter(|_| it.is_text())).collect()
}

pub(crate) fn by_id<'a>(page: &'a Document<'a>, id: &str) -> Node<'a, 'a> {
    let found = page.descendants().find(|it| it.attribute("id") == Some(id));
    found.unwrap_or_else(|| panic!("nothing has the id {id}"))
}

pub(crate) fn value(node: Node<'_, '_>) -> f64 {
    node.attribute("value").unwrap().parse().unwrap()
}

/// The numbers in a cell or a row.
pub(crate) fn values(node: Node<'_, '_>) -> Vec<f64> {
    all(node, "data").map(value).collect()
}

pub(crate) fn numbers<'v>(of: impl IntoIterator<Item = &'v Value>) -> Vec<f64> {
    of.into_iter().map(|it| it.as_f64().unwrap_or_else(|| panic!("{it} is no number"))).collect()
}

/// Nothing of the page is from elsewhere or runs, whatever its texts are: no script, no picture, no
/// reference, and a policy that says so.
pub(crate) fn stands_alone(page: &Document<'_>, html: &str) {
    let known =
        ["script", "link", "img", "iframe", "object", "embed", "form", "input", "base", "a"];
    for element in page.descendants().filter(Node::is_element) {
        let name = element.tag_name().name();
        assert!(!known.contains(&name), "there is a {name}");
        for attribute in element.attributes() {
            let name = attribute.name();
            let is_reference = ["src", "href", "srcset", "action", "style"].contains(&name);
            assert!(!is_reference && !name.starts_with("on"), "{element:?} has {name}");
        }
    }
    let style = text(all(page.root(), "style").next().unwrap());
    assert!(!style.contains("url(") && !style.contains("@import"), "{style}");
    assert!(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'"), "no policy");
}

/// What who does not see it needs: a language, headings in order, captions, scopes and roles of tables.
pub(crate) fn is_accessible(page: &Document<'_>) {
    assert_eq!(page.root_element().attribute("lang"), Some("en"));
    assert!(!text(all(page.root(), "title").next().unwrap()).is_empty());
    let mut last = 0;
    for heading in page.descendants().filter(Node::is_element) {
        let level = ["h1", "h2", "h3", "h4"].iter().position(|it| heading.has_tag_name(*it));
        let Some(level) = level.map(|it| it + 1) else { continue };
        assert!(level <= last + 1, "{} after a heading of level {last}", text(heading));
        last = level;
    }
    assert_eq!(all(page.root(), "h1").count(), 1);
    for table in all(page.root(), "table") {
        assert!(all(table, "caption").next().is_some_and(|it| !text(it).is_empty()), "{table:?}");
        assert!(all(table, "th").all(|it| it.has_attribute("scope")), "a heading says of what");
        let parts = ["table", "thead", "tbody", "tr", "th", "td"];
        for part in parts.iter().flat_map(|part| all(table, part)) {
            assert!(part.has_attribute("role"), "{part:?}");
        }
    }
    for section in all(page.root(), "section") {
        let heading = section.attribute("aria-labelledby").unwrap();
        assert!(!text(by_id(page, heading)).is_empty());
    }
}
