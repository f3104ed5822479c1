//! Types of which only the server knows what they take.
//!
//! Knows texts that the server took. Must not know how it was asked.

use super::family::Family;

/// So many of the texts are simple enough to stand for all.
const SIMPLE: usize = 2;

/// Texts that are of a type, each another value.
pub(super) struct Told(Vec<String>);

impl Told {
    pub(super) fn new(texts: &[String]) -> Option<Self> {
        (!texts.is_empty()).then(|| Self(texts.to_vec()))
    }
}

impl Family for Told {
    fn boundary(&self) -> Vec<String> {
        self.0.clone()
    }

    fn plain(&self) -> Vec<String> {
        self.0.clone()
    }

    fn canonical(&self) -> Vec<String> {
        self.0.iter().take(SIMPLE).cloned().collect()
    }

    fn distinct(&self, n: u64) -> Option<String> {
        self.0.get(usize::try_from(n).ok()?).cloned()
    }
}
