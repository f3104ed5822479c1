//! Revision words: `head`, `base`, `-1`, `+1`, an id or its unique prefix; and where there are branches,
//! `BRANCH@head`, `BRANCH@base`, `BRANCH@-1`, `BRANCH@ID`, `ID+1` and `ID-1`, with a label or a revision as the branch.

use std::collections::BTreeSet;

use super::MigrationsError;
use super::branch;
use super::history::History;

/// A place in a history: how many migrations, base first, are applied there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub usize);

/// What `word` means for a history of which `current` migrations are applied. One with branches has to be in an
/// order in which that is a place: see [`super::order`].
pub fn resolve(word: &str, history: &History, current: Place) -> Result<Place, MigrationsError> {
    let count = history.migrations.len();
    if history.tool.knows_parents() {
        let first = |count: usize| {
            let first = history.migrations.iter().take(count);
            first.map(|it| it.version.as_str()).collect::<BTreeSet<_>>()
        };
        let goal = branch::target(word, history, &first(current.0))?;
        return if first(goal.len()) == goal {
            Ok(Place(goal.len()))
        } else {
            Err(MigrationsError::Branches { word: word.to_owned() })
        };
    }
    let missing = || MigrationsError::NoRevision { word: word.to_owned(), count };
    match word {
        "head" => return Ok(Place(count)),
        "base" => return Ok(Place(0)),
        _ => {}
    }
    if let Some(steps) = word.strip_prefix('+').and_then(|steps| steps.parse::<usize>().ok()) {
        return current
            .0
            .checked_add(steps)
            .filter(|at| *at <= count)
            .map(Place)
            .ok_or_else(missing);
    }
    if let Some(steps) = word.strip_prefix('-').and_then(|steps| steps.parse::<usize>().ok()) {
        return current.0.checked_sub(steps).map(Place).ok_or_else(missing);
    }
    Ok(Place(find(word, history)? + 1))
}

/// The versions that are applied where an empty database was brought to `word`; steps back count from
/// where all are.
pub fn reach<'h>(word: &str, history: &'h History) -> Result<BTreeSet<&'h str>, MigrationsError> {
    if history.tool.knows_parents() {
        return branch::reach_in(word, history);
    }
    let place = resolve(word, history, Place(history.migrations.len()))?;
    Ok(history.migrations.iter().take(place.0).map(|it| it.version.as_str()).collect())
}

/// The index of the migration with this id, or the only one whose id begins so; or of the one that gives
/// this label to its branch.
pub fn find(word: &str, history: &History) -> Result<usize, MigrationsError> {
    let at = |index: usize| history.migrations.get(index);
    let exact = history
        .migrations
        .iter()
        .position(|migration| migration.revision == word || migration.version == word)
        .or_else(|| {
            history.migrations.iter().position(|it| it.lineage.gives.iter().any(|it| it == word))
        });
    if let Some(index) = exact {
        return Ok(index);
    }
    let begins = |index: &usize| {
        at(*index).is_some_and(|migration| {
            migration.revision.starts_with(word) || migration.version.starts_with(word)
        })
    };
    let count = history.migrations.len();
    let fits: Vec<usize> = (0..count).filter(begins).collect();
    match fits.as_slice() {
        [] => Err(MigrationsError::NoRevision { word: word.to_owned(), count }),
        [one] => Ok(*one),
        several => {
            let candidates = several.iter().take(5).filter_map(|index| at(*index));
            let candidates: Vec<&str> = candidates.map(|it| it.revision.as_str()).collect();
            Err(MigrationsError::Ambiguous {
                word: word.to_owned(),
                candidates: candidates.join(", "),
            })
        }
    }
}
