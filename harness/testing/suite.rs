//! A test target with `harness = false`: one test for each migration and family of checks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::env;
use crate::finding::{CheckId, Finding, Severity};
use crate::migrations::{History, Migration};
use crate::runs::{Judged, KeptRows, Options, RowOptions, head_schema, load};
use crate::server::causes;

use super::database::say;
use super::families::Family;
use super::verdicts::{Verdicts, run};
use super::{Beside, TestDatabase, TestError};

/// The tests of one history.
#[derive(Debug)]
pub struct Suite {
    options: Result<Options, TestError>,
    beside: Option<Beside>,
    /// Whether rows are kept where nothing says where.
    keeps_rows: bool,
}

/// What one test looks at.
#[derive(Clone, Copy, Debug)]
enum Subject {
    /// The migration at this place.
    Migration(usize, Family),
    /// What the migration at this place changes.
    Changes(usize),
    /// The history itself.
    History,
    /// The schema at head.
    Head,
}

/// A loaded history and what its tests share.
#[derive(Debug)]
struct Tests {
    history: History,
    beside: Option<Beside>,
    verdicts: Verdicts,
}

impl Suite {
    /// Of the history in `folder`, on the server and with the threshold that the environment and
    /// `stairway.toml` ask for. Rows that show something are kept [beside the
    /// tests](Suite::keep_rows).
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { options: super::options(folder.into()), beside: None, keeps_rows: true }
    }

    /// Of the history and with what else `options` say.
    pub fn with(options: Options) -> Self {
        Self { options: Ok(options), beside: None, keeps_rows: false }
    }

    /// Adds a test for what each migration changes and one for the schema at head, against the
    /// snapshots [`beside!`](crate::beside) the test that this is written in.
    #[must_use]
    pub fn snapshots(self, beside: Beside) -> Self {
        Self { beside: Some(beside), ..self }
    }

    /// Tries each migration on so many different sets of rows.
    #[must_use]
    pub fn cases(self, cases: u32) -> Self {
        self.with_rows(|rows| rows.cases = cases)
    }

    /// Gives each table at most so many rows.
    #[must_use]
    pub fn rows(self, rows_per_table: usize) -> Self {
        self.with_rows(|rows| rows.rows_per_table = rows_per_table)
    }

    /// Draws rows by another seed; the same one gives the same rows on every machine.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.with_rows(|rows| rows.seed = seed)
    }

    /// Climbs on empty tables only: nothing is said about data.
    #[must_use]
    pub fn no_rows(mut self) -> Self {
        if let Ok(options) = &mut self.options {
            options.rows = None;
        }
        self
    }

    /// Keeps the rows that a migration fails on in `folder`, one SQL file for each migration, to be
    /// committed: they are tried first from then on, whatever the seed. Without this they are in
    /// `stairway-rows` beside the test of [`Suite::snapshots`], else in `tests` of the package.
    #[must_use]
    pub fn keep_rows(mut self, folder: impl Into<PathBuf>) -> Self {
        if let Ok(options) = &mut self.options {
            options.keep_rows = Some(KeptRows::new(folder));
        }
        self
    }

    /// Keeps no rows, and tries none that are kept.
    #[must_use]
    pub fn no_kept_rows(mut self) -> Self {
        if let Ok(options) = &mut self.options {
            options.keep_rows = None;
        }
        Self { keeps_rows: false, ..self }
    }

    fn with_rows(mut self, change: impl FnOnce(&mut RowOptions)) -> Self {
        if let Ok(options) = &mut self.options {
            change(options.rows.get_or_insert_default());
        }
        self
    }

    /// Lists or runs the tests as the command line of this process says, as any test target does.
    pub fn main(self) -> ExitCode {
        let arguments = Arguments::from_args();
        match self.trials(&arguments) {
            Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
            Err(error) => {
                // Not as a test: a filter would leave it out.
                say(&format!("the migrations can't be tested: {}", causes(&error)));
                ExitCode::FAILURE
            }
        }
    }

    fn trials(self, arguments: &Arguments) -> Result<Vec<Trial>, TestError> {
        let mut options = self.options?;
        options.changes = self.beside.is_some();
        if self.keeps_rows && options.keep_rows.is_none() {
            options.keep_rows = Some(kept_rows(self.beside, &options.folder));
        }
        let history = load(&options)?;
        let mut subjects = subjects(&history, self.beside.is_some());
        if let Some(shard) = options.shard.take() {
            let own = shard.range(history.migrations.len());
            subjects.retain(|(_, subject)| match subject {
                Subject::Migration(at, _) | Subject::Changes(at) => own.contains(at),
                Subject::History | Subject::Head => true,
            });
        }
        let runs = |name: &str| {
            let trial = Trial::test(name, || Ok(()));
            !arguments.is_filtered_out(&trial)
        };
        // Only what will be asked about is climbed.
        let mut wanted = BTreeSet::new();
        for (_, subject) in subjects.iter().filter(|(name, _)| runs(name)) {
            match subject {
                Subject::Migration(at, _) | Subject::Changes(at) => {
                    wanted.insert(*at);
                }
                Subject::History | Subject::Head => {}
            }
        }
        let verdicts = Verdicts::new(options, &history, &wanted);
        let tests = Arc::new(Tests { history, beside: self.beside, verdicts });
        let trial = |(name, subject): (String, Subject)| {
            let tests = Arc::clone(&tests);
            Trial::test(name, move || tests.run(subject).map_err(Failed::from))
        };
        Ok(subjects.into_iter().map(trial).collect())
    }
}

/// Where rows are kept if nothing says where.
fn kept_rows(beside: Option<Beside>, migrations: &Path) -> KeptRows {
    let here = std::env::current_dir().unwrap_or_default();
    let beside = beside.and_then(Beside::folder);
    let beside =
        beside.map(|folder| KeptRows::beside(folder.strip_prefix(&here).unwrap_or(&folder)));
    beside.or_else(|| KeptRows::usual(migrations)).unwrap_or_else(|| {
        // Tests are run in the folder of their package.
        let tests = Path::new("tests");
        KeptRows::beside(if tests.is_dir() { tests } else { Path::new("") })
    })
}

fn subjects(history: &History, snapshots: bool) -> Vec<(String, Subject)> {
    let mut subjects = vec![("history".to_owned(), Subject::History)];
    for (at, migration) in history.migrations.iter().enumerate() {
        let name = name(migration);
        for family in Family::ALL {
            if family == Family::Claims && migration.claims.is_empty() {
                continue;
            }
            let subject = Subject::Migration(at, family);
            subjects.push((format!("{name}::{}", family.as_str()), subject));
        }
        if snapshots {
            subjects.push((format!("{name}::snapshot"), Subject::Changes(at)));
        }
    }
    if snapshots {
        subjects.push(("head::snapshot".to_owned(), Subject::Head));
    }
    subjects
}

fn name(migration: &Migration) -> String {
    let words: Vec<&str> = migration.name.split_whitespace().collect();
    format!("{}_{}", migration.revision, words.join("_"))
}

impl Tests {
    fn run(&self, subject: Subject) -> Result<(), String> {
        match subject {
            Subject::History => self.history(),
            Subject::Head => self.head(),
            Subject::Migration(at, family) => self.migration(at, family),
            Subject::Changes(at) => self.changes(at),
        }
    }

    /// What is about the history, or about no migration that other tests are about. Nothing needs
    /// to be climbed for what the files say alone.
    fn history(&self) -> Result<(), String> {
        let options = self.verdicts.options();
        let counts = |finding: &&Finding| finding.counts(options.fail_on);
        // What rows do not reach is a warning about the run.
        let has_warnings = options.rows.is_some() && options.fail_on < Severity::Error;
        let is_files_alone =
            options.backup.is_none() && options.baseline.is_none() && !has_warnings;
        if is_files_alone && self.history.findings.iter().find(counts).is_none() {
            return Ok(());
        }
        let about = self.verdicts.all()?;
        let about =
            about.filter(|(is_of_run, finding)| *is_of_run || Family::of(finding.check).is_none());
        self.verdicts.failure(about.map(|(_, finding)| finding))
    }

    fn head(&self) -> Result<(), String> {
        let Some(beside) = self.beside else { return Ok(()) };
        let (text, major) = run(head_schema(self.verdicts.options()))?;
        self.verdicts.failure(beside.compare("head", major, &text).iter())
    }

    fn judged(&self, at: usize) -> Result<(&Migration, &Judged, u32), String> {
        let migration = self.history.migrations.get(at).ok_or("no such migration")?;
        let (judged, major) = self.verdicts.judged(&migration.revision, &migration.name)?;
        Ok((migration, judged, major))
    }

    fn migration(&self, at: usize, family: Family) -> Result<(), String> {
        let (_, judged, _) = self.judged(at)?;
        let findings = judged.findings.iter();
        let about = findings.filter(|finding| Family::of(finding.check) == Some(family));
        self.verdicts.failure(about).map_err(|text| {
            let rows = judged.kept.clone().filter(|_| family == Family::Rows);
            let notes = rows.into_iter().chain(self.kept(at, family));
            std::iter::once(text).chain(notes).collect::<Vec<_>>().join("\n")
        })?;
        if let Some(why) = &judged.unjudged {
            return Err(format!("not judged: {why}"));
        }
        let did_not_run = |finding: &Finding| {
            finding.check == CheckId::UpgradeFailed && finding.severity == Severity::Error
        };
        if family != Family::Upgrade && judged.findings.iter().any(did_not_run) {
            return Err("not judged: its upgrade fails".to_owned());
        }
        Ok(())
    }

    /// What the migration changes against its snapshot, which nobody can accept for a migration
    /// that does not come back.
    fn changes(&self, at: usize) -> Result<(), String> {
        let Some(beside) = self.beside else { return Ok(()) };
        let (migration, judged, major) = self.judged(at)?;
        let threshold = self.verdicts.options().fail_on;
        let counted = judged.findings.iter().filter(|finding| finding.counts(threshold));
        let checks: BTreeSet<&str> = counted.map(|finding| finding.check.as_str()).collect();
        if !checks.is_empty() {
            let checks: Vec<&str> = checks.into_iter().collect();
            return Err(format!(
                "its snapshot is not compared, and can't be accepted, as long as there is {}",
                checks.join(", ")
            ));
        }
        let Some(text) = &judged.changes else { return Err("it was not climbed".to_owned()) };
        let text = if text.is_empty() { "nothing" } else { text.as_str() };
        let finding = beside.compare(&name(migration), major, text);
        let finding = finding.map(|finding| finding.in_file(&migration.upgrade.path));
        self.verdicts.failure(finding.iter())
    }

    /// A database in the state that the finding is about, if that is asked for.
    fn kept(&self, at: usize, family: Family) -> Option<String> {
        if !env::KEEP.is_on() || family == Family::Claims {
            return None;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let back = family == Family::Downgrade;
        let database = runtime.block_on(TestDatabase::failing(
            &self.verdicts.options().server,
            &self.history,
            at,
            back,
        ));
        Some(match database {
            Ok((database, whereabouts)) => format!("{whereabouts}, {}", database.keep()),
            Err(error) => format!("no database can be kept: {}", causes(&error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, RowOptions, Suite};

    #[test]
    fn a_suite_says_which_rows_are_tried() {
        let suite = Suite::with(Options::new("migrations")).cases(3).rows(8).seed(9);
        let rows = suite.options.unwrap().rows;
        assert_eq!(
            rows,
            Some(RowOptions { cases: 3, rows_per_table: 8, seed: 9, ..RowOptions::default() })
        );
        assert_eq!(Suite::with(Options::new("migrations")).no_rows().options.unwrap().rows, None);
    }
}
