//! Asking, and asking little.
//!
//! Knows the oracle, what it has said and how often it may be asked. Must not know what makes a
//! candidate small.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use super::case::Case;

/// Who says what a candidate shows.
pub trait Oracle {
    /// Why there is no answer; ends the search.
    type Error;

    /// Whether the candidate still shows the same class of finding; not if its rows are refused.
    fn shows(&mut self, candidate: &Case) -> impl Future<Output = Result<bool, Self::Error>>;
}

/// How much may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// At most that often.
    pub calls: usize,
    /// Not once that long has passed; a call that is under way is waited for.
    pub time: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { calls: 60, time: Duration::from_secs(20) }
    }
}

/// Why a search ends early.
#[derive(Debug)]
pub(super) enum Stop<E> {
    /// The budget is spent.
    Spent,
    /// The oracle failed.
    Failed(E),
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Search<'a, O> {
    /// The last candidate that was said to show it.
    pub(super) best: Case,
    oracle: &'a mut O,
    /// What was said, by the candidate's digest.
    answers: HashMap<u64, bool>,
    calls: usize,
    budget: Budget,
    begun: Instant,
}

impl<'a, O: Oracle> Search<'a, O> {
    pub(super) fn new(best: Case, oracle: &'a mut O, budget: Budget) -> Self {
        Self { best, oracle, answers: HashMap::new(), calls: 0, budget, begun: Instant::now() }
    }

    /// The best shows it: that is where the search came from.
    pub(super) fn know_best(&mut self) {
        self.answers.insert(digest(&self.best), true);
    }

    /// This case does not show it.
    pub(super) fn know_fails(&mut self, case: &Case) {
        self.answers.insert(digest(case), false);
    }

    /// Whether a candidate shows it. A new one that does becomes the best.
    pub(super) async fn ask(&mut self, candidate: Case) -> Result<bool, Stop<O::Error>> {
        if candidate.count() == 0 {
            return Ok(false);
        }
        let digest = digest(&candidate);
        if let Some(answer) = self.answers.get(&digest) {
            return Ok(*answer);
        }
        if self.calls >= self.budget.calls || self.begun.elapsed() >= self.budget.time {
            return Err(Stop::Spent);
        }
        self.calls += 1;
        let shows = self.oracle.shows(&candidate).await.map_err(Stop::Failed)?;
        self.answers.insert(digest, shows);
        if shows {
            self.best = candidate;
        }
        Ok(shows)
    }

    /// The fewest things that must be kept besides `kept`, which is returned with them. All
    /// suspects together with `kept` are known to show it.
    ///
    /// The last thing of the shortest part from the front that shows it is needed; that part is
    /// found by halving. So each needed thing costs about log2 of all calls, where halves that are
    /// taken away in turn (ddmin) cost a multiple as soon as two things are needed together.
    pub(super) async fn fewest(
        &mut self,
        mut kept: BTreeSet<usize>,
        mut suspects: Vec<usize>,
        build: impl Fn(&BTreeSet<usize>) -> Case,
    ) -> Result<BTreeSet<usize>, Stop<O::Error>> {
        // Where nothing could be left out, the next one will likely be needed as well.
        let mut is_dense = false;
        while let Some((last, others)) = suspects.split_last() {
            if is_dense {
                is_dense = !self.ask(build(&joined(&kept, others))).await?;
                kept.extend(is_dense.then_some(*last));
                suspects.pop();
                continue;
            }
            if self.ask(build(&kept)).await? {
                break;
            }
            let shortest = self.shortest(&kept, &suspects, &build).await?;
            is_dense = shortest == suspects.len();
            suspects.truncate(shortest);
            kept.extend(suspects.pop());
        }
        Ok(kept)
    }

    /// How many suspects from the front show it together with `kept`; without any, it does not.
    async fn shortest(
        &mut self,
        kept: &BTreeSet<usize>,
        suspects: &[usize],
        build: &impl Fn(&BTreeSet<usize>) -> Case,
    ) -> Result<usize, Stop<O::Error>> {
        let (mut fails, mut shows) = (0, suspects.len());
        while shows - fails > 1 {
            let middle = usize::midpoint(fails, shows);
            let front = suspects.get(..middle).unwrap_or_default();
            if self.ask(build(&joined(kept, front))).await? {
                shows = middle;
            } else {
                fails = middle;
            }
        }
        Ok(shows)
    }

    /// The best, the calls, and whether the search came to its end.
    pub(super) fn end(
        self,
        ended: Result<(), Stop<O::Error>>,
    ) -> Result<(Case, usize, bool), O::Error> {
        match ended {
            Ok(()) => Ok((self.best, self.calls, true)),
            Err(Stop::Spent) => Ok((self.best, self.calls, false)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

fn joined(kept: &BTreeSet<usize>, more: &[usize]) -> BTreeSet<usize> {
    kept.iter().chain(more).copied().collect()
}

fn digest(case: &Case) -> u64 {
    let mut hasher = DefaultHasher::new();
    for table in &case.tables {
        table.rows.hash(&mut hasher);
    }
    hasher.finish()
}
