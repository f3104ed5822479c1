//! What must not be told: a value that never shows itself, and text without the secrets in it.
//!
//! Knows text only: how secrets are written in URLs, settings and JSON. Must not know whose they
//! are, nor where the text goes.

mod planted;
mod shape;

use std::borrow::Cow;
use std::fmt;

/// What stands for a secret.
const HIDDEN: &str = "***";

/// Below so many bytes a secret can't be searched for: it would be found in every other word.
const SHORTEST: usize = 4;

/// A text that never shows itself: it has no `Display`, and its `Debug` is `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever must send it. Never for a message, a log or a report.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(HIDDEN)
    }
}

/// Takes secrets out of texts that go anywhere: logs, reports, alerts, messages.
#[derive(Clone, Default)]
pub struct Scrubber {
    planted: Vec<Vec<u8>>,
}

impl Scrubber {
    /// Knows these secrets, and without them what a secret looks like.
    ///
    /// One of fewer than four bytes is not searched for, since texts would be mutilated; in the
    /// places where it looks like one (a URL's password, `password=`) it is taken out all the same.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let long = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST);
        let mut planted: Vec<Vec<u8>> = long.map(|secret| secret.as_bytes().to_vec()).collect();
        planted.sort_unstable();
        planted.dedup();
        Self { planted }
    }

    /// The text with `***` in the place of
    ///
    /// - every known secret, as it is, percent-encoded, or escaped for JSON or SQL,
    /// - the password of anything that looks like a URL, `scheme://user:password@`,
    /// - the value of anything that is set and called a password, a secret or a token:
    ///   `password=..`, `PGPASSWORD='..'`, `&sslpassword=..`, `"password": ".."`, `PASSWORD '..'`.
    ///
    /// A text without any of them is borrowed.
    pub fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = self.without_planted(Cow::Borrowed(text));
        match hidden(&text, &shape::find(&text)) {
            Some(other) => self.without_planted(Cow::Owned(other)),
            None => text,
        }
    }

    fn without_planted<'t>(&self, mut text: Cow<'t, str>) -> Cow<'t, str> {
        // What stood on both sides of a secret may make one: each round makes the text shorter.
        while let Some(shorter) = hidden(&text, &planted::find(text.as_bytes(), &self.planted)) {
            text = Cow::Owned(shorter);
        }
        text
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Scrubber({} secrets)", self.planted.len())
    }
}

/// From a byte to before another.
type Span = std::ops::Range<usize>;

/// The text with these parts hidden, wherever they overlap or touch as one; `None` if there is none.
fn hidden(text: &str, spans: &[Span]) -> Option<String> {
    let mut spans = spans.to_vec();
    spans.sort_unstable_by_key(|span| span.start);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    let mut has_any = false;
    for span in spans {
        let (start, end) = (span.start.max(from), span.end);
        if end <= from && has_any {
            continue;
        }
        let touches = has_any && start == from && span.start <= from;
        out.push_str(text.get(from..start)?);
        if !touches {
            out.push_str(HIDDEN);
        }
        (from, has_any) = (end, true);
    }
    out.push_str(text.get(from..)?);
    has_any.then_some(out)
}

#[cfg(test)]
mod tests;
