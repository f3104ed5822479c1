//! Rows that showed something once, kept as SQL in a folder beside the user's tests: one file for
//! each migration, which may be committed and edited by hand.
//!
//! Knows the folder, and the text of a file. Must not know how rows are tried.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::finding::{CheckId, Finding, Row, Severity};
use crate::migrations::History;
use crate::runs::Verification;
use crate::sql;

/// What the folder is called where nobody names another one.
const FOLDER: &str = "stairway-rows";
/// What stands before the title of a case.
const MARK: &str = "case:";

/// The beginning of a file.
const HEAD: &str = "\
-- Rows that showed what is wrong with this migration. Stairway tries it on them first, on each case
-- alone. To be committed; may be edited: a case is a line like those below and its INSERT statements.
";

/// Where rows are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRows {
    /// The folder; it is made when there is something to keep.
    pub folder: PathBuf,
    /// Whether what is found is added. What is there is tried in any case.
    pub writes: bool,
}

impl KeptRows {
    /// In `folder`, to which what is found is added.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), writes: true }
    }

    /// The usual folder if it is there: `stairway-rows`, here or in `tests`, or so beside the folder
    /// of migrations.
    pub fn usual(migrations: &Path) -> Option<Self> {
        let places = [Path::new(""), migrations.parent().unwrap_or(Path::new(""))];
        let folders =
            places.into_iter().flat_map(|it| [it.join(FOLDER), it.join("tests").join(FOLDER)]);
        folders.into_iter().find(|folder| folder.is_dir()).map(Self::new)
    }

    /// The usual folder beside tests in `folder`.
    #[cfg(feature = "testing")]
    pub(crate) fn beside(folder: &Path) -> Self {
        Self::new(folder.join(FOLDER))
    }

    fn path(&self, revision: &str) -> PathBuf {
        self.folder.join(format!("{}.sql", stem(revision)))
    }
}

/// The name of a migration's file without its end.
fn stem(revision: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    revision.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// The files of a folder.
#[derive(Clone, Debug, Default)]
pub(in crate::runs) struct Kept {
    /// By name, without its end.
    files: BTreeMap<String, File>,
    /// The folder, and why it can't be read, if it is there and can't.
    broken: Option<(PathBuf, String)>,
}

/// One file.
#[derive(Clone, Debug)]
pub(in crate::runs) struct File {
    pub(super) path: PathBuf,
    /// Its text, or why it can't be read.
    text: Result<String, String>,
}

/// One case: rows that are in the tables together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// Each with its line, counted from 1.
    pub(super) statements: Vec<(usize, String)>,
}

impl Kept {
    /// Reads the folder; one that is not there keeps nothing.
    pub(in crate::runs) fn read(kept: &KeptRows) -> Self {
        let mut all = Self::default();
        let entries = match std::fs::read_dir(&kept.folder) {
            Ok(entries) => entries,
            Err(error) => {
                let is_there = error.kind() != ErrorKind::NotFound;
                all.broken = is_there.then(|| (kept.folder.clone(), error.to_string()));
                return all;
            }
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.filter(|name| !name.starts_with('.'));
            let Some(stem) = name.and_then(|name| Some(name.strip_suffix(".sql")?.to_owned()))
            else {
                continue;
            };
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
            all.files.insert(stem, File { path, text });
        }
        all
    }

    /// The file of a migration.
    pub(in crate::runs) fn of(&self, revision: &str) -> Option<&File> {
        self.files.get(&stem(revision))
    }

    /// What nothing will ever be tried of.
    pub(in crate::runs) fn idle(&self, history: &History) -> Vec<Finding> {
        let note = |path: &Path, message: String| {
            let finding = Finding::new(CheckId::SeedCoverage, message).in_file(path);
            Finding { severity: Severity::Note, ..finding }
        };
        let stems: Vec<String> = history.migrations.iter().map(|it| stem(&it.revision)).collect();
        let broken = self.broken.iter().map(|(folder, why)| {
            note(folder, format!("no kept rows are tried: can't read {}: {why}", folder.display()))
        });
        let strange = self.files.iter().filter(|(stem, _)| !stems.contains(stem));
        let strange = strange.map(|(stem, file)| {
            let path = file.path.display();
            note(
                &file.path,
                format!(
                    "kept rows are not tried: {path} is for {stem}, and no migration has this id"
                ),
            )
            .help("name the file after the id that the migration has now, or delete it")
        });
        broken.chain(strange).collect()
    }
}

impl File {
    /// What a verdict depends on: its name is told, and its text is run.
    pub(in crate::runs) fn content(&self) -> [String; 2] {
        let (Ok(text) | Err(text)) = &self.text;
        [self.path.display().to_string(), text.clone()]
    }

    /// Its cases, or why there are none.
    pub(super) fn cases(&self) -> Result<Vec<Case>, String> {
        cases(self.text.as_ref().map_err(Clone::clone)?)
    }
}

/// The cases of a text. Statements before the first mark are one, too.
fn cases(text: &str) -> Result<Vec<Case>, String> {
    let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let statements =
        sql::split(text).map_err(|error| format!("line {}: {error}", line(error.at())))?;
    let is_mark = |comment: &sql::Comment<'_>| comment.text.starts_with(MARK);
    let marks: Vec<usize> =
        sql::comments(text).filter(is_mark).map(|comment| comment.bytes.start).collect();
    let mut by_mark: BTreeMap<usize, Vec<(usize, String)>> = BTreeMap::new();
    for statement in statements {
        let at = statement.bytes.start;
        let before = marks.iter().filter(|mark| **mark < at).count();
        by_mark.entry(before).or_default().push((line(at), statement.text(text).to_owned()));
    }
    Ok(by_mark.into_values().map(|statements| Case { statements }).collect())
}

/// Adds what `verification` found to the files, and notes in each verdict where its rows are. Gives
/// what people should know of that.
pub(in crate::runs) fn keep(kept: &KeptRows, verification: &mut Verification) -> Vec<String> {
    let mut notes = Vec::new();
    for judged in &mut verification.migrations {
        // What is refused after the upgrade need not fit before it.
        let shows = |it: &&Finding| {
            let is_before = it.check != CheckId::RefusedRow;
            it.counts(Severity::Error) && !it.rows.is_empty() && is_before
        };
        let found: Vec<&Finding> = judged.findings.iter().filter(shows).collect();
        if found.is_empty() {
            continue;
        }
        let path = kept.path(&judged.revision);
        let name = path.display();
        let is_new = |it: &&&Finding| !it.is_kept;
        let new: Vec<String> = found.iter().filter(is_new).map(|it| written(it)).collect();
        let (said, is_news) = match add(&path, &new) {
            Ok(is_new) => (
                format!(
                    "rows of {} are kept in {name} and tried first from now on",
                    judged.revision
                ),
                is_new,
            ),
            Err(why) => {
                (format!("rows of {} can't be kept in {name}: {why}", judged.revision), true)
            }
        };
        if is_news {
            notes.push(said.clone());
        }
        judged.kept = Some(said);
    }
    notes
}

/// A finding as a case.
fn written(finding: &Finding) -> String {
    let title = format!("{} {}", finding.check, finding.objects.join(" "));
    // A name may hold whatever a name may hold.
    let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let rows: Vec<&str> = finding.rows.iter().map(|Row { insert, .. }| insert.as_str()).collect();
    format!("-- {MARK} {}\n{}\n", title.trim_end(), rows.join("\n"))
}

/// Adds those of these cases that the file does not have; gives whether there were any.
fn add(path: &Path, new: &[String]) -> Result<bool, String> {
    let old = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error.to_string()),
    };
    // What is open at its end would swallow what is added.
    let mut known = cases(old.as_deref().unwrap_or_default())?;
    let mut text = old.unwrap_or_else(|| HEAD.to_owned());
    let mut is_new = false;
    for case in new {
        let parsed = cases(case)?;
        if parsed.iter().all(|case| known.iter().any(|other| is_same(other, case))) {
            continue;
        }
        known.extend(parsed);
        let gap = if text.ends_with('\n') { "\n" } else { "\n\n" };
        text.push_str(gap);
        text.push_str(case);
        is_new = true;
    }
    if is_new {
        write(path, &text).map_err(|error| error.to_string())?;
    }
    Ok(is_new)
}

fn is_same(one: &Case, other: &Case) -> bool {
    let texts = |case: &Case| -> Vec<String> {
        case.statements.iter().map(|(_, text)| text.clone()).collect()
    };
    let (one, other) = (texts(one), texts(other));
    one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| sql::is_same(one, other))
}

/// Others may read it at any moment: it has its name only when it is whole.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = folder.join(format!(".{name}.{}", std::process::id()));
    let done = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path));
    if done.is_err() {
        // Nothing may be there.
        let _ = std::fs::remove_file(&part);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::{HEAD, add, cases, stem, written};
    use crate::finding::{CheckId, Finding, Row};

    fn finding(inserts: &[&str]) -> Finding {
        let row =
            |insert: &&str| Row { table: "public.t".to_owned(), insert: (*insert).to_owned() };
        let rows = inserts.iter().map(row).collect();
        let finding = Finding::new(CheckId::DataLoss, "m").about(["public.\"a\nb\"".to_owned()]);
        Finding { rows, ..finding }
    }

    #[test]
    fn what_is_written_is_read_again_whatever_its_values_are() {
        let odd = "INSERT INTO t VALUES ('a;\n-- case: no\n''', E'\\\\', '/*');";
        let text =
            format!("{HEAD}\n{}\n{}", written(&finding(&[odd, odd])), written(&finding(&[odd])));
        let read = cases(&text).unwrap();
        let counts: Vec<usize> = read.iter().map(|case| case.statements.len()).collect();
        assert_eq!(counts, [2, 1]);
        assert_eq!(format!("{};", read[1].statements[0].1), odd);
        assert_eq!(text.lines().nth(read[1].statements[0].0 - 1), odd.lines().next());
        assert!(text.contains("-- case: data-loss public.\"a b\"\n"), "{text}");
    }

    #[test]
    fn a_file_by_hand_may_have_no_marks() {
        assert_eq!(cases("insert into t values (1); insert into t values (2)").unwrap().len(), 1);
        assert_eq!(cases("-- case: none\n-- nothing\n").unwrap(), []);
        let broken = cases("insert into t\nvalues ('");
        assert_eq!(broken, Err("line 2: unterminated string at byte 22".to_owned()));
    }

    #[test]
    fn only_what_is_not_there_is_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("1.sql");
        let (one, two) = (
            written(&finding(&["INSERT INTO t VALUES (1);"])),
            written(&finding(&["INSERT INTO t VALUES (2);"])),
        );
        assert_eq!(add(&path, &[one.clone(), one.clone()]), Ok(true));
        let by_hand =
            std::fs::read_to_string(&path).unwrap().replace("VALUES", "-- by hand\n  VALUES");
        std::fs::write(&path, by_hand.trim_end()).unwrap();
        assert_eq!(add(&path, std::slice::from_ref(&one)), Ok(false));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), by_hand.trim_end());
        assert_eq!(add(&path, &[one, two.clone()]), Ok(true));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{by_hand}\n{two}"));
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        std::fs::write(&path, "INSERT INTO t VALUES ('").unwrap();
        assert!(add(&path, &[two]).unwrap_err().contains("unterminated string"));
    }

    #[test]
    fn a_file_stays_in_its_folder_whatever_an_id_is() {
        assert_eq!(stem("20250101-a_b.c"), "20250101-a_b.c");
        assert_eq!(stem("../a b"), ".._a_b");
    }
}
