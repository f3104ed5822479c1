//! Texts: `text`, `varchar`, `bpchar`, `name`, `"char"` and what behaves like them.
//!
//! Knows lengths and characters. Must not know what else may be written as text.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::family::{Family, Listed, filled, owned, pool, unique};

/// A length that is stored out of line, yet fits into an index.
const BIG: usize = 2100;
/// Up to here a value of the very length that the type allows is worth its size.
const WORTH: usize = 10_000;
/// Up to here the longest value fits into any index, beside another one.
const SHORT: usize = 1000;
/// Neighbours of lengths that columns are often given.
const LENGTHS: [usize; 5] = [33, 65, 101, 256, 300];

const EDGES: &[&str] = &[
    "",
    "a",
    "A",
    "a ",
    " a",
    "007",
    "0",
    "-1",
    "1.50",
    "null",
    "true",
    "a,b",
    "a b c",
    "x@example.org",
    "X@example.org",
    "\u{e9}\u{1f600}",
    "O'Neil \"x\" \\y",
];
/// Less likely to matter.
const MORE: &[&str] = &[
    "\u{e9}",
    "e\u{301}",
    "\u{df}",
    "\u{130}",
    "\u{1f600}",
    "a\u{a0}b",
    "\u{200f}a",
    "a\tb\nc",
    " ",
    "50%_",
    "{\"a\": 1}",
    "2024-02-29",
];
const PLAIN: &[&str] = &[
    "Ada",
    "Bob",
    "Grace Hopper",
    "blue",
    "order 17",
    "ada@example.com",
    "Main Street 5",
    "in progress",
];
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz     ABCDEF0123456789-_.,";
const WIDE: &str = "aZ09 \t\n'\"\\,;:{}()[]<>%$\u{e9}\u{301}\u{df}\u{130}\u{131}\u{f1}\u{4e2d}\u{3042}\u{5d0}\u{1f600}\u{a0}\u{200b}\u{fffd}";

pub(super) fn family(name: &str, modifier: i32) -> Option<Box<dyn Family>> {
    Some(match name {
        "text" | "refcursor" => Box::new(Text::unlimited()),
        "varchar" | "bpchar" => Box::new(Text::limited(modifier)),
        // Longer ones are cut without a word.
        "name" => Box::new(Text { limit: Some(63), is_in_bytes: true }),
        "char" => Box::new(CHAR),
        _ => return None,
    })
}

/// A text that may be limited in length.
pub(super) struct Text {
    limit: Option<usize>,
    is_in_bytes: bool,
}

impl Text {
    pub(super) fn unlimited() -> Self {
        Self { limit: None, is_in_bytes: false }
    }

    /// With the modifier of `varchar` or `bpchar`: the length and the four bytes of a header.
    fn limited(modifier: i32) -> Self {
        let limit = modifier.checked_sub(4).and_then(|it| usize::try_from(it).ok());
        Self { limit, is_in_bytes: false }
    }

    fn fits(&self, text: &str) -> bool {
        let length = if self.is_in_bytes { text.len() } else { text.chars().count() };
        self.limit.is_none_or(|limit| length <= limit)
    }

    fn fitting(&self, texts: &[&str]) -> Vec<String> {
        let mut texts = owned(texts);
        texts.retain(|text| self.fits(text));
        texts
    }

    /// Lengths that matter, ascending: only the last is big.
    fn lengths(&self) -> Vec<usize> {
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut lengths: Vec<usize> = LENGTHS.into_iter().filter(|it| *it < limit).collect();
        lengths.push(if limit <= WORTH { limit } else { BIG });
        lengths
    }

    fn most(&self, length: usize) -> usize {
        self.limit.map_or(length, |limit| limit.min(length))
    }
}

impl Family for Text {
    fn boundary(&self) -> Vec<String> {
        let mut texts = self.fitting(EDGES);
        texts.extend(self.limit.filter(|limit| *limit <= SHORT).map(noise));
        texts.extend(self.fitting(MORE));
        // As many characters as fit, each of two bytes.
        if let (Some(limit @ 2..=300), false) = (self.limit, self.is_in_bytes) {
            texts.push("\u{e9}".repeat(limit));
        }
        texts.extend(self.lengths().into_iter().map(noise));
        unique(texts)
    }

    fn plain(&self) -> Vec<String> {
        filled(self.fitting(PLAIN), |n| self.distinct(n))
    }

    fn canonical(&self) -> Vec<String> {
        owned(&["", "a"])
    }

    fn distinct(&self, n: u64) -> Option<String> {
        let limit = self.limit.unwrap_or(usize::MAX);
        let text = format!("a{}", n.checked_add(1)?);
        if self.fits(&text) {
            return Some(text);
        }
        let before = match limit {
            1 => 0,
            2..=5 => 10_u64.checked_pow(u32::try_from(limit - 1).ok()?)? - 1,
            _ => return None,
        };
        compact(n - before, limit)
    }

    fn any(&self) -> BoxedStrategy<String> {
        let known = self.known().into_iter().filter(|text| text.len() <= 300).collect();
        let words = drawn(LETTERS, self.most(16));
        let wide = drawn(WIDE, self.most(12));
        prop_oneof![4 => pool(known), 3 => words, 2 => wide].boxed()
    }
}

fn drawn(letters: &str, most: usize) -> impl Strategy<Value = String> + use<> {
    let letters: Vec<char> = letters.chars().collect();
    vec(select(letters), 0..=most).prop_map(|letters| letters.into_iter().collect())
}

/// The n-th text of this very length that does not begin as the counted ones do.
fn compact(n: u64, length: usize) -> Option<String> {
    const FIRST: &[u8] = b"bcdefghijklmnopqrstuvwxyz";
    const ALONE: &[u8] = b"bcdefghijklmnopqrstuvwxyza0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const REST: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut left = usize::try_from(n).ok()?;
    let mut text = Vec::new();
    for _ in 1..length {
        text.push(char::from(*REST.get(left % REST.len())?));
        left /= REST.len();
    }
    let first = if length == 1 { ALONE } else { FIRST };
    text.push(char::from(*first.get(left)?));
    Some(text.into_iter().rev().collect())
}

/// A text of this length that does not compress, so that a long one is really stored as long.
fn noise(length: usize) -> String {
    const SIGNS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut state: u64 = 0x2545_f491_4f6c_dd1d;
    let signs = (0..length).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        SIGNS.get(usize::from(state.to_le_bytes()[4] & 63)).map_or('x', |sign| char::from(*sign))
    });
    signs.collect()
}

/// One byte, whatever the encoding.
const CHAR: Listed = Listed {
    boundary: &["", "a", "A", " ", "0", "1", "~", "'", "\\"],
    plain: &["a", "b", "c", "r", "v", "x"],
    canonical: &["a", "b"],
    ordered: &["0", "1", "A", "B", "a", "b", "c"],
    distinct: |n| compact(n, 1),
    drawn: None,
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;

    #[test]
    fn lengths_are_kept() {
        for limit in [1, 2, 3, 5, 10, 64, 255, 4000] {
            let text = Text::limited(limit + 4);
            let limit = usize::try_from(limit).unwrap();
            let mut all = text.known();
            all.extend(text.canonical());
            let mut runner = TestRunner::deterministic();
            let strategy = text.any();
            all.extend((0..100).map(|_| strategy.new_tree(&mut runner).unwrap().current()));
            assert!(all.iter().all(|it| it.chars().count() <= limit), "{limit}: {all:?}");
            let longest = text.boundary().iter().map(|it| it.chars().count()).max();
            assert_eq!(longest, Some(limit));
        }
    }

    #[test]
    fn what_matters_comes_first() {
        let first: Vec<String> = Text::limited(40 + 4).boundary().into_iter().take(18).collect();
        assert!(first.contains(&String::new()) && first.contains(&"a ".to_owned()));
        assert!(first.iter().any(|it| it.contains('\u{1f600}')), "unicode: {first:?}");
        assert!(first.iter().any(|it| it.contains('\'') && it.contains('\\')), "quotes: {first:?}");
        assert!(first.iter().any(|it| it.chars().count() == 40), "the longest: {first:?}");
    }

    #[test]
    fn the_big_one_is_one_and_last() {
        for text in [Text::unlimited(), Text::limited(65_539)] {
            let boundary = text.boundary();
            let big = boundary.iter().filter(|it| it.len() > 2048).count();
            assert_eq!((big, boundary.last().unwrap().len()), (1, BIG));
        }
        assert_eq!(Text::limited(4004).boundary().last().unwrap().len(), 4000);
    }

    #[test]
    fn distinct_texts_are_distinct() {
        let count = |limit: i32| {
            let text = Text::limited(limit + 4);
            let all: Vec<_> = (0..40_000).map_while(|n| text.distinct(n)).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
            all.len()
        };
        assert_eq!((count(1), count(2), count(3)), (62, 9 + 25 * 36, 99 + 25 * 36 * 36));
        assert_eq!((count(4), count(6), count(40)), (40_000, 40_000, 40_000));
        assert_eq!(Text::limited(14).distinct(0).unwrap(), "a1");
        assert_eq!(Text::limited(6).distinct(9).unwrap(), "b0");
    }

    #[test]
    fn no_text_has_a_zero() {
        assert!(Text::unlimited().known().iter().all(|text| !text.contains('\0')));
    }
}
