//! Comments, where intent is written beside the SQL.
//!
//! Knows where comments are and what stands in them. Must not know what their words mean.

use std::ops::Range;

use super::token::{TokenKind, tokens};

/// A line comment or a block comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment<'a> {
    /// What stands in it, without `--` or `/*` and `*/` and without outer blanks.
    pub text: &'a str,
    /// The whole comment with its marks; the end of the line is not in it.
    pub bytes: Range<usize>,
}

/// The comments of a text, in order. What looks like a comment inside of a string is none.
pub fn comments(text: &str) -> impl Iterator<Item = Comment<'_>> {
    tokens(text).filter_map(|token| {
        let whole = text.get(token.bytes.clone())?;
        let inner = match token.kind {
            TokenKind::LineComment => whole.strip_prefix("--")?,
            TokenKind::BlockComment => whole.strip_prefix("/*")?.strip_suffix("*/")?,
            _ => return None,
        };
        Some(Comment { text: inner.trim(), bytes: token.bytes })
    })
}

#[cfg(test)]
mod tests {
    use super::comments;

    #[test]
    fn comments_are_found_outside_of_strings_only() {
        let text =
            "-- stairway: lossy a.b \r\nselect '-- no', $$ /* no */ $$, \"--\" /* x /* y */ */;--";
        let found: Vec<_> = comments(text).collect();
        let texts: Vec<_> = found.iter().map(|comment| comment.text).collect();
        assert_eq!(texts, ["stairway: lossy a.b", "x /* y */", ""]);
        assert_eq!(text.get(found[0].bytes.clone()), Some("-- stairway: lossy a.b "));
        assert_eq!(text.get(found[1].bytes.clone()), Some("/* x /* y */ */"));
    }

    #[test]
    fn a_comment_inside_of_a_continued_string_is_still_found() {
        let texts: Vec<_> = comments("select e'a' -- one\n'\\' -- two'").map(|c| c.text).collect();
        assert_eq!(texts, ["one"]);
    }
}
