//! A deck of DDL: one card for each statement, with holes that are filled from what a database has
//! at the moment.
//!
//! `{a|b}` is one of two texts and `{name}` a hole of `holes.txt`: a text with holes of its own, or a
//! query whose rows are what fits. A hole has one filling within a statement; `{name2}` is another
//! one of the same sort; one in capitals is a part of queries. `--alone` marks what refuses a transaction, `--@17+` the majors.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use stairway::postgres::Session;

/// What each database begins with.
pub(crate) const START: &str = include_str!("start.sql");

const FEW_KINDS: usize = 6;
const FEW_FILLINGS: usize = 3;

/// How often a kind is given another card after one that could not be played.
const TRIES: usize = 6;

#[derive(Debug)]
enum Piece {
    Text(String),
    Hole(String),
    Choice(Vec<Vec<Piece>>),
}

#[derive(Debug)]
struct Card {
    kind: usize,
    line: String,
    pieces: Vec<Piece>,
    is_alone: bool,
    filled: usize,
    played: usize,
    /// The last statement that the server did not take, and why.
    refused: Option<String>,
}

/// A statement, and the card that it came from.
#[derive(Clone, Debug)]
pub(crate) struct Dealt {
    card: usize,
    pub(crate) sql: String,
}

#[derive(Debug)]
struct Focus {
    kinds: Vec<usize>,
    salt: u64,
}

/// Deals statements, the same ones for the same seed and databases.
pub(crate) struct Deck {
    rng: TestRng,
    /// Few kinds and few fillings for each hole, so that what was done is undone and done again.
    focus: Option<Focus>,
    holes: BTreeMap<String, Vec<Piece>>,
    kinds: Vec<String>,
    cards: Vec<Card>,
    /// The kinds that come next, with the cards that were tried in vain.
    next: VecDeque<(usize, usize)>,
    /// The cards of each kind, those that were dealt longest ago first.
    heaps: Vec<VecDeque<usize>>,
}

impl Deck {
    /// The cards for servers of `major`.
    pub(crate) fn new(major: u32) -> Self {
        let (mut kinds, mut cards) = (Vec::<String>::new(), Vec::new());
        for line in lines(include_str!("statements.sql")) {
            if let Some(kind) = line.strip_prefix("-- ") {
                kinds.push(kind.to_owned());
                continue;
            }
            let (line, marks) = line.split_once(" --").unwrap_or((line, ""));
            let majors = marks.split_once('@').map_or("", |(_, majors)| majors);
            if stands(majors, major) {
                cards.push(Card {
                    kind: kinds.len() - 1,
                    line: line.to_owned(),
                    pieces: pieces(line),
                    is_alone: marks.starts_with("alone"),
                    filled: 0,
                    played: 0,
                    refused: None,
                });
            }
        }
        let holes = lines(include_str!("holes.txt")).map(|line| {
            let (name, text) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            (name.to_owned(), pieces(text))
        });
        let mut deck = Self {
            rng: TestRng::from_seed(RngAlgorithm::ChaCha, &[0; 32]),
            focus: None,
            holes: holes.collect(),
            heaps: vec![VecDeque::new(); kinds.len()],
            kinds,
            cards,
            next: VecDeque::new(),
        };
        deck.shuffle(0);
        deck
    }

    /// Begins anew with the cards in another order.
    pub(crate) fn shuffle(&mut self, seed: u64) {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        self.rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        self.next.clear();
        self.heaps.iter_mut().for_each(VecDeque::clear);
        for at in self.shuffled(self.cards.len()) {
            self.heaps[self.cards[at].kind].push_back(at);
        }
    }

    /// Deals from few kinds and about few objects from now on, or of everything.
    pub(crate) fn focus(&mut self, is_narrow: bool) {
        self.next.clear();
        self.focus = is_narrow.then(|| {
            let mut kinds = self.shuffled(self.kinds.len()).split_off(self.kinds.len() - FEW_KINDS);
            let returns = |kind: &usize| self.kinds[*kind].ends_with("there and back");
            kinds.extend((0..self.kinds.len()).filter(returns));
            Focus { kinds, salt: self.rng.random() }
        });
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    fn shuffled(&mut self, length: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..length).collect();
        for at in (1..length).rev() {
            all.swap(at, self.rng.random_range(0..=at));
        }
        all
    }

    /// The next statement: of each kind one before any comes again. `None` if what its holes ask
    /// for is not there. Within a transaction, none that refuses one.
    pub(crate) async fn deal(&mut self, session: &mut Session, within: bool) -> Option<Dealt> {
        if self.next.is_empty() {
            let mut kinds = self.shuffled(self.kinds.len());
            kinds.retain(|kind| self.focus.as_ref().is_none_or(|few| few.kinds.contains(kind)));
            self.next = kinds.into_iter().map(|kind| (kind, 0)).collect();
        }
        let (kind, tries) = self.next.pop_front()?;
        let at = self.heaps[kind].iter().position(|card| !within || !self.cards[*card].is_alone);
        let Some(at) = at else {
            self.next.push_back((kind, tries));
            return None;
        };
        let card = self.heaps[kind].remove(at).unwrap();
        self.heaps[kind].push_back(card);
        if tries < TRIES {
            self.next.push_front((kind, tries + 1));
        }
        let pieces = std::mem::take(&mut self.cards[card].pieces);
        let mut filling = Filling {
            rng: &mut self.rng,
            salt: self.focus.as_ref().map(|focus| focus.salt),
            holes: &self.holes,
            session,
            known: BTreeMap::new(),
        };
        let sql = filling.fill(&pieces, false).await;
        self.cards[card].pieces = pieces;
        self.cards[card].filled += usize::from(sql.is_some());
        sql.map(|sql| Dealt { card, sql })
    }

    /// Notes what the server said of the statement that was dealt last.
    pub(crate) fn is_played(&mut self, dealt: &Dealt, taken: &Result<(), String>) {
        let card = &mut self.cards[dealt.card];
        match taken {
            Ok(()) => {
                card.played += 1;
                self.next.retain(|(kind, tries)| *kind != card.kind || *tries == 0);
            }
            Err(why) => card.refused = Some(format!("{}: {why}", dealt.sql)),
        }
    }

    /// Each card with the times that it was filled and taken, and what was last refused of it.
    pub(crate) fn refused(&self) -> String {
        let cards = self.cards.iter().map(|card| {
            let refused = card.refused.as_deref().unwrap_or_default();
            format!("{} of {}\t{}\t{refused}\n", card.played, card.filled, card.line)
        });
        cards.collect()
    }

    /// How many statements were dealt and how many of them the server took.
    pub(crate) fn tally(&self) -> (usize, usize) {
        let cards = self.cards.iter();
        cards.fold((0, 0), |(filled, played), card| (filled + card.filled, played + card.played))
    }

    /// The kinds of which no statement was ever taken.
    pub(crate) fn kinds_not_played(&self) -> Vec<&str> {
        let is_played =
            |kind: usize| self.cards.iter().any(|card| card.kind == kind && card.played > 0);
        let kinds = self.kinds.iter().enumerate();
        kinds.filter(|(kind, _)| !is_played(*kind)).map(|(_, name)| name.as_str()).collect()
    }

    /// The cards that were dealt and never taken.
    pub(crate) fn cards_not_played(&self) -> Vec<&str> {
        self.cards
            .iter()
            .filter(|card| card.filled > 0 && card.played == 0)
            .map(|card| card.line.as_str())
            .collect()
    }
}

struct Filling<'d> {
    rng: &'d mut TestRng,
    salt: Option<u64>,
    holes: &'d BTreeMap<String, Vec<Piece>>,
    session: &'d mut Session,
    known: BTreeMap<String, String>,
}

impl Filling<'_> {
    /// The text of `pieces`; within a query it stands between quotes.
    fn fill<'f>(
        &'f mut self,
        pieces: &'f [Piece],
        is_quoted: bool,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + 'f>> {
        Box::pin(async move {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(more) => text.push_str(more),
                    Piece::Choice(of) => {
                        let at = self.rng.random_range(0..of.len());
                        text.push_str(&self.fill(&of[at], is_quoted).await?);
                    }
                    Piece::Hole(name) => {
                        let value = self.hole(name).await?;
                        let is_value = is_quoted && name.chars().any(char::is_lowercase);
                        text.push_str(&if is_value { value.replace('\'', "''") } else { value });
                    }
                }
            }
            Some(text)
        })
    }

    async fn hole(&mut self, name: &str) -> Option<String> {
        if let Some(value) = self.known.get(name) {
            return Some(value.clone());
        }
        let sort = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let holes = self.holes;
        let pieces = holes.get(sort).unwrap_or_else(|| panic!("no hole {sort}"));
        let is_part = |name: &str| !name.chars().any(char::is_lowercase);
        let is_query = !is_part(name)
            && match pieces.first() {
                Some(Piece::Text(text)) => text.starts_with("SELECT "),
                Some(Piece::Hole(name)) => is_part(name),
                _ => false,
            };
        let mut value = self.fill(pieces, is_query).await?;
        if is_query {
            let rows = self.session.rows(&value).await;
            let rows = rows.unwrap_or_else(|error| panic!("hole {sort}: {error:?}\n{value}"));
            let mut fitting: Vec<String> = rows.into_iter().flatten().flatten().collect();
            fitting.sort();
            if let Some(salt) = self.salt {
                fitting.sort_by_key(|text| mark(&(salt, text)));
                fitting.truncate(FEW_FILLINGS);
            }
            if fitting.is_empty() {
                return None;
            }
            value = fitting.swap_remove(self.rng.random_range(0..fitting.len()));
        }
        self.known.insert(name.to_owned(), value.clone());
        Some(value)
    }
}

/// A number that stands for a value.
pub(crate) fn mark(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Lines that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// Whether `major` is in `17+`, `..17` or nothing, which is all.
fn stands(majors: &str, major: u32) -> bool {
    let (low, high) = match majors.split_once("..") {
        Some((low, high)) => (low, high),
        None => (majors.trim_end_matches('+'), ""),
    };
    let limit = |text: &str, or: u32| text.trim().parse().unwrap_or(or);
    (limit(low, 0)..=limit(high, u32::MAX)).contains(&major)
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        found.push(Piece::Text(rest[..open].to_owned()));
        let parts = parts(&rest[open + 1..]);
        let length: usize = parts.iter().map(|part| part.len() + 1).sum();
        rest = &rest[open + 1 + length..];
        found.push(match parts.as_slice() {
            [name] => Piece::Hole((*name).to_owned()),
            parts => Piece::Choice(parts.iter().map(|part| pieces(part)).collect()),
        });
    }
    found.push(Piece::Text(rest.to_owned()));
    found.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
    found
}

/// The alternatives up to the brace that closes them.
fn parts(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '|' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            '}' if depth == 0 => {
                found.push(&text[start..at]);
                return found;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    panic!("no brace closes {text}")
}
