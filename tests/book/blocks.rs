//! The blocks of code of a page, and what stands around them.

/// A block between two fences.
#[derive(Debug)]
pub(crate) struct Block {
    /// What stands behind the first fence, for example `sh`.
    pub(crate) info: String,
    pub(crate) text: String,
    /// The line of the first fence, counted from 1.
    pub(crate) line: usize,
    /// The file that it is, where the line before it is nothing but its name and a colon.
    pub(crate) file: Option<String>,
}

const FENCE: &str = "```";

/// All blocks of a page, in order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    let mut before = "";
    for (number, line) in page.lines().enumerate() {
        let fence = line.strip_prefix(FENCE);
        match (open.as_mut(), fence) {
            (Some(_), Some("")) => found.extend(open.take()),
            (Some(block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some(info)) => {
                let file = before.strip_prefix('`').and_then(|line| line.strip_suffix("`:"));
                open = Some(Block {
                    info: info.to_owned(),
                    text: String::new(),
                    line: number + 1,
                    file: file.map(str::to_owned),
                });
            }
            (None, None) => {
                assert!(!line.trim_start().starts_with(FENCE), "a fence that is indented: {line}");
                if !line.trim().is_empty() {
                    before = line;
                }
            }
        }
    }
    assert!(open.is_none(), "a block that is not closed: {open:?}");
    found
}

/// The lines of a page without its blocks.
pub(crate) fn prose(page: &str) -> Vec<&str> {
    let mut is_open = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.starts_with(FENCE) {
            is_open = !is_open;
        } else if !is_open {
            lines.push(line);
        }
    }
    lines
}

/// What a page's text has in quotes of code, and the text without it.
pub(crate) fn spans(page: &str) -> (Vec<String>, String) {
    let (mut spans, mut rest) = (Vec::new(), String::new());
    // A span may go over the end of a line, and no farther than its paragraph.
    for paragraph in prose(page).join("\n").split("\n\n") {
        for (at, part) in paragraph.split('`').enumerate() {
            if at % 2 == 1 {
                spans.push(part.replace('\n', " "));
            } else {
                rest.push_str(part);
            }
        }
        rest.push_str("\n\n");
    }
    (spans, rest)
}

#[test]
fn blocks_are_parted_from_what_stands_around_them() {
    let page = "# A `b`\n\n`a/b.sql`:\n\n```sql\nSELECT 1;\n```\nsee [it](x.md) and `c\nd`\n";
    let found = blocks(page);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].info.as_str(), found[0].text.as_str()), ("sql", "SELECT 1;\n"));
    assert_eq!((found[0].line, found[0].file.as_deref()), (5, Some("a/b.sql")));
    let (code, rest) = spans(page);
    assert_eq!(code, ["b", "a/b.sql", "c d"]);
    assert!(rest.contains("[it](x.md)") && !rest.contains("SELECT"), "{rest}");
}
