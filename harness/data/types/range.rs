//! Ranges and multiranges.
//!
//! Knows bounds in the order of their type, which the type itself gives. Must not know the
//! catalog.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::family::{Family, owned, pool, unique};
use super::nested::part;

/// How many plain ranges there are at most.
const PLAIN: usize = 8;

/// A range over anything.
pub(super) struct Range(pub(super) Box<dyn Family>);

fn range(open: &str, low: &str, high: &str, close: &str) -> String {
    format!("{open}{},{}{close}", part(low), part(high))
}

/// From each to the next.
fn steps(values: &[String]) -> Vec<String> {
    let pairs = values.iter().zip(values.iter().skip(1));
    pairs.take(PLAIN).map(|(low, high)| range("[", low, high, ")")).collect()
}

impl Family for Range {
    fn boundary(&self) -> Vec<String> {
        let mut texts = owned(&["empty"]);
        let usual = self.0.usual();
        if let [low, .., high] = usual.as_slice() {
            let (low, high) = (part(low), part(high));
            texts.extend([
                format!("[{low},{low}]"),
                "(,)".to_owned(),
                format!("[{low},)"),
                format!("(,{high})"),
                format!("(,{high}]"),
                format!("[{low},{high})"),
                format!("[{low},{high}]"),
                format!("({low},{high})"),
                format!("({low},{high}]"),
            ]);
        } else {
            texts.push("(,)".to_owned());
        }
        texts.extend(steps(&self.0.ordered()));
        if let [low, .., high] = self.0.ordered().as_slice() {
            texts.push(range("[", low, high, "]"));
        }
        unique(texts)
    }

    fn plain(&self) -> Vec<String> {
        let usual = self.0.usual();
        let mut texts = steps(&usual);
        if texts.is_empty() {
            texts.push("(,)".to_owned());
        }
        texts
    }

    fn canonical(&self) -> Vec<String> {
        owned(&["empty"]).into_iter().chain(self.plain().into_iter().take(1)).collect()
    }

    // None overlaps another: what an EXCLUDE asks of them. Nor does it matter then whether the
    // distinct values come in the type's order.
    fn distinct(&self, n: u64) -> Option<String> {
        let value = self.0.distinct(n)?;
        Some(range("[", &value, &value, "]"))
    }

    fn any(&self) -> BoxedStrategy<String> {
        let values = self.0.ordered();
        if values.is_empty() {
            return pool(self.boundary());
        }
        let places = (0..values.len(), 0..values.len());
        let drawn = (places, select(&["[", "[", "("][..]), select(&[")", ")", "]"][..]));
        let drawn = drawn.prop_map(move |((one, other), open, close)| {
            let at = |place: usize| values.get(place).map_or("", String::as_str);
            range(open, at(one.min(other)), at(one.max(other)), close)
        });
        prop_oneof![1 => pool(self.boundary()), 2 => drawn].boxed()
    }
}

/// A multirange over a range.
pub(super) struct Multirange(pub(super) Range);

fn multirange(ranges: &[String]) -> String {
    format!("{{{}}}", ranges.join(","))
}

impl Family for Multirange {
    fn boundary(&self) -> Vec<String> {
        let plain = self.0.plain();
        let mut texts = owned(&["{}", "{empty}", "{(,)}"]);
        if let [first, second, third, ..] = plain.as_slice() {
            let lists: [&[&String]; 3] = [&[first, second], &[first, third], &[first, first]];
            texts.extend(
                lists.map(|list| {
                    multirange(&list.iter().map(|it| (*it).clone()).collect::<Vec<_>>())
                }),
            );
        }
        texts.extend(self.0.boundary().into_iter().map(|it| multirange(&[it])));
        unique(texts)
    }

    fn plain(&self) -> Vec<String> {
        let plain = self.0.plain();
        let alone = plain.iter().map(|it| multirange(std::slice::from_ref(it)));
        let pairs = plain.iter().zip(plain.iter().skip(2));
        let pairs = pairs.map(|(one, other)| multirange(&[one.clone(), other.clone()]));
        unique(alone.take(PLAIN / 2).chain(pairs.take(PLAIN / 2)))
    }

    fn canonical(&self) -> Vec<String> {
        let one = self.0.plain().into_iter().take(1).map(|it| multirange(&[it]));
        owned(&["{}"]).into_iter().chain(one).collect()
    }

    fn distinct(&self, n: u64) -> Option<String> {
        Some(multirange(&[self.0.distinct(n)?]))
    }

    fn any(&self) -> BoxedStrategy<String> {
        let drawn = vec(self.0.any(), 0..4).prop_map(|ranges| multirange(&ranges));
        prop_oneof![1 => pool(self.boundary()), 2 => drawn].boxed()
    }
}
