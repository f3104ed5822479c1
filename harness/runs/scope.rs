//! Which migrations a run judges. Those before them are run, and nobody asks about them.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::finding::Finding;
use crate::migrations::{History, reach};

use super::verify::Options;
use super::{RunError, Watch, changed};

/// Which migrations are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    #[default]
    All,
    /// Those after this revision.
    Since(String),
    /// Those with these revisions.
    Only(BTreeSet<String>),
    /// Those that are new or changed since HEAD left this commit or branch of git.
    DiffBase(String),
}

/// One of several equal parts of a history, for several machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

/// The text is no shard.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no shard; it must be K/N with K from 1 to N, for example 1/4")]
pub struct NoShard(String);

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Self, NoShard> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        parts
            .filter(|(index, count)| (1..=*count).contains(index))
            .map(|(index, count)| Self { index, count })
            .ok_or_else(|| NoShard(text.to_owned()))
    }
}

impl Shard {
    /// Which of `total` things it has: neighbours, since what is before them must be run as well.
    pub fn range(self, total: usize) -> std::ops::Range<usize> {
        let bound = |index: usize| total * index / self.count;
        bound(self.index - 1)..bound(self.index)
    }
}

/// What a run is asked about.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Whether each migration of the history is judged.
    pub(super) judged: Vec<bool>,
    /// What the files alone say.
    pub(super) findings: Vec<Finding>,
}

impl Asked {
    /// What `options` say about `history`.
    pub(super) async fn of(
        options: &Options,
        history: &History,
        watch: &mut (dyn Watch + Send),
    ) -> Result<Self, RunError> {
        let count = history.migrations.len();
        let mut findings = history.findings.clone();
        let judged = match &options.scope {
            Scope::All => vec![true; count],
            Scope::Since(word) => {
                let there = reach(word, history)?;
                let is_there = |version: &str| there.contains(version);
                history.migrations.iter().map(|it| !is_there(&it.version)).collect()
            }
            Scope::Only(revisions) => {
                let has = |revision: &String| revisions.contains(revision);
                history.migrations.iter().map(|migration| has(&migration.revision)).collect()
            }
            Scope::DiffBase(reference) => {
                let mut changes = changed::since(reference, options, history, watch).await?;
                findings.append(&mut changes.findings);
                changes.asked
            }
        };
        let mut asked = Self { judged, findings };
        if let Some(shard) = options.shard {
            asked.keep(shard);
        }
        if matches!(options.scope, Scope::DiffBase(_)) {
            asked.keep_own_findings(history);
        }
        Ok(asked)
    }

    /// Whether a migration is judged.
    pub(super) fn has(&self, at: usize) -> bool {
        self.judged.get(at) == Some(&true)
    }

    /// Whether no migration is judged.
    pub(super) fn is_empty(&self) -> bool {
        !self.judged.contains(&true)
    }

    fn keep(&mut self, shard: Shard) {
        let asked: Vec<usize> = (0..self.judged.len()).filter(|at| self.has(*at)).collect();
        let own: BTreeSet<usize> =
            asked.get(shard.range(asked.len())).unwrap_or_default().iter().copied().collect();
        for (at, judged) in self.judged.iter_mut().enumerate() {
            *judged = own.contains(&at);
        }
    }

    /// A branch is not blamed for what was there before: what is said about a file is about those
    /// migrations that have its version.
    fn keep_own_findings(&mut self, history: &History) {
        let judged = &self.judged;
        self.findings.retain(|finding| {
            let of_file = history
                .migrations
                .iter()
                .find(|migration| finding.file.as_ref() == Some(&migration.upgrade.path));
            of_file.is_none_or(|of_file| {
                let mut both = history.migrations.iter().zip(judged);
                both.any(|(migration, judged)| *judged && migration.version == of_file.version)
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn shards_are_all_of_it_and_nothing_twice() {
        for total in [0, 1, 7, 600] {
            for count in 1..9_usize {
                let shards = (1..=count).map(|at| format!("{at}/{count}").parse::<Shard>());
                let ranges: Vec<usize> =
                    shards.flat_map(|shard| shard.unwrap().range(total)).collect();
                assert_eq!(ranges, (0..total).collect::<Vec<_>>(), "{total} in {count}");
            }
        }
        for wrong in ["0/4", "5/4", "1", "a/b", "1/0", "/"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
