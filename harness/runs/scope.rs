//! Which migrations a run judges. Those before them are run, and nobody asks about them.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::migrations::{History, MigrationsError, Place, resolve};

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

impl Scope {
    /// Whether each migration of `history` is in it.
    pub(super) fn of(
        &self,
        history: &History,
        shard: Option<Shard>,
    ) -> Result<Vec<bool>, MigrationsError> {
        let count = history.migrations.len();
        let mut chosen = match self {
            Self::All => vec![true; count],
            Self::Since(word) => {
                let place = resolve(word, history, Place(count))?;
                (0..count).map(|at| at >= place.0).collect()
            }
            Self::Only(revisions) => {
                let has = |revision: &String| revisions.contains(revision);
                history.migrations.iter().map(|migration| has(&migration.revision)).collect()
            }
        };
        if let Some(shard) = shard {
            let asked: Vec<usize> =
                (0..count).filter(|at| chosen.get(*at) == Some(&true)).collect();
            let range = shard.range(asked.len());
            let own: BTreeSet<usize> =
                asked.get(range).unwrap_or_default().iter().copied().collect();
            chosen = (0..count).map(|at| own.contains(&at)).collect();
        }
        Ok(chosen)
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
