//! A move that commits statement by statement and stopped in its middle: what of it may be there.

use std::borrow::Cow;

use crate::migrations::{Move, Program, Script};
use crate::runs::rows::keeps_rows;
use crate::steps::{self, Left};

use super::journal::Entry;
use super::site::Way;

/// A move that may have stopped in its middle.
#[derive(Clone, Debug)]
pub(super) struct Half {
    /// Its place in the plan.
    pub(super) at: usize,
    /// Whether it was one of the way back.
    pub(super) is_back: bool,
    /// What of it may be in the database.
    pub(super) left: Left,
}

impl Half {
    /// The last move of a journal, if it is such a one and did not end.
    pub(super) fn of(entries: &[Entry], way: &Way<'_>) -> Option<Self> {
        let last = entries.iter().rposition(|entry| matches!(entry, Entry::Moving { .. }))?;
        let (begun, since) = entries.get(last..)?.split_first()?;
        let Entry::Moving { revision, direction, atomic, .. } = begun else { return None };
        let has_ended = since.iter().any(|entry| matches!(entry, Entry::Moved { .. }));
        if *atomic || has_ended {
            return None;
        }
        let at = way.moves.iter().position(|one| one.migration.revision == *revision)?;
        let planned = way.moves.get(at)?;
        let is_back = planned.direction != *direction;
        let back = planned.back();
        let script = if is_back { back.script() } else { planned.script() }?;
        let reached = since.iter().rev().find_map(|entry| match entry {
            Entry::Statement { index } => Some(*index),
            _ => None,
        });
        let left = match reached {
            Some(reached) => steps::left_by(script, reached).unwrap_or_else(|| all_of(script)),
            None => Left::default(),
        };
        Some(Self { at, is_back, left })
    }

    /// The server said of the last statement that it failed: nothing of it is there.
    pub(super) fn failed(&mut self) {
        self.left.doubtful.clear();
    }

    /// Whether the version table says that it did not come to its end, if so many moves are made.
    pub(super) fn is_open(&self, made: usize) -> bool {
        if self.is_back { made > self.at } else { made <= self.at }
    }

    /// Whether nothing of it is there.
    pub(super) fn is_empty(&self) -> bool {
        self.left.done.is_empty() && self.left.doubtful.is_empty()
    }

    /// What of it may be there, as a script.
    pub(super) fn text(&self) -> String {
        let statements: Vec<&str> =
            self.left.done.iter().chain(&self.left.doubtful).map(String::as_str).collect();
        statements.join(";\n")
    }

    /// Whether it may have changed rows.
    pub(super) fn may_have_changed_rows(&self) -> bool {
        !keeps_rows(&self.text(), "")
    }

    /// Whether it was one of the way back and has taken nothing away yet: it can be begun anew.
    pub(super) fn can_be_repeated(&self) -> bool {
        self.is_back && self.left.done.is_empty() && !self.may_have_changed_rows()
    }

    /// Whether the other script takes back what is there of it, and nothing else.
    pub(super) fn can_be_undone(&self, back: &Move<'_>) -> bool {
        let text = back.script().map_or(Some("".into()), Script::known_sql);
        let keeps = |text: Cow<'_, str>| keeps_rows(&self.text(), &text);
        !self.is_back && (self.is_empty() || text.is_some_and(keeps))
    }
}

/// What may be there of a script of which it can't be told how far it came.
fn all_of(script: &Script) -> Left {
    match script.program.as_ref().and_then(Program::said) {
        Some(mut said) => {
            let last = said.pop().map(|it| it.sql);
            let done = said.into_iter().map(|it| it.sql).collect();
            Left { done, doubtful: last.into_iter().collect() }
        }
        None => Left { done: vec![script.text.to_string()], doubtful: Vec::new() },
    }
}

/// Whether a move and its way back keep every value, as far as their text tells.
pub(super) fn is_tame(one: &Move<'_>) -> bool {
    let back = one.back();
    let texts =
        one.script().and_then(Script::known_sql).zip(back.script().and_then(Script::known_sql));
    texts.is_some_and(|(there, back)| keeps_rows(&there, &back))
}
