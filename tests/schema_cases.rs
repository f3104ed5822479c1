//! Every case of `fixtures/schema/*.jsonl` on the major versions at hand in turn, on all of them with
//! `STAIRWAY_SWEEP=full` or where `STAIRWAY_CASES` names a file: the snapshot differs exactly when the
//! case says that the schema does.

mod servers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use servers::{TestServer, server};
use stairway::postgres::{Session, quote_ident, quote_literal};
use stairway::schema::{COUNTS_AT_ONCE, FLUSH, Reader, Snapshot};

#[derive(Clone, Debug, Deserialize)]
struct Case {
    id: String,
    setup: String,
    #[serde(default)]
    mutate: String,
    #[serde(default)]
    min_pg: u32,
    max_pg: Option<u32>,
    must_change: bool,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    autocommit: bool,
    #[serde(default)]
    same_session: bool,
    compare: Option<String>,
    cleanup: Option<String>,
}

/// What one server said about all cases.
#[derive(Default)]
struct Outcome {
    ran: usize,
    failures: Vec<String>,
    stable: BTreeMap<String, String>,
}

#[test]
fn snapshots_differ_exactly_when_the_schema_does() {
    let cases = cases();
    let outcomes: Vec<(u32, Outcome)> = std::thread::scope(|scope| {
        let lanes: Vec<_> = servers::MAJORS
            .iter()
            .map(|major| scope.spawn(|| server(*major).map(|server| run(&server, &cases))))
            .collect();
        let ends = lanes.into_iter().map(|lane| lane.join().unwrap());
        servers::MAJORS.into_iter().zip(ends).filter_map(|(m, end)| Some((m, end?))).collect()
    });
    assert!(!outcomes.is_empty(), "no PostgreSQL server binaries were found");
    let mut failures: Vec<String> = Vec::new();
    let mut stable: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
    for (major, outcome) in &outcomes {
        println!("PostgreSQL {major}: {} cases, {} wrong", outcome.ran, outcome.failures.len());
        failures.extend(outcome.failures.iter().map(|failure| format!("on {major}: {failure}")));
        for (id, text) in &outcome.stable {
            let (other, first) = *stable.entry(id).or_insert((*major, text));
            if first != text {
                failures.push(format!("{id} differs on {other} and {major}:\n{first}---\n{text}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} wrong\n{}", failures.len(), failures.join("\n"));
}

fn cases() -> Vec<Case> {
    let files = match std::env::var("STAIRWAY_CASES") {
        Ok(file) => vec![PathBuf::from(file)],
        Err(_) => fixtures(),
    };
    let mut cases: Vec<Case> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let case = serde_json::from_str(line);
            cases.push(case.unwrap_or_else(|error| panic!("{}: {error}: {line}", file.display())));
        }
    }
    if let Ok(only) = std::env::var("STAIRWAY_ONLY_CASE") {
        cases.retain(|case| case.id == only);
    }
    assert!(!cases.is_empty(), "no cases");
    cases
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schema");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    files
}

fn run(server: &TestServer, cases: &[Case]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut admin = server.session("postgres").await;
        let mut outcome = Outcome::default();
        for (nth, case) in cases.iter().enumerate() {
            if !is_due(nth, case, server.major) {
                continue;
            }
            outcome.ran += 1;
            match judge(server, &mut admin, case).await {
                Ok(Some(text)) => drop(outcome.stable.insert(case.id.clone(), text)),
                Ok(None) => {}
                Err(failure) => outcome.failures.push(format!("{}: {failure}", case.id)),
            }
        }
        outcome
    })
}

/// Whether it is this major's turn; what majors are compared by is tried on all.
fn is_due(nth: usize, case: &Case, major: u32) -> bool {
    let can = |major| major >= case.min_pg && case.max_pg.is_none_or(|max| major <= max);
    let is_compared = case.compare.is_some();
    if is_compared { can(major) } else { servers::takes_turn(nth, major, can) }
}

/// `Ok` with the stable text where majors are to be compared.
async fn judge(
    server: &TestServer,
    admin: &mut Session,
    case: &Case,
) -> Result<Option<String>, String> {
    for need in &case.needs {
        provide(server, admin, need).await;
    }
    let database = format!("case {}", case.id);
    let target = server.create_database(admin, &database).await;
    let mut writer = Session::connect(&target, "test").await.unwrap();
    let mut reader = Session::connect(&target, "test").await.unwrap();
    let follower = Session::connect(&target, "test").await.unwrap();
    let mut follower = Reader::new(follower, server.major);
    let result = observe(server.major, &mut writer, &mut reader, &mut follower, case).await;
    if let Some(cleanup) = &case.cleanup {
        writer.execute(cleanup).await.map_err(|error| format!("cleanup: {error}"))?;
    }
    writer.close().await.unwrap();
    reader.close().await.unwrap();
    follower.into_session().close().await.unwrap();
    admin.execute(&format!("DROP DATABASE \"{database}\" WITH (FORCE)")).await.unwrap();
    result
}

async fn observe(
    major: u32,
    writer: &mut Session,
    reader: &mut Session,
    follower: &mut Reader,
    case: &Case,
) -> Result<Option<String>, String> {
    // What is read by what was touched must be what is read as a whole, after the setup too.
    follower.read(&[]).await.map_err(|error| format!("read: {error:?}"))?;
    send(writer, &case.setup, case.autocommit).await.map_err(|error| format!("setup: {error}"))?;
    let before = read(major, if case.same_session { writer } else { reader }).await?;
    follows(major, writer, follower, &before).await?;
    send(writer, &case.mutate, case.autocommit)
        .await
        .map_err(|error| format!("mutate: {error}"))?;
    let after = read(major, if case.same_session { writer } else { reader }).await?;
    follows(major, writer, follower, &after).await?;
    let difference = before.diff(&after);
    assert_eq!(difference.is_empty(), before == after, "{}: {difference:?}", case.id);
    if case.must_change && difference.is_empty() {
        return Err(format!("no change seen in\n{}", after.render()));
    }
    if !case.must_change && !difference.is_empty() {
        return Err(format!("should be quiet, but\n{}", difference.render()));
    }
    let is_compared = case.compare.as_deref() == Some("cross_major");
    Ok(is_compared.then(|| after.render_stable()))
}

/// Holds that what the reader makes of what was touched is what a whole read says.
async fn follows(
    major: u32,
    writer: &mut Session,
    follower: &mut Reader,
    whole: &Snapshot,
) -> Result<(), String> {
    if major >= COUNTS_AT_ONCE {
        writer.execute(FLUSH).await.map_err(|error| error.to_string())?;
    }
    let followed = follower.reread(&[]).await.map_err(|error| format!("reread: {error:?}"))?;
    if followed == *whole {
        return Ok(());
    }
    Err(format!("not followed:\n{}", whole.diff(&followed).render()))
}

/// Reads, and holds what must be true of every snapshot.
async fn read(major: u32, session: &mut Session) -> Result<Snapshot, String> {
    let snapshot = Snapshot::read(session, major, &[]).await;
    let snapshot = snapshot.map_err(|error| format!("read: {error:?}"))?;
    let text = snapshot.render();
    let back = Snapshot::parse(&text).map_err(|error| format!("parse: {error}\n{text}"))?;
    if back != snapshot {
        return Err(format!("the text does not read back:\n{text}---\n{}", back.render()));
    }
    if let Some(missing) = snapshot.unmodelled().first() {
        return Err(missing.clone());
    }
    Ok(snapshot)
}

/// Roles and tablespaces that a case names; they live as long as the server.
async fn provide(server: &TestServer, admin: &mut Session, need: &str) {
    let (kind, name) = need.split_once(':').unwrap();
    let catalog = match kind {
        "role" => "pg_roles WHERE rolname",
        "tablespace" => "pg_tablespace WHERE spcname",
        _ => panic!("can't provide {need}"),
    };
    if admin
        .value(&format!("SELECT 1 FROM {catalog} = {}", quote_literal(name)))
        .await
        .unwrap()
        .is_some()
    {
        return;
    }
    let sql = match kind {
        "role" => format!("CREATE ROLE {}", quote_ident(name)),
        _ => format!(
            "CREATE TABLESPACE {name} LOCATION '{}'",
            server.directory(&format!("tablespace_{name}")).display()
        ),
    };
    admin.execute(&sql).await.unwrap();
}

/// One message, or one for each statement where a statement refuses a transaction.
async fn send(session: &mut Session, sql: &str, autocommit: bool) -> Result<(), String> {
    let messages = if autocommit { statements(sql) } else { vec![sql] };
    for message in messages.into_iter().filter(|message| !message.trim().is_empty()) {
        session.execute(message).await.map_err(|error| format!("{error}: {message}"))?;
    }
    Ok(())
}

/// Splits at semicolons outside of quotes.
fn statements(sql: &str) -> Vec<&str> {
    let mut quote = None;
    sql.split(|c: char| {
        match quote {
            Some(open) if open == c => quote = None,
            None if c == '\'' || c == '"' || c == '$' => quote = Some(c),
            _ => {}
        }
        c == ';' && quote.is_none()
    })
    .collect()
}

#[test]
fn a_reader_sees_what_a_single_read_sees_and_ignores_version_tables() {
    for major in servers::MAJORS {
        let Some(server) = server(major) else { continue };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare_readers(&server));
    }
}

async fn compare_readers(server: &TestServer) {
    let mut writer = server.session("postgres").await;
    let empty = Snapshot::read(&mut writer, server.major, &[]).await.unwrap();
    let mut reader = Reader::new(server.session("postgres").await, server.major);
    assert_eq!(reader.read(&[]).await.unwrap(), empty);
    writer
        .execute(
            "CREATE SCHEMA tool; CREATE TABLE tool.\"Done\" (id serial PRIMARY KEY, at text UNIQUE);
             COMMENT ON COLUMN tool.\"Done\".at IS 'when'; GRANT SELECT ON tool.\"Done\" TO PUBLIC",
        )
        .await
        .unwrap();
    writer.execute("CREATE ROLE guest LOGIN").await.unwrap();
    let guest = server.target_as("guest", "postgres");
    let mut guest = Reader::new(Session::connect(&guest, "test").await.unwrap(), server.major);
    assert_eq!(guest.read(&[]).await.unwrap(), reader.read(&[]).await.unwrap());
    let ignore = [("tool".to_owned(), "Done".to_owned())];
    let left: Vec<String> = empty
        .diff(&reader.read(&ignore).await.unwrap())
        .changes
        .into_iter()
        .map(|change| change.object)
        .collect();
    assert_eq!(left, ["schema tool"]);
    assert_eq!(
        reader.read(&[]).await.unwrap(),
        Snapshot::read(&mut writer, server.major, &[]).await.unwrap()
    );
}
