//! How often each query came, how long it took, and with what.
//!
//! Knows counts and a sample of values, of bounded size. Must not know what values are for.

use std::collections::{BTreeMap, HashMap, HashSet};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::normal::{self, Keys, Normal, Slot};
use super::skip::{Skip, by_kind, by_names};

/// So many tuples of values are kept for a query.
const TUPLES: usize = 1000;
/// Of all of them together so many cells and bytes, about.
const CELLS: usize = 20_000;
const BYTES: usize = 1 << 22;
/// So many values are listed where they say nothing about anybody.
const PLAIN: usize = 5;
/// A query may have so many parameters.
pub(super) const PARAMETERS: usize = 500;
/// A value longer than this is not kept.
const LONGEST: usize = 4096;
/// So many different queries, and lengths of lists of one, are told apart.
const QUERIES: usize = 50_000;
const VARIANTS: usize = 100;
/// So many texts are taken apart once only.
const KNOWN: usize = 10_000;

/// One value as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Text(String),
    /// Not said, cut off, or too long.
    Unknown,
}

impl Cell {
    pub(super) fn of(text: String) -> Self {
        if text.len() > LONGEST { Self::Unknown } else { Self::Text(text) }
    }
}

/// Something that was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent<'s> {
    pub(super) text: &'s str,
    pub(super) calls: u64,
    /// How long all of these calls took together.
    pub(super) millis: Option<f64>,
    /// The values of its placeholders.
    pub(super) bound: Vec<Cell>,
}

/// A query with lists of certain lengths.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    /// Its text, as it came first.
    pub(super) text: String,
    pub(super) calls: u64,
    /// For each slot the literal that it always had; `None` for placeholders and where it varies.
    pub(super) same: Vec<Option<String>>,
    /// Whether values came beside the text: then what is in the text is the application's own.
    pub(super) has_placeholders: bool,
    /// A sample of values, a cell for each slot; nothing where values are not wanted.
    pub(super) tuples: Vec<Vec<Cell>>,
    /// Of slots that say nothing about anybody some values, by slots.
    pub(super) plain: BTreeMap<usize, Vec<String>>,
    offered: u64,
    /// How long all cells of the sample are.
    bytes: usize,
}

/// How often a query came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) calls: u64,
    pub(super) timed: u64,
    pub(super) millis: f64,
}

/// A query, whatever the length of lists in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) calls: u64,
    /// The calls whose time is known, and how long they took together.
    pub(super) timed: u64,
    pub(super) millis: f64,
    variants: HashMap<String, Variant>,
}

impl Group {
    /// The variant that came most often, of those that are not too long if there is one.
    pub(super) fn usual(&self) -> Option<&Variant> {
        self.variants.values().max_by(|a, b| {
            let fits = |it: &Variant| it.same.len() <= PARAMETERS;
            fits(a).cmp(&fits(b)).then(a.calls.cmp(&b.calls)).then_with(|| b.text.cmp(&a.text))
        })
    }

    pub(super) fn counted(&self) -> Counted {
        Counted { calls: self.calls, timed: self.timed, millis: self.millis }
    }

    pub(super) fn variants(&self) -> usize {
        self.variants.len()
    }
}

/// What was counted.
pub(super) struct Tally {
    groups: HashMap<String, Group>,
    known: HashMap<String, (Keys, Vec<Slot>)>,
    pub(super) skipped: BTreeMap<Skip, u64>,
    /// Calls of queries that came when there were too many already.
    pub(super) crowded: u64,
    /// Whether values are wanted.
    values: bool,
    /// Tables that are called like catalogs and are none.
    own: HashSet<String>,
    random: ChaCha8Rng,
}

impl Tally {
    pub(super) fn new(values: bool, own: HashSet<String>) -> Self {
        Self {
            values,
            own,
            groups: HashMap::new(),
            known: HashMap::new(),
            skipped: BTreeMap::new(),
            crowded: 0,
            random: ChaCha8Rng::seed_from_u64(0),
        }
    }

    pub(super) fn skip(&mut self, why: Skip) {
        *self.skipped.entry(why).or_default() += 1;
    }

    /// Counts one statement; whether it is a query of an application.
    pub(super) fn add(&mut self, sent: &Sent<'_>) -> bool {
        if let Some((keys, slots)) = self.known.get(sent.text) {
            let (keys, slots) = (keys.clone(), slots.clone());
            self.count(keys, &slots, sent);
            return true;
        }
        let normal = match by_kind(sent.text) {
            Some(why) => Err(why),
            None => Normal::read(sent.text).ok_or(Skip::Unreadable),
        };
        let normal = match normal.and_then(|it| by_names(&it, &self.own).map_or(Ok(it), Err)) {
            Ok(normal) => normal,
            Err(why) => {
                self.skip(why);
                return false;
            }
        };
        let (keys, slots) = (normal.keys(), normal.slots);
        // Texts with placeholders come again and again.
        if self.known.len() < KNOWN && slots.iter().any(|slot| slot.number.is_some()) {
            self.known.insert(sent.text.to_owned(), (keys.clone(), slots.clone()));
        }
        self.count(keys, &slots, sent);
        true
    }

    fn count(&mut self, keys: Keys, slots: &[Slot], sent: &Sent<'_>) {
        if self.groups.len() >= QUERIES && !self.groups.contains_key(&keys.query) {
            self.crowded += sent.calls;
            return;
        }
        let group = self.groups.entry(keys.query).or_default();
        group.calls += sent.calls;
        if let Some(millis) = sent.millis {
            group.timed += sent.calls;
            group.millis += millis;
        }
        if group.variants.len() >= VARIANTS && !group.variants.contains_key(&keys.exact) {
            return;
        }
        let variant = group.variants.entry(keys.exact).or_insert_with(|| Variant {
            text: sent.text.to_owned(),
            calls: 0,
            same: slots
                .iter()
                .map(|slot| slot.number.is_none().then(|| slot.text.clone()))
                .collect(),
            has_placeholders: slots.iter().any(|slot| slot.number.is_some()),
            tuples: Vec::new(),
            plain: BTreeMap::new(),
            offered: 0,
            bytes: 0,
        });
        variant.calls += sent.calls;
        for (same, slot) in variant.same.iter_mut().zip(slots) {
            if same.as_ref().is_some_and(|text| *text != slot.text) {
                *same = None;
            }
        }
        for (nth, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.is_plain) {
            let found = variant.plain.entry(nth).or_default();
            if found.len() < PLAIN
                && let Cell::Text(text) = cell(slot, &sent.bound)
                && !found.contains(&text)
            {
                found.push(text);
            }
        }
        if self.values && slots.len() <= PARAMETERS {
            let cells = slots.iter().map(|slot| cell(slot, &sent.bound)).collect();
            variant.offer(cells, &mut self.random);
        }
    }

    /// The queries, in no order.
    pub(super) fn into_groups(self) -> Vec<(String, Group)> {
        self.groups.into_iter().collect()
    }
}

impl Variant {
    /// Keeps this tuple, or not: each that was offered has the same chance.
    fn offer(&mut self, cells: Vec<Cell>, random: &mut ChaCha8Rng) {
        self.offered += 1;
        let bytes = length(&cells);
        let room = TUPLES.min(CELLS / cells.len().max(1));
        if self.tuples.len() < room && self.bytes + bytes <= BYTES {
            self.bytes += bytes;
            self.tuples.push(cells);
            return;
        }
        let at = random.random_range(0..self.offered);
        let slot = usize::try_from(at).ok().and_then(|at| self.tuples.get_mut(at));
        if let Some(slot) = slot {
            let after = self.bytes - length(slot) + bytes;
            if after <= BYTES {
                self.bytes = after;
                *slot = cells;
            }
        }
    }
}

fn length(cells: &[Cell]) -> usize {
    let of = |cell: &Cell| if let Cell::Text(text) = cell { text.len() } else { 0 };
    cells.iter().map(of).sum()
}

fn cell(slot: &Slot, bound: &[Cell]) -> Cell {
    match slot.number {
        Some(number) => {
            let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            at.and_then(|at| bound.get(at)).cloned().unwrap_or(Cell::Unknown)
        }
        None if slot.text.eq_ignore_ascii_case("null") => Cell::Null,
        None => normal::value(&slot.text).map_or(Cell::Unknown, Cell::of),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{BYTES, Cell, PARAMETERS, Sent, TUPLES, Tally};
    use crate::workload::import::skip::Skip;

    fn sent(text: &str) -> Sent<'_> {
        Sent { text, calls: 1, millis: Some(2.0), bound: Vec::new() }
    }

    #[test]
    fn queries_are_counted_by_what_they_have_in_common() {
        let mut tally = Tally::new(true, HashSet::new());
        for number in 0..3000 {
            tally.add(&sent(&format!("SELECT a FROM t WHERE b = {number} AND c = 'x'")));
        }
        for text in [
            "SELECT a FROM t WHERE d IN (1)",
            "SELECT a FROM t WHERE d IN (1, 2)",
            "SELECT a FROM t WHERE d IN (3, 4)",
            "BEGIN",
            "COMMIT",
            "SELECT 'a",
        ] {
            tally.add(&sent(text));
        }
        assert_eq!((tally.skipped[&Skip::Transaction], tally.skipped[&Skip::Unreadable]), (2, 1));
        let mut groups = tally.into_groups();
        groups.sort_by_key(|(_, group)| group.calls);
        let [(_, few), (_, many)] = groups.as_slice() else { panic!("{groups:?}") };
        assert_eq!((few.calls, few.variants(), few.usual().unwrap().calls), (3, 2, 2));
        assert_eq!((many.calls, many.timed, many.millis), (3000, 3000, 6000.0));
        let usual = many.usual().unwrap();
        assert_eq!(usual.same, [None, Some("'x'".to_owned())]);
        assert_eq!(usual.tuples.len(), TUPLES);
        // A sample of all of them, not the first ones.
        let late = |cells: &&Vec<Cell>| matches!(&cells[0], Cell::Text(text) if text.parse::<u32>().unwrap() > 2000);
        assert!(usual.tuples.iter().filter(late).count() > TUPLES / 10);
    }

    #[test]
    fn no_more_values_are_kept_than_are_needed() {
        let mut few = Tally::new(false, HashSet::new());
        let mut many = Tally::new(true, HashSet::new());
        for number in 0..2000 {
            let text = format!("SELECT a FROM t WHERE b = '{}' LIMIT {number}", "x".repeat(4000));
            few.add(&sent(&text));
            many.add(&sent(&text));
        }
        let groups = few.into_groups();
        let usual = groups[0].1.usual().unwrap();
        assert!(usual.tuples.is_empty());
        assert_eq!(usual.plain[&1], ["0", "1", "2", "3", "4"]);
        let groups = many.into_groups();
        let usual = groups[0].1.usual().unwrap();
        assert!(usual.tuples.len() > 900 && usual.bytes <= BYTES);
    }

    #[test]
    fn a_list_that_is_too_long_speaks_for_nobody() {
        let mut tally = Tally::new(true, HashSet::new());
        let long = vec!["1"; PARAMETERS + 1].join(", ");
        for list in [long.as_str(), long.as_str(), "1, 2"] {
            tally.add(&sent(&format!("SELECT a FROM t WHERE b IN ({list})")));
        }
        let groups = tally.into_groups();
        assert_eq!(groups[0].1.usual().unwrap().same.len(), 2);
    }

    #[test]
    fn placeholders_take_what_came_beside_them() {
        let mut tally = Tally::new(true, HashSet::new());
        for (one, two) in [("1", "x"), ("2", "y")] {
            let bound = vec![Cell::of(one.to_owned()), Cell::of(two.to_owned())];
            let text = "SELECT a FROM t WHERE b = $2 AND c = $1 AND d = 5";
            tally.add(&Sent { text, calls: 1, millis: None, bound });
        }
        let groups = tally.into_groups();
        let usual = groups[0].1.usual().unwrap();
        let text = |text: &str| Cell::of(text.to_owned());
        assert_eq!(
            usual.tuples,
            [[text("x"), text("1"), text("5")], [text("y"), text("2"), text("5")]]
        );
        assert_eq!(usual.same, [None, None, Some("5".to_owned())]);
        assert!(usual.has_placeholders);
    }
}
