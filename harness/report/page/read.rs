//! A page as tests read it, and words that mean something in HTML.

use roxmltree::Document;

pub(in crate::report) const NASTY: &str =
    "</style></pre><script>alert(\"1\")</script> & 'q' <!-- ]]> -- &lt; é😀";

/// The page as XML, which it is but for what HTML leaves open.
pub(in crate::report) fn closed(page: &str) -> String {
    let mut text = page.replace("<br>", "").replace(" open>", ">");
    while let Some(start) = ["<!DOCTYPE", "<meta "].iter().find_map(|open| text.find(open)) {
        let end = start + text.get(start..).and_then(|rest| rest.find('>')).unwrap();
        text.replace_range(start..=end, "");
    }
    text
}

/// Its elements, and all of its text.
pub(in crate::report) fn read(page: &str) -> (Vec<String>, String) {
    let text = closed(page);
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    let texts = document.descendants().filter(roxmltree::Node::is_text).filter_map(|it| it.text());
    (elements.map(|it| it.tag_name().name().to_owned()).collect(), texts.collect())
}

/// What holds for the page of anything, whatever its words are: `page` makes one in which each text of a user
/// is the given word.
pub(in crate::report) fn escapes_everything(page: impl Fn(&str) -> String) {
    let (plain, _) = read(&page("x"));
    let (nasty, text) = read(&page(NASTY));
    assert_eq!(plain, nasty, "the same elements, whatever the words are");
    assert!(!nasty.contains(&"script".to_owned()));
    assert!(text.matches(NASTY).count() > 5, "all of it can be read: {text}");
    let (_, text) = read(&page("a\u{0}b\u{1b}[2Jc\u{202e}d"));
    assert!(text.contains("a␀b␛[2Jc\u{fffd}d"), "{text}");
    has_roles(&page("x"));
}

/// What is laid out as something else still is a table for those who listen.
fn has_roles(page: &str) {
    let text = closed(page);
    let page = Document::parse(&text).unwrap();
    for part in page.descendants() {
        let parts = ["table", "thead", "tbody", "tfoot", "tr", "th", "td"];
        if parts.contains(&part.tag_name().name()) {
            assert!(part.attribute("role").is_some(), "{part:?}");
        }
    }
}

/// The words of the verdict, and the class that gives it its colour.
pub(in crate::report) fn verdict(page: &str) -> (String, String) {
    let text = closed(page);
    let page = Document::parse(&text).unwrap();
    let title = page.descendants().find(|it| it.attribute("id") == Some("verdict")).unwrap();
    let words = title.descendants().filter_map(|it| it.text().filter(|_| it.is_text()));
    let class = title.parent().and_then(|it| it.attribute("class")).unwrap();
    (words.collect(), class.to_owned())
}
