//! Branches: what a word means where each migration says which ones it comes after.
//!
//! A place is a set of versions then, which holds whatever its members come after. So that a place is a
//! number of migrations here, too, a history is put into the order in which one database goes. Source for
//! the words: Alembic's documentation, "Working with Branches".

use std::collections::BTreeSet;

use super::history::{History, Migration};
use super::revision::{Place, find, reach};
use super::{Applied, MigrationsError};

/// Versions.
type Set<'h> = BTreeSet<&'h str>;

/// A word in its parts: `BRANCH@REST`.
struct Word<'w> {
    all: &'w str,
    branch: Option<&'w str>,
    rest: Rest,
}

#[derive(Clone, Copy)]
enum Rest {
    Head,
    Base,
    /// From where the database is.
    Steps(isize),
    /// From the migration with this index.
    From(usize, isize),
}

/// Puts `history` into the order in which a database goes on which `applied` is, on its way to `word`:
/// what is applied comes first, and what goes last is taken back first. Nothing is done to a history without
/// branches.
pub fn order(
    history: &mut History,
    applied: &[Applied],
    word: Option<&str>,
) -> Result<(), MigrationsError> {
    order_at(history, applied, &[], word)
}

/// The same, where the versions in `last` are to come after all others that are applied.
pub fn order_at(
    history: &mut History,
    applied: &[Applied],
    last: &[String],
    word: Option<&str>,
) -> Result<(), MigrationsError> {
    if !history.tool.knows_parents() {
        return Ok(());
    }
    let all = &*history;
    let known = all.migrations.iter().map(|it| it.version.as_str());
    let now: Set<'_> = known.filter(|it| applied.iter().any(|row| row.version == *it)).collect();
    let goal = word.map(|word| target(word, all, &now)).transpose()?.unwrap_or_else(|| now.clone());
    let mut places = vec![&now & &goal, now.clone(), &now | &goal];
    let before: Set<'_> =
        now.iter().copied().filter(|it| !last.iter().any(|one| one == it)).collect();
    let others: Set<'_> = all.migrations.iter().map(|it| it.version.as_str()).collect();
    let moved = others.iter().copied().filter(|it| last.iter().any(|one| one == it));
    let after = before.iter().copied().chain(moved).collect();
    if !last.is_empty() && is_closed(all, &before) && is_closed(all, &after) {
        let rest = &(&after | &now) | &goal;
        places = vec![before, after, rest];
    }
    let places: Vec<BTreeSet<String>> = places.into_iter().map(owned).collect();
    sort(history, &places);
    Ok(())
}

/// Puts what is applied where an empty database was brought to `word` first, and gives that place. Steps
/// back count from where all are applied.
pub fn order_to(history: &mut History, word: &str) -> Result<Place, MigrationsError> {
    let first = owned(reach(word, history)?);
    let place = Place(first.len());
    sort(history, &[first]);
    Ok(place)
}

fn owned(set: Set<'_>) -> BTreeSet<String> {
    set.into_iter().map(str::to_owned).collect()
}

/// Each comes with the first of `places` that it is in.
fn sort(history: &mut History, places: &[BTreeSet<String>]) {
    let place = |migration: &Migration| {
        places.iter().position(|set| set.contains(&migration.version)).unwrap_or(places.len())
    };
    // Stable: within each place they stay in an order in which each comes after what it needs.
    history.migrations.sort_by_key(place);
}

/// Whether what the members of `set` come after is in it.
fn is_closed(history: &History, set: &Set<'_>) -> bool {
    let mut members = history.migrations.iter().filter(|it| set.contains(it.version.as_str()));
    members.all(|it| it.lineage.parents.iter().all(|parent| set.contains(parent.as_str())))
}

/// What is applied on a database that was moved to `word` from where `now` is applied.
pub(super) fn target<'h>(
    word: &str,
    history: &'h History,
    now: &Set<'h>,
) -> Result<Set<'h>, MigrationsError> {
    let word = parse(word, history)?;
    let branch = word.branch.map(|branch| lineage(branch, history)).transpose()?;
    let is_on = |version: &str| branch.as_ref().is_none_or(|it| it.contains(version));
    match word.rest {
        Rest::Head => {
            let all: Set<'h> = history.migrations.iter().map(|it| it.version.as_str()).collect();
            let heads = heads(history, &all).into_iter().filter(|head| is_on(head));
            Ok(heads.fold(now.clone(), |set, head| &set | &history.with_ancestors(head)))
        }
        Rest::Base => {
            let bases = history.migrations.iter().filter(|it| it.lineage.follows.is_empty());
            let before = word.branch.map(|branch| trunk(branch, history)).transpose()?;
            let is_meant =
                |version: &str| before.as_ref().is_none_or(|known| known.contains(version));
            let roots = bases.map(|it| it.version.as_str()).filter(|it| is_meant(it)).collect();
            Ok(now - &descendants(history, &roots))
        }
        Rest::Steps(steps) => walk(&word, history, now.clone(), steps, &is_on),
        Rest::From(at, steps) => {
            let at = along(&word, history, at, steps, &is_on)?;
            let Some(one) = history.migrations.get(at) else { return Ok(now.clone()) };
            if !is_on(&one.version) {
                let branch = word.branch.unwrap_or_default().to_owned();
                return Err(MigrationsError::Elsewhere { word: one.revision.clone(), branch });
            }
            if !now.contains(one.version.as_str()) {
                return Ok(now | &history.with_ancestors(&one.version));
            }
            let children = history
                .migrations
                .iter()
                .filter(|it| it.lineage.follows.contains(&one.version) && is_on(&it.version));
            let roots = children.map(|it| it.version.as_str()).collect();
            Ok(now - &descendants(history, &roots))
        }
    }
}

/// What is applied where an empty database was brought to `word`; steps count from the last of all.
pub(super) fn reach_in<'h>(word: &str, history: &'h History) -> Result<Set<'h>, MigrationsError> {
    let count = history.migrations.len();
    let first = |count: usize| {
        let first = history.migrations.iter().take(count);
        Ok(first.map(|it| it.version.as_str()).collect())
    };
    match parse(word, history)? {
        Word { branch: None, rest: Rest::Steps(steps), .. } => {
            let missing = || MigrationsError::NoRevision { word: word.to_owned(), count };
            let at = if steps < 0 { count.checked_add_signed(steps) } else { None };
            first(at.ok_or_else(missing)?)
        }
        Word { rest: Rest::Base, .. } => first(0),
        _ => target(word, history, &Set::new()),
    }
}

fn parse<'w>(word: &'w str, history: &History) -> Result<Word<'w>, MigrationsError> {
    let (branch, rest) = match word.split_once('@') {
        Some((branch, rest)) => (Some(branch), rest),
        None => (None, word),
    };
    let steps = |text: &str| text.starts_with(['+', '-']).then(|| text.parse().ok()).flatten();
    let rest = match rest {
        "head" | "heads" => Rest::Head,
        "base" => Rest::Base,
        _ if steps(rest).is_some() => Rest::Steps(steps(rest).unwrap_or_default()),
        _ => from(rest, history, steps)?,
    };
    Ok(Word { all: word, branch, rest })
}

/// `ID`, `ID+N` or `ID-N`; an id may have such signs itself.
fn from(
    word: &str,
    history: &History,
    steps: impl Fn(&str) -> Option<isize>,
) -> Result<Rest, MigrationsError> {
    let unknown = match find(word, history) {
        Ok(at) => return Ok(Rest::From(at, 0)),
        Err(error) => error,
    };
    let split = word.rfind(['+', '-']).map(|at| word.split_at(at));
    let Some((id, Some(count))) = split.map(|(id, rest)| (id, steps(rest))) else {
        return Err(unknown);
    };
    Ok(Rest::From(find(id, history)?, count))
}

/// All that is on a branch: what comes before or after the revision that is named, or gives the label.
fn lineage<'h>(branch: &str, history: &'h History) -> Result<Set<'h>, MigrationsError> {
    let before = trunk(branch, history)?;
    let own = history.migrations.get(find(branch, history)?).map(|it| it.version.as_str());
    Ok(&before | &descendants(history, &own.into_iter().collect()))
}

/// What a branch comes from: the revision that gives the label, or is named, and all before it.
fn trunk<'h>(branch: &str, history: &'h History) -> Result<Set<'h>, MigrationsError> {
    let at = find(branch, history)?;
    let one = history.migrations.get(at);
    Ok(one.map(|it| history.with_ancestors(&it.version)).unwrap_or_default())
}

/// `roots` and all that comes after one of them.
fn descendants<'h>(history: &'h History, roots: &Set<'h>) -> Set<'h> {
    let mut found = Set::new();
    // In whichever order a history is, each comes after its parents.
    for migration in &history.migrations {
        let comes_after = migration.lineage.parents.iter().any(|it| found.contains(it.as_str()));
        if comes_after || roots.contains(migration.version.as_str()) {
            found.insert(migration.version.as_str());
        }
    }
    found
}

/// The members of `set` that no other one comes after.
fn heads<'h>(history: &'h History, set: &Set<'h>) -> Vec<&'h str> {
    let members = || history.migrations.iter().filter(|it| set.contains(it.version.as_str()));
    let parents: BTreeSet<&str> =
        members().flat_map(|it| &it.lineage.parents).map(String::as_str).collect();
    members().map(|it| it.version.as_str()).filter(|it| !parents.contains(it)).collect()
}

/// Goes on, or back, from where `set` is applied, as long as there is one way only.
fn walk<'h>(
    word: &Word<'_>,
    history: &'h History,
    mut set: Set<'h>,
    steps: isize,
    is_on: &impl Fn(&str) -> bool,
) -> Result<Set<'h>, MigrationsError> {
    for _ in 0..steps.unsigned_abs() {
        let ways: Vec<&'h str> = if steps < 0 {
            heads(history, &set).into_iter().filter(|it| is_on(it)).collect()
        } else {
            let is_next = |it: &&Migration| {
                !set.contains(it.version.as_str())
                    && it.lineage.parents.iter().all(|parent| set.contains(parent.as_str()))
            };
            let next = history.migrations.iter().filter(is_next).map(|it| it.version.as_str());
            next.filter(|it| is_on(it)).collect()
        };
        let one = only(word, history, &ways)?;
        if steps < 0 {
            set.remove(one);
        } else {
            set.insert(one);
        }
    }
    Ok(set)
}

/// The index of the migration so many steps after the one at `at`, or before it.
fn along(
    word: &Word<'_>,
    history: &History,
    at: usize,
    steps: isize,
    is_on: &impl Fn(&str) -> bool,
) -> Result<usize, MigrationsError> {
    let mut at = at;
    for _ in 0..steps.unsigned_abs() {
        let Some(one) = history.migrations.get(at) else { break };
        let ways: Vec<&str> = if steps < 0 {
            one.lineage.follows.iter().map(String::as_str).collect()
        } else {
            let children = history.migrations.iter();
            let follows = children.filter(|it| it.lineage.follows.contains(&one.version));
            follows.map(|it| it.version.as_str()).collect()
        };
        let ways: Vec<&str> = ways.into_iter().filter(|it| is_on(it)).collect();
        at = history.position(only(word, history, &ways)?).unwrap_or(at);
    }
    Ok(at)
}

fn only<'v>(
    word: &Word<'_>,
    history: &History,
    ways: &[&'v str],
) -> Result<&'v str, MigrationsError> {
    match ways {
        [one] => Ok(one),
        [] => Err(MigrationsError::NoRevision {
            word: word.all.to_owned(),
            count: history.migrations.len(),
        }),
        several => {
            Err(MigrationsError::Crossroads { word: word.all.to_owned(), ways: several.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::history::{Lineage, Migration, Script, Wrap};
    use super::super::{Place, Records, Tool, find, reach, resolve};
    use super::*;

    /// `a1` is followed by `b1` and `b2`, and by `c1` and `c2`, which is labelled; `m1` joins them. `x1` has a base of
    /// its own, and `x2` depends on `b1`.
    fn history() -> History {
        let one =
            |id: &str, follows: &[&str], depends: &[&str], labels: &[&str], gives: &[&str]| {
                let texts = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
                let parents = [follows, depends].concat();
                Migration {
                    revision: id.to_owned(),
                    version: id.to_owned(),
                    name: String::new(),
                    upgrade: Script::of_sql("f.py".into(), "".into(), Wrap::Transaction),
                    downgrade: None,
                    claims: Vec::new(),
                    lineage: Lineage {
                        parents: texts(&parents),
                        follows: texts(follows),
                        labels: texts(labels),
                        gives: texts(gives),
                    },
                }
            };
        let migrations = vec![
            one("a1", &[], &[], &[], &[]),
            one("b1", &["a1"], &[], &[], &[]),
            one("b2", &["b1"], &[], &[], &[]),
            one("c1", &["a1"], &[], &["sea"], &["sea"]),
            one("c2", &["c1"], &[], &["sea"], &[]),
            one("m1", &["b2", "c2"], &[], &["sea"], &[]),
            one("x1", &[], &[], &[], &[]),
            one("x2", &["x1"], &["b1"], &[], &[]),
        ];
        History {
            tool: Tool::Alembic,
            because: String::new(),
            folder: Path::new("f").to_owned(),
            migrations,
            records: Records::usual(Tool::Alembic),
            alembic: super::super::AlembicOptions::default(),
            findings: Vec::new(),
            lone: Vec::new(),
        }
    }

    /// What is applied after a move to `word` from where the versions in `now` are.
    fn moved(now: &str, word: &str) -> Result<String, String> {
        let mut history = history();
        let rows: Vec<Applied> = now
            .split_whitespace()
            .map(|it| Applied { version: it.to_owned(), checksum: None, whole: true })
            .collect();
        order(&mut history, &rows, Some(word)).map_err(|error| error.to_string())?;
        let is_first = |it: &Migration| rows.iter().any(|row| row.version == it.version);
        let from = Place(rows.len());
        let place = resolve(word, &history, from).map_err(|error| error.to_string())?;
        assert_eq!(
            history.migrations.iter().take(from.0.min(place.0)).filter(|it| is_first(it)).count(),
            from.0.min(place.0)
        );
        let after = history.migrations.iter().enumerate();
        assert!(after.clone().all(|(at, it)| {
            let before = &history.migrations[..at];
            it.lineage.parents.iter().all(|parent| before.iter().any(|it| it.version == *parent))
        }));
        let mut there: Vec<&str> =
            history.migrations.iter().take(place.0).map(|it| it.version.as_str()).collect();
        there.sort_unstable();
        Ok(there.join(" "))
    }

    #[test]
    fn words_move_one_branch_or_all() {
        let all = "a1 b1 b2 c1 c2 m1 x1 x2";
        for (now, word, expected) in [
            ("", "heads", all),
            ("a1 c1", "head", all),
            ("", "c1", "a1 c1"),
            ("a1 b1", "c1", "a1 b1 c1"),
            // What it depends on comes with it.
            ("", "x2", "a1 b1 x1 x2"),
            ("a1", "x1", "a1 x1"),
            ("", "c2-1", "a1 c1"),
            ("a1", "b1+1", "a1 b1 b2"),
            ("a1 b1", "+1", "!each of"),
            ("a1 b1", "b1@+1", "a1 b1 b2"),
            ("", "sea@head", "a1 b1 b2 c1 c2 m1"),
            ("a1 b1", "sea@c1", "a1 b1 c1"),
            ("a1", "sea@x1", "!not on the branch"),
            ("a1 b1 b2 c1", "-1", "!each of b2, c1"),
            ("a1 b1 b2 c1", "sea@-1", "a1 b1 b2"),
            ("a1 b1 b2 c1", "b2@-2", "a1 c1"),
            ("a1 b1 b2 c1", "b2@-3", "!no revision"),
            ("a1 b1 b2 c1 c2 m1", "-1", "a1 b1 b2 c1 c2"),
            // Of two branches that follow it, one goes or both.
            ("a1 b1 b2 c1 c2", "a1", "a1"),
            ("a1 b1 b2 c1 c2", "sea@a1", "a1 b1 b2"),
            ("a1 b1 b2 c1 c2", "c1", "a1 b1 b2 c1"),
            // What depends on one that goes, goes.
            ("a1 b1 c1 x1 x2", "a1", "a1 x1"),
            // What only depends on it stays.
            ("a1 b1 b2 x1 x2", "b1", "a1 b1 x1 x2"),
            ("a1 b1 x1 x2", "x1@base", "a1 b1"),
            ("a1 b1 x1 x2", "sea@base", "x1"),
            ("a1 b1 x1 x2", "base", ""),
            ("a1 b1 b2 c1 c2 m1 x1 x2", "+1", "!no revision"),
            ("a1", "z", "!no revision"),
        ] {
            let found = moved(now, word).unwrap_or_else(|error| format!("!{error}"));
            match expected.strip_prefix('!') {
                Some(words) => assert!(
                    found.starts_with('!') && found.contains(words),
                    "{now:?} {word}: {found}"
                ),
                None => assert_eq!(found, expected, "{now:?} {word}"),
            }
        }
    }

    #[test]
    fn a_place_from_nothing_is_what_its_revision_knows() {
        let history = history();
        let there =
            |word: &str| reach(word, &history).unwrap().into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(there("c1"), "a1 c1");
        assert_eq!(there("base"), "");
        assert_eq!(there("-1"), "a1 b1 b2 c1 c2 m1 x1");
        assert_eq!(there("sea"), "a1 c1");
        assert_eq!(find("sea", &history).unwrap(), 3);
        let mut ordered = history.clone();
        assert_eq!(order_to(&mut ordered, "c2").unwrap(), Place(3));
        assert_eq!(ordered.heads(3), ["c2"]);
    }

    #[test]
    fn what_an_open_run_has_still_to_do_comes_next() {
        let mut ordered = history();
        let row = |it: &str| Applied { version: it.to_owned(), checksum: None, whole: true };
        let (applied, moved) = (["a1", "b1", "b2"].map(row), ["b1".to_owned(), "b2".to_owned()]);
        order_at(&mut ordered, &applied, &moved, Some("c1")).unwrap();
        let order: Vec<&str> = ordered.migrations.iter().map(|it| it.version.as_str()).collect();
        assert_eq!(order[..4], ["a1", "b1", "b2", "c1"]);
        // A run on another database says nothing about this one.
        order_at(&mut ordered, &applied, &["a1".to_owned()], None).unwrap();
        assert_eq!(ordered.migrations[0].version, "a1");
    }
}
