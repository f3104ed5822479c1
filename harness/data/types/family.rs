//! What a family of types can give.
//!
//! Knows texts and strategies. Must not know the catalog, nor how types are made of others.

use proptest::prelude::*;
use proptest::sample::select;

/// A written list of values.
pub(super) type Texts = &'static [&'static str];

/// How many ordinary values a type gives where it has as many.
const PLAIN: usize = 6;
/// How many distinct values go into a pool.
const POOLED: u64 = 40;
/// How many values are put in order for the bounds of ranges. More than nine would need an order of
/// texts of different lengths, which depends on the collation.
const ORDERED: u64 = 9;

/// A type together with its modifier, as far as values go.
pub(super) trait Family {
    /// Edge cases, worth first; without repeats.
    fn boundary(&self) -> Vec<String>;

    /// Ordinary values; without repeats.
    fn plain(&self) -> Vec<String>;

    /// The simplest values, the very simplest first.
    fn canonical(&self) -> Vec<String>;

    /// The n-th of distinct ordinary values.
    fn distinct(&self, n: u64) -> Option<String>;

    /// Anything.
    fn any(&self) -> BoxedStrategy<String> {
        pool(self.known())
    }

    /// A few ordinary values in the type's own order, ascending.
    fn usual(&self) -> Vec<String> {
        (0..ORDERED).map_while(|n| self.distinct(n)).collect()
    }

    /// The same with extreme ones among them.
    fn ordered(&self) -> Vec<String> {
        self.usual()
    }

    /// All values that are not random.
    fn known(&self) -> Vec<String> {
        let mut known = self.boundary();
        known.extend(self.plain());
        known.extend((0..POOLED).map_while(|n| self.distinct(n)));
        known
    }
}

/// One of these.
pub(super) fn pool(texts: Vec<String>) -> BoxedStrategy<String> {
    // `select` has nothing to give from an empty list and panics.
    if texts.is_empty() { Just(String::new()).boxed() } else { select(texts).boxed() }
}

/// Owned copies.
pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The list without repeats, in its order.
pub(super) fn unique(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    for text in texts {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// The list and so many distinct values that there are enough.
pub(super) fn filled(
    mut texts: Vec<String>,
    distinct: impl Fn(u64) -> Option<String>,
) -> Vec<String> {
    let mut more = (0..POOLED).map_while(distinct);
    while texts.len() < PLAIN {
        let Some(text) = more.next() else { break };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

/// A type without modifier, written down.
pub(super) struct Listed {
    pub(super) boundary: Texts,
    pub(super) plain: Texts,
    pub(super) canonical: Texts,
    /// Ascending; empty where the distinct values are all there is.
    pub(super) ordered: Texts,
    pub(super) distinct: fn(u64) -> Option<String>,
    /// What is drawn beside the lists.
    pub(super) drawn: Option<fn() -> BoxedStrategy<String>>,
}

impl Listed {
    /// A type of which only these values are known to be in every database.
    pub(super) const fn few(boundary: Texts, plain: Texts, canonical: Texts) -> Self {
        Self { boundary, plain, canonical, ordered: &[], distinct: |_| None, drawn: None }
    }
}

impl Family for Listed {
    fn boundary(&self) -> Vec<String> {
        owned(self.boundary)
    }

    fn plain(&self) -> Vec<String> {
        filled(owned(self.plain), self.distinct)
    }

    fn canonical(&self) -> Vec<String> {
        owned(self.canonical)
    }

    fn distinct(&self, n: u64) -> Option<String> {
        (self.distinct)(n)
    }

    fn any(&self) -> BoxedStrategy<String> {
        let known = pool(self.known());
        match self.drawn {
            Some(drawn) => prop_oneof![2 => known, 3 => drawn()].boxed(),
            None => known,
        }
    }

    fn ordered(&self) -> Vec<String> {
        if self.ordered.is_empty() { self.usual() } else { owned(self.ordered) }
    }
}
