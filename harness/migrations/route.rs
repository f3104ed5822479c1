//! The way from one place of a history to another: which scripts, in which order.

use serde::{Deserialize, Serialize};

use super::history::{History, Migration, Script};
use super::revision::Place;

/// Which of its scripts a migration is moved by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards the head.
    Upgrade,
    /// Towards the base.
    Downgrade,
}

impl Direction {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Downgrade => "downgrade",
        }
    }

    /// The other one.
    #[must_use]
    pub fn back(self) -> Self {
        match self {
            Self::Upgrade => Self::Downgrade,
            Self::Downgrade => Self::Upgrade,
        }
    }
}

/// One script of one migration.
#[derive(Clone, Copy, Debug)]
pub struct Move<'h> {
    /// Whose.
    pub migration: &'h Migration,
    /// Which one.
    pub direction: Direction,
    /// The migration before it: the last one that is applied after a downgrade.
    pub before: Option<&'h Migration>,
}

impl<'h> Move<'h> {
    /// What is run; `None` if its author wrote no way back, or an empty one.
    pub fn script(&self) -> Option<&'h Script> {
        match self.direction {
            Direction::Upgrade => Some(&self.migration.upgrade),
            Direction::Downgrade => {
                self.migration.downgrade.as_ref().filter(|script| !script.is_blank())
            }
        }
    }

    /// The same migration the other way.
    #[must_use]
    pub fn back(self) -> Self {
        Self { direction: self.direction.back(), ..self }
    }
}

/// The moves from one place to another, in order.
pub fn route(history: &History, from: Place, to: Place) -> Vec<Move<'_>> {
    let at = |index: usize, direction| {
        let before = index.checked_sub(1).and_then(|before| history.migrations.get(before));
        let migration = history.migrations.get(index)?;
        Some(Move { migration, direction, before })
    };
    if from <= to {
        (from.0..to.0).filter_map(|index| at(index, Direction::Upgrade)).collect()
    } else {
        (to.0..from.0).rev().filter_map(|index| at(index, Direction::Downgrade)).collect()
    }
}
