//! Enums, arrays and rows.
//!
//! Knows how they are put together from what they are made of. Must not know the catalog.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

use super::family::{Family, owned, pool, unique};
use super::nested::{element, part};

/// How many plain values are made of those of the elements.
const PLAIN: usize = 8;
/// Longer ones are tried alone, and not once more within another value.
const SHORT: usize = 300;
/// How often a value is there where NULL is allowed.
const PRESENT: f64 = 0.9;

/// Labels, of which there is one at least.
pub(super) struct Labels(Vec<String>);

impl Labels {
    pub(super) fn new(labels: &[String]) -> Option<Self> {
        (!labels.is_empty()).then(|| Self(labels.to_vec()))
    }
}

impl Family for Labels {
    fn boundary(&self) -> Vec<String> {
        self.0.clone()
    }

    fn plain(&self) -> Vec<String> {
        self.0.iter().take(PLAIN).cloned().collect()
    }

    fn canonical(&self) -> Vec<String> {
        self.0.iter().take(2).cloned().collect()
    }

    fn distinct(&self, n: u64) -> Option<String> {
        self.0.get(usize::try_from(n).ok()?).cloned()
    }

    fn any(&self) -> BoxedStrategy<String> {
        pool(self.0.clone())
    }
}

fn perhaps(any: BoxedStrategy<String>, has_nulls: bool) -> BoxedStrategy<Option<String>> {
    if has_nulls { weighted(PRESENT, any).boxed() } else { any.prop_map(Some).boxed() }
}

/// An array of anything.
pub(super) struct Array {
    pub(super) element: Box<dyn Family>,
    pub(super) delimiter: char,
    /// Whether an element may be NULL: a domain may refuse it.
    pub(super) has_nulls: bool,
}

impl Array {
    fn of(&self, elements: &[&String]) -> String {
        array(elements.iter().map(|it| Some(it.as_str())), self.delimiter)
    }
}

fn array<'a>(elements: impl Iterator<Item = Option<&'a str>>, delimiter: char) -> String {
    let written = |text: Option<&str>| text.map_or("NULL".to_owned(), |it| element(it, delimiter));
    let elements: Vec<_> = elements.map(written).collect();
    format!("{{{}}}", elements.join(&delimiter.to_string()))
}

impl Family for Array {
    fn boundary(&self) -> Vec<String> {
        let plain = self.element.plain();
        let mut texts = owned(&["{}"]);
        let mark = self.delimiter;
        if let Some(one) = plain.first() {
            let other = plain.get(1).unwrap_or(one);
            let (single, pair) = (self.of(&[one]), self.of(&[one, other]));
            texts.push(single.clone());
            if self.has_nulls {
                texts.push("{NULL}".to_owned());
                texts.push(array([Some(one.as_str()), None].into_iter(), mark));
            }
            texts.push(self.of(&[one, one]));
            texts.push(format!("{{{pair}{mark}{}}}", self.of(&[other, one])));
            texts.push(format!("[0:1]={pair}"));
            texts.push(format!("[2:2]={single}"));
            texts.push(self.of(&plain.iter().cycle().take(40).collect::<Vec<_>>()));
        }
        let short = self.element.boundary().into_iter().filter(|text| text.len() <= SHORT);
        texts.extend(short.map(|text| self.of(&[&text])));
        unique(texts)
    }

    fn plain(&self) -> Vec<String> {
        let plain = self.element.plain();
        let pieces = (0..PLAIN).map(|at| {
            let wanted = plain.iter().cycle().skip(at).take(1 + at % 3);
            self.of(&wanted.collect::<Vec<_>>())
        });
        unique(pieces)
    }

    fn canonical(&self) -> Vec<String> {
        let one = self.element.canonical().into_iter().take(1);
        owned(&["{}"]).into_iter().chain(one.map(|text| self.of(&[&text]))).collect()
    }

    fn distinct(&self, n: u64) -> Option<String> {
        Some(self.of(&[&self.element.distinct(n)?]))
    }

    fn any(&self) -> BoxedStrategy<String> {
        let mark = self.delimiter;
        let drawn = vec(perhaps(self.element.any(), self.has_nulls), 0..6)
            .prop_map(move |elements| array(elements.iter().map(Option::as_deref), mark));
        prop_oneof![1 => pool(self.boundary()), 2 => drawn].boxed()
    }
}

/// A row; an attribute of a type that nobody knows is NULL.
pub(super) struct Composite(pub(super) Vec<Part>);

/// An attribute of a row.
pub(super) struct Part {
    pub(super) family: Option<Box<dyn Family>>,
    /// Whether it may be NULL: a domain may refuse it.
    pub(super) has_nulls: bool,
}

impl Part {
    fn simplest(&self) -> Option<String> {
        self.family.as_ref()?.canonical().into_iter().next()
    }
}

fn row<'a>(parts: impl Iterator<Item = Option<&'a str>>) -> String {
    let parts: Vec<_> = parts.map(|text| text.map_or(String::new(), part)).collect();
    format!("({})", parts.join(","))
}

impl Composite {
    /// The rows of what each attribute has: the longest list once, shorter ones again and again.
    fn zipped(&self, list: impl Fn(&dyn Family) -> Vec<String>) -> Vec<String> {
        let lists: Vec<Vec<String>> =
            self.0.iter().map(|it| it.family.as_deref().map(&list).unwrap_or_default()).collect();
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
        let picked = |at: usize| {
            row(lists.iter().map(|list| list.iter().cycle().nth(at).map(String::as_str)))
        };
        unique((0..longest.max(1)).map(picked))
    }

    /// Rows with one attribute NULL, and the one with all.
    fn with_nulls(&self) -> Vec<String> {
        let values: Vec<_> = self.0.iter().map(Part::simplest).collect();
        let without = |gap: Option<usize>| {
            let kept = |at: usize| gap.is_some_and(|gap| gap != at);
            let parts = values.iter().enumerate().zip(&self.0);
            row(parts.map(|((at, value), part)| {
                value.as_deref().filter(|_| !part.has_nulls || kept(at))
            }))
        };
        std::iter::once(without(None))
            .chain((0..values.len()).map(|gap| without(Some(gap))))
            .collect()
    }
}

impl Family for Composite {
    fn boundary(&self) -> Vec<String> {
        let edges = self.zipped(|family| {
            family.boundary().into_iter().filter(|text| text.len() <= SHORT).collect()
        });
        unique(self.with_nulls().into_iter().chain(edges))
    }

    fn plain(&self) -> Vec<String> {
        self.zipped(|family| family.plain())
    }

    fn canonical(&self) -> Vec<String> {
        self.zipped(|family| family.canonical())
    }

    fn distinct(&self, n: u64) -> Option<String> {
        let own: Vec<_> =
            self.0.iter().map(|part| part.family.as_ref().and_then(|it| it.distinct(n))).collect();
        own.iter().any(Option::is_some).then(|| {
            let parts = own.into_iter().zip(&self.0);
            let parts: Vec<_> =
                parts.map(|(value, part)| value.or_else(|| part.simplest())).collect();
            row(parts.iter().map(Option::as_deref))
        })
    }

    fn any(&self) -> BoxedStrategy<String> {
        let parts: Vec<BoxedStrategy<Option<String>>> = self
            .0
            .iter()
            .map(|part| match &part.family {
                Some(family) => perhaps(family.any(), part.has_nulls),
                None => Just(None).boxed(),
            })
            .collect();
        let drawn = parts.prop_map(|parts| row(parts.iter().map(Option::as_deref)));
        prop_oneof![1 => pool(self.boundary()), 3 => drawn].boxed()
    }
}
