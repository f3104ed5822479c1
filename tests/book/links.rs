//! Links lead somewhere: to a page of the book, and to a heading that it has.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::blocks;
use crate::pages::{self, Page};

/// The targets of all links of a page.
fn targets(page: &str) -> Vec<String> {
    let (_, text) = blocks::spans(page);
    let links = text.match_indices("](").map(|(at, open)| {
        let rest = &text[at + open.len()..];
        rest[..rest.find(')').expect("a link is closed")].to_owned()
    });
    links.collect()
}

/// The anchors of a page's headings, as mdBook makes them.
fn anchors(page: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = Vec::new();
    for line in blocks::prose(page) {
        let text = line.trim_start_matches('#');
        if text.len() == line.len() || !text.starts_with(' ') {
            continue;
        }
        let letters = text.trim().chars().filter_map(|letter| match letter {
            _ if letter.is_alphanumeric() || "_-".contains(letter) => {
                Some(letter.to_ascii_lowercase())
            }
            _ => letter.is_whitespace().then_some('-'),
        });
        let anchor: String = letters.collect();
        let count = seen.entry(anchor.clone()).or_default();
        anchors.push(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        *count += 1;
    }
    anchors
}

/// `a/../b` as `b`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leaves the book", path.display()),
            other => plain.push(other),
        }
    }
    plain
}

/// What is wrong with the links of `page`, whose files are below `root`.
fn wrong(root: &Path, page: &Page) -> Vec<String> {
    let folder = Path::new(&page.name).parent().unwrap();
    let mut wrong = Vec::new();
    for target in targets(&page.text) {
        if target.starts_with("https://") {
            continue;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let path =
            if file.is_empty() { PathBuf::from(&page.name) } else { plain(&folder.join(file)) };
        let text = std::fs::read_to_string(root.join(&path));
        let leads = match &text {
            Ok(text) => anchor.is_empty() || anchors(text).iter().any(|it| it == anchor),
            Err(_) => root.join(&path).is_dir() && anchor.is_empty(),
        };
        if !leads {
            wrong.push(format!("{}: {target}", page.name));
        }
    }
    wrong
}

#[test]
fn links_lead_somewhere() {
    let mut found = Vec::new();
    let mut count = 0;
    for page in pages::all() {
        // An entry of SUMMARY that is not written yet leads nowhere on purpose.
        let text = page.text.replace("]()", "]");
        let page = Page { text, ..page };
        count += targets(&page.text).len();
        found.extend(wrong(&pages::root(), &page));
    }
    assert!(count > 60, "only {count} links were found");
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["README.md", "CONTRIBUTING.md", "DESIGN.md"] {
        let text = std::fs::read_to_string(home.join(name)).unwrap();
        found.extend(wrong(home, &Page { name: name.to_owned(), text }));
    }
    assert!(found.is_empty(), "lead nowhere:\n{}", found.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let page = |text: &str| Page { name: "how-to/x.md".to_owned(), text: text.to_owned() };
    let see = |text| wrong(&pages::root(), &page(text)).len();
    assert_eq!(see("[a](../SUMMARY.md)"), 0);
    assert_eq!(see("[a](../no.md) [b](../SUMMARY.md#no) [c](http://example.org)"), 3);
    assert_eq!(see("`[a](no.md)`"), 0);
    assert_eq!(anchors("# A `b`, c?\n## A b c\n```text\n# no\n```\n"), ["a-b-c", "a-b-c-1"]);
}
