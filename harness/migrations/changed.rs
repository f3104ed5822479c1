//! A history compared with what it was before: what is new, edited or gone since then.
//!
//! Knows files and versions of both. Must not know where the old ones come from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::MigrationsError;
use super::history::{History, Migration, Script, Wrap};
use crate::finding::{CheckId, Finding, Span};
use crate::sql;

/// What a history was before.
#[derive(Clone, Debug)]
pub struct Before {
    /// When that was, in the user's words.
    pub name: String,
    /// Where its files are now; without an old folder, anywhere.
    pub folder: PathBuf,
    /// Its migrations, base first.
    pub migrations: Vec<Migration>,
    /// The files that are not as they were, relative to the folder. Others may differ in bytes
    /// that nobody records, such as the ends of lines.
    pub changed: BTreeSet<PathBuf>,
}

impl Before {
    /// Reads the old files, whatever is claimed in them: nobody can repair those any more. What a
    /// tool reads besides them is taken from around the folder of `now`, which they have become.
    pub fn load(folder: &Path, now: &History) -> Result<Vec<Migration>, MigrationsError> {
        Ok(now.tool.load_old(folder, &now.folder, &now.alembic)?.migrations)
    }
}

/// What came of a migration since then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    New,
    /// Its upgrade is another one.
    Edited,
    /// Its downgrade is another one, or it is sent in another way.
    Touched,
    Same,
}

/// What a history has become.
#[derive(Clone, Debug)]
pub struct Changes {
    /// For each migration whether it is new or changed.
    pub asked: Vec<bool>,
    /// `checksum-mismatch`, `out-of-order` and `unknown-revision`.
    pub findings: Vec<Finding>,
    /// In numbers: new, changed and gone.
    pub counts: [usize; 3],
}

/// Compares `history` with what it was. Migrations are told apart by version, as all tools do: a
/// file that has got another name and nothing else is the same migration.
pub fn changes(before: &Before, history: &History) -> Changes {
    let pairs = pairs(before, history);
    let old = |at: &Option<usize>| at.and_then(|at| before.migrations.get(at));
    let changes: Vec<Change> = pairs
        .iter()
        .zip(&history.migrations)
        .map(|(at, migration)| {
            old(at).map_or(Change::New, |old| change(before, old, migration, history))
        })
        .collect();
    let mut findings = Vec::new();
    for (at, (change, migration)) in changes.iter().zip(&history.migrations).enumerate() {
        match change {
            Change::New => findings.extend(late(before, at, &changes, history)),
            Change::Edited => {
                let old = pairs.get(at).and_then(old);
                findings.extend(old.map(|old| edited(before, old, migration)));
            }
            Change::Touched | Change::Same => {}
        }
    }
    let gone: Vec<&Migration> =
        before.migrations.iter().filter(|old| history.position(&old.version).is_none()).collect();
    findings.extend(gone.iter().map(|old| missing(before, old)));
    let count = |is: fn(Change) -> bool| changes.iter().filter(|change| is(**change)).count();
    let new = count(|change| change == Change::New);
    let changed = count(|change| matches!(change, Change::Edited | Change::Touched));
    Changes {
        asked: changes.iter().map(|change| *change != Change::Same).collect(),
        findings,
        counts: [new, changed, gone.len()],
    }
}

/// For each migration the old one that it was: by its file, then by its version.
fn pairs(before: &Before, history: &History) -> Vec<Option<usize>> {
    let old = &before.migrations;
    let mut free: BTreeSet<usize> = (0..old.len()).collect();
    let mut pairs = vec![None; history.migrations.len()];
    for by_file in [true, false] {
        for (pair, migration) in pairs.iter_mut().zip(&history.migrations) {
            if pair.is_some() {
                continue;
            }
            *pair = free.iter().copied().find(|at| {
                old.get(*at).is_some_and(|old| {
                    old.version == migration.version
                        && (!by_file || inside(before, old) == relative(migration, history))
                })
            });
            if let Some(at) = pair {
                free.remove(at);
            }
        }
    }
    pairs
}

fn inside<'a>(before: &Before, old: &'a Migration) -> &'a Path {
    let path = &old.upgrade.path;
    path.strip_prefix(&before.folder).unwrap_or(path)
}

fn relative<'a>(migration: &'a Migration, history: &History) -> &'a Path {
    let path = &migration.upgrade.path;
    path.strip_prefix(&history.folder).unwrap_or(path)
}

fn change(before: &Before, old: &Migration, new: &Migration, history: &History) -> Change {
    let differ = |old: &Script, new: &Script| {
        let inside = old.path.strip_prefix(&before.folder).unwrap_or(&old.path);
        if new.path.strip_prefix(&history.folder).is_ok_and(|path| path == inside) {
            before.changed.contains(inside) && old.text != new.text
        } else {
            // Nobody knows how the ends of its lines would be recorded.
            !old.text.lines().eq(new.text.lines())
        }
    };
    let upgrades_differ = differ(&old.upgrade, &new.upgrade);
    let keeps_comments = history.tool.keeps_checksums();
    let may_change = history.tool.runs_again(new);
    if upgrades_differ
        && !may_change
        && (keeps_comments || !sql::is_same(&old.upgrade.text, &new.upgrade.text))
    {
        return Change::Edited;
    }
    let downgrades_differ = match (&old.downgrade, &new.downgrade) {
        (Some(old), Some(new)) => differ(old, new),
        (None, None) => false,
        _ => true,
    };
    let wraps = |migration: &Migration| -> [Option<Wrap>; 2] {
        [Some(migration.upgrade.wrap), migration.downgrade.as_ref().map(|script| script.wrap)]
    };
    if upgrades_differ || downgrades_differ || wraps(old) != wraps(new) {
        return Change::Touched;
    }
    Change::Same
}

/// A new migration that sorts before one that was there.
fn late(before: &Before, at: usize, changes: &[Change], history: &History) -> Option<Finding> {
    let migration = history.migrations.get(at)?;
    let mut there = changes.iter().zip(&history.migrations).skip(at + 1);
    let (_, last) = there.rfind(|(change, other)| {
        let was_there = **change != Change::New && other.version != migration.version;
        was_there && !history.tool.runs_again(other)
    })?;
    let name = &before.name;
    let message =
        format!("{} is new, but {} after it exists at {name}", migration.revision, last.revision);
    Some(
        Finding::new(CheckId::OutOfOrder, message)
            .in_file(&migration.upgrade.path)
            .help(format!("give it a version after {}", last.revision)),
    )
}

fn edited(before: &Before, old: &Migration, new: &Migration) -> Finding {
    let name = &before.name;
    let message = format!(
        "{} was edited, but it exists at {name}: where it is applied, this text never runs",
        new.revision
    );
    let (from, to) = (old.upgrade.text.as_ref(), new.upgrade.text.as_ref());
    let bytes = first_difference(from, to);
    Finding::new(CheckId::ChecksumMismatch, message)
        .at(Span::new(&new.upgrade.path, to, bytes))
        .detail(difference(from, to, name))
        .help("put the file back and say the change in a new migration")
}

fn missing(before: &Before, old: &Migration) -> Finding {
    let name = &before.name;
    let message = format!("{} exists at {name}, but has no file here", old.revision);
    Finding::new(CheckId::UnknownRevision, message)
        .detail(format!("its upgrade was {}", inside(before, old).display()))
        .help("bring the file back under its old version, and undo it in a new migration")
}

/// The first line of `to` that `from` has not at this place; where lines are missing at the end,
/// the last one that is left.
fn first_difference(from: &str, to: &str) -> std::ops::Range<usize> {
    let mut old = from.split_inclusive('\n');
    let mut start = 0;
    let mut last = 0..0;
    for line in to.split_inclusive('\n') {
        let text = line.trim_end();
        last = start..start + text.len();
        if old.next() != Some(line) {
            break;
        }
        start += line.len();
    }
    last
}

/// Lines of a difference that a reviewer still reads.
const LINES: usize = 24;

fn difference(from: &str, to: &str, name: &str) -> String {
    if from.lines().eq(to.lines()) {
        return "only the ends of lines differ".to_owned();
    }
    let diff = TextDiff::from_lines(from, to);
    let text = diff.unified_diff().context_radius(2).header(name, "now").to_string();
    let count = text.lines().count();
    let mut lines: Vec<&str> = text.lines().take(LINES).collect();
    let more = format!("({} more lines)", count.saturating_sub(LINES));
    if count > LINES {
        lines.push(&more);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{LINES, difference, first_difference};

    #[test]
    fn the_first_line_that_differs_is_pointed_at() {
        let at = |from: &str, to: &str| to.get(first_difference(from, to)).unwrap().to_owned();
        assert_eq!(at("a\nb\nc\n", "a\n  x \nc\n"), "  x");
        assert_eq!(at("a\nb\n", "a\nb\nc"), "c", "a line more");
        assert_eq!(at("a\nb\nc\n", "a\nb\n"), "b", "a line less");
        assert_eq!(at("a\n", "a\r\n"), "a", "another end of a line");
        assert_eq!(at("a", ""), "");
    }

    #[test]
    fn a_long_difference_is_cut_and_line_ends_are_named() {
        let long = "line\n".repeat(99);
        let text = difference("", &long, "main");
        assert!(text.starts_with("--- main\n+++ now\n"), "{text}");
        assert_eq!(text.lines().count(), LINES + 1);
        assert!(text.ends_with("more lines)"), "{text}");
        assert_eq!(difference("a\nb\n", "a\r\nb\r\n", "main"), "only the ends of lines differ");
    }
}
