//! The second witness: whole histories, with `pg_dump` before and after every step.
//!
//! Each migration is run up, down and up again on a clone of the state that the upgrades before it
//! give, with a dump and a snapshot after each step. Two snapshots must be equal exactly when the two
//! dumps are, and `verify` must find drift exactly where the dumps differ.
//!
//! `STAIRWAY_HISTORY=FOLDER[,FOLDER..] cargo test --test history_oracle -- --nocapture` does the same
//! for other histories and prints a table. `STAIRWAY_ORACLE_MAJORS=18` takes only that major.

mod dump;
mod servers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dump::{Dump, lines_that_differ};
use stairway::finding::CheckId;
use stairway::migrations::{History, Migration};
use stairway::postgres::{Session, Target};
use stairway::runs::{Options, Silent, verify};
use stairway::schema::{DriftClass, Snapshot};
use stairway::server::{Database, Server, Template};
use stairway::steps::{Ledger, apply, connect, revert};

/// A schema as both witnesses see it.
struct Seen {
    dump: String,
    snapshot: Snapshot,
}

struct Witness<'s> {
    server: &'s Server,
    ignore: (String, String),
}

impl Witness<'_> {
    async fn look(&self, target: &Target) -> Seen {
        let mut eye = Session::connect(target, "oracle").await.unwrap();
        let major = self.server.version().major;
        let snapshot =
            Snapshot::read(&mut eye, major, std::slice::from_ref(&self.ignore)).await.unwrap();
        assert!(snapshot.unmodelled().is_empty(), "{:?}", snapshot.unmodelled());
        eye.close().await.unwrap();
        Seen { dump: self.dump(target), snapshot }
    }

    fn dump(&self, target: &Target) -> String {
        let programs = self.server.programs().expect("pg_dump");
        let ignore = format!("--exclude-table={}.{}", self.ignore.0, self.ignore.1);
        Dump::start(programs, target, &[&ignore]).text().unwrap()
    }
}

/// What happened to one migration, by `pg_dump`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Truth {
    upgrade_fails: bool,
    downgrade_fails: bool,
    reupgrade_fails: bool,
    drifts: bool,
    reupgrade_drifts: bool,
    /// The first and the second upgrade differ in the order of columns only.
    only_in_order: bool,
}

/// Snapshots and dumps that do not agree, in words.
type Quarrels = Vec<String>;

async fn truth(
    witness: &Witness<'_>,
    ledger: &Ledger,
    clean: &Database,
    migration: &Migration,
    before: Option<&Migration>,
) -> (Truth, Quarrels) {
    let mut truth = Truth::default();
    let mut quarrels = Quarrels::new();
    let work = witness.server.create_database(Template::Of(clean)).await.unwrap();
    let mut session = connect(ledger.tool(), &work.target, "oracle climb").await.unwrap();
    let a = witness.look(&work.target).await;
    let mut agree = |what: &str, one: &Seen, other: &Seen| {
        let dumps = one.dump == other.dump;
        let snapshots = one.snapshot == other.snapshot;
        if dumps != snapshots {
            let difference = one.snapshot.diff(&other.snapshot).render();
            let lines = lines_that_differ(&one.dump, &other.dump);
            quarrels.push(format!(
                "{} {what}: dumps equal: {dumps}, snapshots equal: {snapshots}\n{difference}{lines}",
                migration.revision
            ));
        }
    };
    truth.upgrade_fails = apply(&mut session, ledger, migration).await.is_err();
    if !truth.upgrade_fails {
        let b = witness.look(&work.target).await;
        agree("before and after the upgrade", &a, &b);
        if let Some(script) = migration.downgrade.as_ref().filter(|script| !script.is_blank()) {
            let down = revert(&mut session, ledger, migration, script, before).await;
            truth.downgrade_fails = down.is_err();
            if down.is_ok() {
                let back = witness.look(&work.target).await;
                truth.drifts = a.dump != back.dump;
                agree("before and after up and down", &a, &back);
                truth.reupgrade_fails = apply(&mut session, ledger, migration).await.is_err();
                if !truth.reupgrade_fails {
                    let again = witness.look(&work.target).await;
                    truth.reupgrade_drifts = b.dump != again.dump;
                    let changes = b.snapshot.diff(&again.snapshot).changes;
                    truth.only_in_order = !changes.is_empty()
                        && changes.iter().all(|change| change.class == DriftClass::OrderOnly);
                    agree("first and second upgrade", &b, &again);
                }
            }
        }
    }
    session.close().await.unwrap();
    witness.server.drop_database(work).await.unwrap();
    (truth, quarrels)
}

/// What `verify` says, in the same words.
async fn said(folder: &Path, major: u32) -> BTreeMap<String, Truth> {
    let mut options = Options::new(folder);
    options.server = servers::spec(major);
    // Rows have tests of their own.
    options.rows = None;
    let verification = verify(&options, &mut Silent).await.unwrap();
    let of = |judged: &stairway::runs::Judged| {
        let has = |check| judged.findings.iter().any(|finding| finding.check == check);
        let truth = Truth {
            upgrade_fails: has(CheckId::UpgradeFailed),
            downgrade_fails: has(CheckId::DowngradeFailed),
            reupgrade_fails: has(CheckId::ReupgradeFailed),
            drifts: has(CheckId::SchemaDrift) || has(CheckId::ColumnOrder),
            reupgrade_drifts: has(CheckId::ReupgradeDrift),
            only_in_order: false,
        };
        (judged.revision.clone(), truth)
    };
    verification.migrations.iter().map(of).collect()
}

async fn compare(folder: &Path, major: u32) -> Vec<String> {
    let history = History::load(folder, None).unwrap();
    let server = Server::acquire(&servers::spec(major)).await.unwrap();
    let clean = server.create_database(Template::Empty).await.unwrap();
    let mut session = Session::connect(&clean.target, "oracle clean").await.unwrap();
    let ledger = Ledger::ensure(&mut session, &history.records).await.unwrap();
    session.close().await.unwrap();
    let witness = Witness { server: &server, ignore: ledger.names() };
    let said = said(folder, major).await;
    let mut problems = Vec::new();
    let mut before: Option<&Migration> = None;
    let (mut agreed, mut drifting) = (0, 0);
    for migration in &history.migrations {
        let (truth, quarrels) = truth(&witness, &ledger, &clean, migration, before).await;
        problems.extend(quarrels);
        let said = &said[&migration.revision];
        // An order of columns that the downgrade changed and the upgrade kept is said once.
        let in_order = truth.drifts && truth.only_in_order && !said.reupgrade_drifts;
        let wanted = Truth {
            reupgrade_drifts: truth.reupgrade_drifts && !in_order,
            only_in_order: false,
            ..truth
        };
        let same = *said == wanted;
        if same {
            agreed += 1;
        } else {
            problems.push(format!("{}: pg_dump {truth:?}, verify {said:?}", migration.revision));
        }
        drifting += usize::from(truth.drifts);
        if !truth.upgrade_fails {
            let mut session = connect(history.tool, &clean.target, "oracle clean").await.unwrap();
            apply(&mut session, &ledger, migration).await.unwrap();
            session.close().await.unwrap();
            before = Some(migration);
        }
    }
    println!(
        "{} on {major}: {} migrations, {agreed} agreed, {} not; {drifting} drift",
        folder.display(),
        history.migrations.len(),
        history.migrations.len() - agreed
    );
    server.stop().await.unwrap();
    problems
}

fn folders() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    match std::env::var("STAIRWAY_HISTORY") {
        Ok(named) => named.split(',').map(PathBuf::from).collect(),
        Err(_) => {
            vec![fixtures.join("clinic/migrations"), fixtures.join("clinic-faulty/migrations")]
        }
    }
}

fn majors() -> Vec<u32> {
    let named = std::env::var("STAIRWAY_ORACLE_MAJORS").unwrap_or_default();
    let wanted =
        |major: &&u32| named.is_empty() || named.split(',').any(|at| at == major.to_string());
    servers::majors().iter().filter(wanted).copied().collect()
}

#[tokio::test]
async fn verdicts_agree_with_pg_dump() {
    let mut problems = Vec::new();
    for (nth, folder) in folders().iter().enumerate() {
        for major in majors().into_iter().filter(|it| servers::takes_turn(nth, *it, |_| true)) {
            problems.extend(compare(folder, major).await);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}
