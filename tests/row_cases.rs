//! Migrations that are wrong, and some that only look so: each wrong one is found by the check that
//! it names, none of the right ones is called wrong, and what is found is shown again by psql.
//!
//! A case is a line of `fixtures/rows/cases.jsonl`; `STAIRWAY_CASES` names another file of such
//! cases, `STAIRWAY_SHOW` prints what was found.

mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use stairway::finding::{CheckId, Finding, Severity};
use stairway::runs::{KeptRows, Options, Silent, Verification, verify};

/// A history of two migrations, the second of which is judged.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    /// `buggy` or `correct`.
    kind: String,
    /// What finds a buggy one.
    oracle: String,
    /// What else may.
    #[serde(default)]
    also: Vec<String>,
    /// The migration before it.
    setup: String,
    up: String,
    down: String,
    /// Whether its scripts run in a transaction.
    transaction: bool,
    /// The claims of its author.
    #[serde(default)]
    intent: Vec<String>,
    #[serde(default)]
    min_pg: u32,
    /// No check finds it yet: it is skipped, loudly.
    #[serde(default)]
    pending: bool,
}

/// What was found in one case, and the folder with the scripts that show it.
struct Outcome {
    id: String,
    major: u32,
    verdict: Verdict,
    line: String,
    found: Vec<Finding>,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Missed,
    FalseAlarm,
    Pending,
    /// It is found, and the case says that it is not.
    NoLongerPending,
    /// What only a measurement can show.
    NotOfRows,
}

/// How many cases run side by side, each with a server of its own.
const TASKS: usize = 2;
/// At most so many rows in a counterexample ..
const FEW: usize = 3;
/// .. but for one in so many.
const ONE_IN: usize = 10;

/// What only a measurement can show.
const MEASURED: &[&str] = &["lock", "rewrite", "slow-plan"];

/// The checks that find what a case names, the check itself or a stronger one.
fn checks(word: &str) -> &[&str] {
    match word {
        "down-failure" => &["downgrade-failed", "data-dependent-failure"],
        "up-failure" => &["upgrade-failed", "data-dependent-failure"],
        "non-idempotent" => &["reupgrade-failed", "reupgrade-drift", "data-added"],
        "fails-with-data" => &["data-dependent-failure"],
        "data-loss" => &["data-loss"],
        "data-added" => &["data-added"],
        "sequence-capacity" | "sequence-position" => &["sequence-behind"],
        "broken-function" => &["broken-object", "refused-row"],
        "refused-row" => &["refused-row", "broken-object"],
        "order-dependence" => &["order-dependent"],
        "schema-drift" => &["schema-drift"],
        "invalid-index" => &["invalid-index"],
        _ => &[],
    }
}

/// Whether a finding comes of rows, so that it has some to show.
fn is_of_rows(finding: &Finding) -> bool {
    matches!(
        finding.check,
        CheckId::DataDependentFailure
            | CheckId::DataLoss
            | CheckId::DataAdded
            | CheckId::OrderDependent
            | CheckId::SequenceBehind
            | CheckId::RefusedRow
    )
}

fn cases() -> Vec<Case> {
    let path = std::env::var("STAIRWAY_CASES");
    let path = path.unwrap_or_else(|_| "fixtures/rows/cases.jsonl".to_owned());
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The case as a folder of migrations, and how they are climbed.
fn options(case: &Case, major: u32, folder: &Path) -> Options {
    let write = |name: &str, sql: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, sql).unwrap();
    };
    let mark = if case.transaction { "" } else { "-- stairway: no-transaction\n" };
    let mut head = mark.to_owned();
    for claim in &case.intent {
        head.push_str("-- stairway: ");
        head.push_str(claim);
        head.push('\n');
    }
    write("up/1_setup.sql", &case.setup);
    write("down/1_setup.sql", "-- only the second one is looked at");
    write("up/2_change.sql", &format!("{head}{}", case.up));
    write("down/2_change.sql", &format!("{mark}{}", case.down));
    let mut options = Options::new(folder);
    options.server = servers::spec(major);
    options.repro = Some(folder.join("repro"));
    options
}

async fn climb(case: &Case, options: &Options) -> Verification {
    verify(options, &mut Silent).await.unwrap_or_else(|error| panic!("{}: {error:?}", case.id))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn judge(case: &Case, major: u32) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let options = options(case, major, folder.path());
    let verification = runtime().block_on(climb(case, &options));
    let judged = verification.migrations.last().unwrap();
    let found = judged.findings.iter().filter(|finding| finding.counts(Severity::Error));
    let found: Vec<Finding> = found.cloned().collect();
    let ids: BTreeSet<&str> = found.iter().map(|finding| finding.check.as_str()).collect();
    let rows: Vec<usize> = found.iter().map(|finding| finding.rows.len()).collect();
    let verdict = verdict(case, &ids);
    let line = format!(
        "{} on {major}: {verdict:?}: {} wants {}, found {ids:?}, rows {rows:?}",
        case.id, case.kind, case.oracle
    );
    Outcome { id: case.id.clone(), major, verdict, line, found, _folder: folder }
}

fn verdict(case: &Case, ids: &BTreeSet<&str>) -> Verdict {
    if case.kind == "correct" {
        return if ids.is_empty() { Verdict::Ok } else { Verdict::FalseAlarm };
    }
    if MEASURED.contains(&case.oracle.as_str()) {
        return Verdict::NotOfRows;
    }
    let words = std::iter::once(&case.oracle).chain(&case.also);
    let found = words.flat_map(|word| checks(word)).any(|id| ids.contains(id));
    match (found, case.pending) {
        (true, false) => Verdict::Ok,
        (false, true) => Verdict::Pending,
        (false, false) => Verdict::Missed,
        (true, true) => Verdict::NoLongerPending,
    }
}

/// All cases, each on the servers whose turn it is, in their order.
fn outcomes() -> Vec<Outcome> {
    let cases = cases();
    let on =
        |(nth, case): (usize, _)| servers::majors().iter().map(move |major| (nth, case, *major));
    let is_due = |(nth, case, major): &(usize, &Case, u32)| {
        servers::takes_turn(*nth, *major, |major| major >= case.min_pg)
    };
    let work = cases.iter().enumerate().flat_map(on).filter(is_due);
    let work: Vec<(&Case, u32)> = work.map(|(_, case, major)| (case, major)).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = BTreeMap::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((case, major)) = work.get(at) else { return done };
            done.insert(at, judge(case, *major));
        }
    };
    let mut all = BTreeMap::new();
    std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..TASKS).map(|_| scope.spawn(take)).collect();
        for task in tasks {
            all.extend(task.join().unwrap());
        }
    });
    all.into_values().collect()
}

/// One test, since each test may be a process of its own that would judge all cases again.
#[test]
fn the_wrong_are_found_by_few_rows_that_psql_shows_and_the_right_are_not() {
    let outcomes = outcomes();
    let parts = [misjudged(&outcomes), too_large(&outcomes), not_shown(&outcomes)];
    let wrong: Vec<String> = parts.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn show(outcome: &Outcome) {
    println!("{}", outcome.line);
    if std::env::var_os("STAIRWAY_SHOW").is_none() {
        return;
    }
    for finding in &outcome.found {
        let detail = finding.detail.as_deref().unwrap_or_default().replace('\n', "\n      ");
        println!("    {}: {}\n      {detail}", finding.check, finding.message);
        for row in &finding.rows {
            println!("      {}", row.insert);
        }
    }
}

/// The wrong ones that are not found, and the right ones that are.
fn misjudged(outcomes: &[Outcome]) -> Vec<String> {
    let mut wrong = Vec::new();
    for outcome in outcomes {
        show(outcome);
        match outcome.verdict {
            Verdict::Missed | Verdict::FalseAlarm | Verdict::NoLongerPending => {
                wrong.push(outcome.line.clone());
            }
            Verdict::Pending => eprintln!("SKIPPED: {} is found by no check yet", outcome.id),
            Verdict::Ok | Verdict::NotOfRows => {}
        }
    }
    wrong
}

/// The large counterexamples, if more than a few are.
fn too_large(outcomes: &[Outcome]) -> Vec<String> {
    let all = outcomes.iter().flat_map(|outcome| {
        outcome.found.iter().filter(|it| is_of_rows(it)).map(move |it| (outcome, it))
    });
    let all: Vec<(&Outcome, &Finding)> = all.collect();
    let large: Vec<String> = all
        .iter()
        .filter(|(_, finding)| finding.rows.len() > FEW)
        .map(|(outcome, finding)| {
            format!(
                "{} on {}: {} rows: {}",
                outcome.id,
                outcome.major,
                finding.rows.len(),
                finding.message
            )
        })
        .collect();
    if large.len() * ONE_IN <= all.len() { Vec::new() } else { large }
}

/// Runs a script with psql against a database of its own, in a folder of its own.
fn psql(server: &servers::TestServer, database: &str, script: &Path) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let programs = server.programs();
    let target = server.target(database);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(programs.to_owned()).chain(std::env::split_paths(&path)),
    );
    let mut command = Command::new(programs.join("psql"));
    command.args(["-X", "-f"]).arg(fs::canonicalize(script).unwrap()).current_dir(folder.path());
    command.env("PATH", path.unwrap()).env("LC_ALL", "C.UTF-8");
    command.env("PGCLIENTENCODING", "UTF8");
    for (name, value) in target.libpq_environment() {
        command.env(name, value);
    }
    command.output().unwrap()
}

/// What the script of a finding should have shown and did not.
fn unshown(finding: &Finding, output: &Output) -> Option<&'static str> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let after = |title: &str| stdout.split_once(title).map(|(_, rest)| rest.trim());
    if finding.check == CheckId::DataDependentFailure {
        let sqlstate = finding.message.rsplit_once("SQLSTATE ").map(|(_, rest)| &rest[..5]);
        let says =
            sqlstate.is_some_and(|code| code == "?????" || stderr.contains(&format!("{code}:")));
        return match (output.status.success(), says) {
            (true, _) => Some("it does not fail"),
            (false, false) => Some("it fails otherwise"),
            (false, true) => None,
        };
    }
    if finding.check == CheckId::RefusedRow && !finding.rows.is_empty() {
        let sqlstate = finding.message.rsplit_once("SQLSTATE ").map(|(_, rest)| &rest[..5]);
        let says = sqlstate.is_some_and(|code| stderr.contains(&format!("{code}:")));
        let is_after = after("== the row").is_some();
        return (!says || !is_after).then_some("the row is not refused");
    }
    if !output.status.success() {
        return Some("it fails");
    }
    let differs =
        |title| after(title).is_some_and(|rest| rest.contains("\n< ") || rest.contains("\n> "));
    let shown = match finding.check {
        CheckId::DataLoss if finding.is_of_second => {
            differs("== rows, upgraded against reupgraded")
        }
        CheckId::DataLoss | CheckId::DataAdded => differs("== rows, before against"),
        CheckId::OrderDependent => {
            after("== rows, one against other").is_some_and(|rest| rest.contains("\n< "))
        }
        CheckId::SequenceBehind => after("== the next value of").is_some_and(|rest| {
            // column | next | highest | collides
            let collides = rest.lines().any(|line| line.trim_end().ends_with("| t"));
            rest.contains("| next |") && collides == finding.message.contains("would hand out")
        }),
        _ => after("== up 2").is_some(),
    };
    (!shown).then_some("it shows nothing")
}

/// What was found and is not shown by its script.
fn not_shown(outcomes: &[Outcome]) -> Vec<String> {
    let runtime = runtime();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for &major in servers::majors() {
        let server = servers::server(major).unwrap();
        let mut admin = runtime.block_on(server.session("postgres"));
        for outcome in outcomes.iter().filter(|outcome| outcome.major == major) {
            for finding in outcome.found.iter().filter(|finding| is_of_rows(finding)) {
                let Some(script) = &finding.repro else {
                    wrong.push(format!("{} on {major}: {}: no script", outcome.id, finding.check));
                    continue;
                };
                seen += 1;
                let database = format!("repro_{seen}");
                runtime.block_on(server.create_database(&mut admin, &database));
                let output = psql(&server, &database, script);
                if let Some(why) = unshown(finding, &output) {
                    wrong.push(format!(
                        "{} on {major}: {}: {why}\n{}\n{}{}",
                        outcome.id,
                        finding.message,
                        fs::read_to_string(script).unwrap(),
                        String::from_utf8_lossy(&output.stdout),
                        String::from_utf8_lossy(&output.stderr),
                    ));
                }
                let drop = format!("DROP DATABASE {database}");
                runtime.block_on(admin.execute(&drop)).unwrap();
            }
        }
    }
    assert!(seen > 0, "no script was run");
    wrong
}

/// What is found, without what differs between runs on purpose.
fn found(case: &Case, options: &Options) -> Vec<Finding> {
    let mut verification = runtime().block_on(climb(case, options));
    let judged = verification.migrations.pop().unwrap();
    judged.findings.into_iter().map(|it| Finding { repro: None, is_kept: false, ..it }).collect()
}

/// How many findings rows of a case are kept for, and what is wrong with these: they change what is
/// said, or do not show alone what they are kept for.
fn unkept(case: &Case) -> (usize, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(case, servers::majors()[0], &folder.path().join("migrations"));
    options.repro = None;
    let kept = KeptRows::new(folder.path().join("kept"));
    options.keep_rows = Some(kept.clone());
    let first = found(case, &options);
    let mut wrong = Vec::new();
    let again = found(case, &options);
    if first != again {
        wrong.push(format!("{}: first {first:#?}\nand then {again:#?}", case.id));
    }
    options.keep_rows = Some(KeptRows { writes: false, ..kept });
    let rows = options.rows.as_mut().unwrap();
    (rows.seed, rows.rows_per_table) = (99, 1);
    let alone = found(case, &options);
    let is_of_kept = |it: &&Finding| it.counts(Severity::Error) && !it.rows.is_empty();
    for finding in first.iter().filter(is_of_kept) {
        let is_same = |other: &&Finding| {
            other.check == finding.check
                && (other.objects == finding.objects
                    || other.objects.iter().any(|object| finding.objects.contains(object)))
        };
        if !alone.iter().any(|other| is_same(&other)) {
            wrong.push(format!("{}: not found again: {finding:#?}", case.id));
        }
    }
    (first.iter().filter(is_of_kept).count(), wrong)
}

#[test]
fn kept_rows_show_it_again_and_change_nothing() {
    let major = servers::majors()[0];
    let cases = cases().into_iter().filter(|case| major >= case.min_pg);
    // Each is verified several times: one of three tells as well whether it is done.
    let step = if servers::is_long() { 1 } else { 3 };
    let cases: Vec<Case> = cases.step_by(step).collect();
    let (next, seen) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let take = || {
        let mut wrong = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (kept, of_case) = unkept(case);
            seen.fetch_add(kept, Ordering::Relaxed);
            wrong.extend(of_case);
        }
        wrong
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..TASKS).map(|_| scope.spawn(take)).collect();
        tasks.into_iter().flat_map(|task| task.join().unwrap()).collect()
    });
    let seen = seen.into_inner();
    let count = cases.len();
    assert!(seen * 4 > count, "rows are kept of {seen} findings of {count} cases only");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
