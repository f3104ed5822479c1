//! Places in a file's text.
//!
//! Knows bytes, lines and columns. Must not read files.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A place in a file, as bytes of its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The file.
    pub file: PathBuf,
    /// Bytes of the file's text, on character boundaries.
    pub bytes: Range<usize>,
    /// The line of the first byte, counted from 1.
    pub line: u32,
}

impl Span {
    /// A span over `bytes` of `text`, which is the text of `file`. Bytes outside of the text or
    /// inside a character are moved to the next boundary below.
    pub fn new(file: impl Into<PathBuf>, text: &str, bytes: Range<usize>) -> Self {
        let start = floor(text, bytes.start);
        let end = floor(text, bytes.end).max(start);
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        Self { file: file.into(), bytes: start..end, line: u32::try_from(line).unwrap_or(u32::MAX) }
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
