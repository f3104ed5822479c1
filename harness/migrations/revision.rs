//! Revision words: `head`, `base`, `-1`, `+1`, an id or its unique prefix.

use super::MigrationsError;
use super::history::History;

/// A place in a history: how many migrations, base first, are applied there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub usize);

/// What `word` means for a history of which `current` migrations are applied.
pub fn resolve(word: &str, history: &History, current: Place) -> Result<Place, MigrationsError> {
    let count = history.migrations.len();
    let missing = || MigrationsError::NoRevision { word: word.to_owned(), count };
    match word {
        "head" => return Ok(Place(count)),
        "heads" if history.tool.knows_parents() => return Ok(Place(count)),
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
    let place = by_id(word, history)?;
    alone(word, history, place)
}

/// A place of which its revision knows all: what stands before it on another branch would be applied, or stay
/// applied, without having been asked for.
fn alone(word: &str, history: &History, place: Place) -> Result<Place, MigrationsError> {
    let Some(one) = place.0.checked_sub(1).and_then(|at| history.migrations.get(at)) else {
        return Ok(place);
    };
    if !history.tool.knows_parents() {
        return Ok(place);
    }
    let known = history.with_ancestors(&one.version);
    let before = history.migrations.iter().take(place.0);
    let strangers: Vec<&str> = before
        .filter(|it| !known.contains(it.version.as_str()))
        .map(|it| it.revision.as_str())
        .collect();
    if strangers.is_empty() {
        return Ok(place);
    }
    Err(MigrationsError::Branches { word: word.to_owned(), others: strangers.join(", ") })
}

fn by_id(word: &str, history: &History) -> Result<Place, MigrationsError> {
    let exact = history
        .migrations
        .iter()
        .position(|migration| migration.revision == word || migration.version == word);
    if let Some(at) = exact {
        return Ok(Place(at + 1));
    }
    let fits: Vec<usize> = (0..history.migrations.len())
        .filter(|at| {
            history.migrations.get(*at).is_some_and(|migration| {
                migration.revision.starts_with(word) || migration.version.starts_with(word)
            })
        })
        .collect();
    match fits.as_slice() {
        [] => Err(MigrationsError::NoRevision {
            word: word.to_owned(),
            count: history.migrations.len(),
        }),
        [one] => Ok(Place(one + 1)),
        several => {
            let candidates = several
                .iter()
                .take(5)
                .filter_map(|at| history.migrations.get(*at))
                .map(|migration| migration.revision.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            Err(MigrationsError::Ambiguous { word: word.to_owned(), candidates })
        }
    }
}
