//! Which pages there are: what SUMMARY names, and what stands in the folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::blocks;
use crate::{AGAIN, VARIABLE, shown};

/// A page, by its path below `docs/src`.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src")
}

/// All pages and SUMMARY.
pub(crate) fn all() -> Vec<Page> {
    fn walk(folder: &Path, found: &mut Vec<Page>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "md") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push(Page { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(found.len() > 20, "the pages were not found");
    found
}

/// Title and target of each line of SUMMARY; a chapter that is not written yet has no target.
pub(crate) fn named(summary: &str) -> Vec<(&str, &str)> {
    let parts = summary.lines().filter_map(|line| {
        let line = line.trim_start().trim_start_matches("- ");
        let (title, target) = line.strip_prefix('[')?.split_once("](")?;
        Some((title, target.strip_suffix(')')?))
    });
    parts.collect()
}

#[test]
fn the_summary_names_every_page_once() {
    let pages = all();
    let summary = pages.iter().find(|page| page.name == "SUMMARY.md").unwrap();
    let named = named(&summary.text);
    let lists = |line: &&str| line.contains('[');
    assert_eq!(named.len(), summary.text.lines().filter(lists).count(), "a line is no entry");
    let targets: Vec<&str> =
        named.iter().map(|entry| entry.1).filter(|target| !target.is_empty()).collect();
    let once: BTreeSet<&str> = targets.iter().copied().collect();
    assert_eq!(targets.len(), once.len(), "a page is named twice: {targets:?}");
    let there = pages.iter().map(|page| page.name.as_str()).filter(|name| *name != "SUMMARY.md");
    assert_eq!(once, there.collect(), "SUMMARY and the folder differ");
}

#[test]
fn every_page_begins_with_its_title() {
    for page in all() {
        let first = page.text.lines().find(|line| !line.starts_with("<!--")).unwrap_or_default();
        assert!(first.starts_with("# "), "{}: {first:?}", page.name);
        let blocks = blocks::blocks(&page.text);
        let bare: Vec<usize> =
            blocks.iter().filter(|it| it.info.is_empty()).map(|it| it.line).collect();
        assert!(bare.is_empty(), "{}: blocks without a language at {bare:?}", page.name);
    }
}

/// But for the tutorial, whose commands build on each other.
#[test]
fn pages_show_what_the_program_prints() {
    let mut wrong = Vec::new();
    let mut shows = 0;
    for page in all().iter().filter(|page| page.name != "tutorial.md") {
        let count = blocks::blocks(&page.text).iter().filter(|it| it.info == "console").count();
        // The others are written by other tests.
        if count > 0 {
            shows += count;
            let (path, wanted) = (root().join(&page.name), shown::anew(&page.text));
            wrong.extend(shown::held(&path, &wanted, VARIABLE, shown::comparable));
        }
    }
    assert!(wrong.is_empty(), "{AGAIN}\n{}", wrong.join("\n"));
    assert!(shows >= 9, "only {shows} commands were run");
}
