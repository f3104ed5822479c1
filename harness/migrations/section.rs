//! Files that hold both scripts of a migration: a part of a text with the rest of it blank, and lines
//! with their places.
//!
//! Knows bytes and ends of lines. Must not know what parts two scripts.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::MigrationsError;

/// A mark at the beginning of files that some editors write.
pub(super) const BOM: char = '\u{feff}';

/// `text` with all but `kept` blank. It is as long as before and keeps its ends of lines, so what is kept
/// is where it was.
pub(super) fn only(text: &str, kept: Range<usize>) -> Arc<str> {
    let mut out = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if kept.contains(&at) || matches!(letter, '\n' | '\r') {
            out.push(letter);
        } else {
            // Bytes are counted, not characters.
            out.extend(std::iter::repeat_n(' ', letter.len_utf8()));
        }
    }
    out.into()
}

/// A line of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Where its first byte is.
    pub(super) at: usize,
    /// Counted from 1.
    pub(super) number: usize,
    /// Without its end.
    pub(super) text: &'a str,
}

/// The lines of a text.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut at = 0;
    text.split_inclusive('\n').enumerate().map(move |(index, whole)| {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let start = at;
        at += whole.len();
        Line { at: start, number: index + 1, text: line }
    })
}

/// Something between the lines of `path` is wrong.
pub(super) fn wrong(path: &Path, line: usize, problem: impl Into<String>) -> MigrationsError {
    MigrationsError::Marker { path: path.to_owned(), line, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::{lines, only};

    #[test]
    fn what_is_kept_stays_where_it_was() {
        let text = "-- é\r\nup;\n-- down ü\nback;\n";
        let at = text.find("-- down").unwrap();
        let (up, down) = (only(text, 0..at), only(text, at..text.len()));
        assert_eq!(&*up, "-- é\r\nup;\n          \n     \n");
        assert_eq!(&*down, "     \r\n   \n-- down ü\nback;\n");
        assert_eq!((up.len(), down.len()), (text.len(), text.len()));
    }

    #[test]
    fn lines_know_where_they_begin() {
        let text = "a\r\n\nb";
        let found: Vec<_> = lines(text).map(|line| (line.at, line.number, line.text)).collect();
        assert_eq!(found, [(0, 1, "a"), (3, 2, ""), (4, 3, "b")]);
    }
}
