//! What fingerprints cost, of rows and of a schema.
//!
//! `rows` is what a climb asks of a table that is too large to be fetched: number, sum of hashes and
//! last value of each column, and of whole rows. `contents` is what a backup writes down of it: one
//! hash for each row, made of those of its columns. The floor of both is `COPY .. TO '/dev/null'`: each
//! value as text once and nothing else, which a dump can't do without; so below 1 is what costs less
//! than a dump of the same rows. Nothing runs in parallel. `digest` is that of a snapshot, from the tree
//! on; its floor is SHA-256 of the text that is there already.
//!
//! ```text
//! cargo bench --bench fingerprint              # 100,000 rows
//! STAIRWAY_BENCH_SHORT=1 cargo bench --bench fingerprint
//! ```

mod ground;
mod ratio;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use ground::Ground;
use ratio::Result;
use sha2::{Digest, Sha256};
use stairway::data::{self, Name, Reach, TableRows, ToRead};
use stairway::postgres::{Batch, Session};
use stairway::schema::Snapshot;
use stairway::server::Profile;
use stairway::steps::contents;

/// What rows of a service are made of.
const COLUMNS: [(&str, &str, &str); 9] = [
    ("id", "bigint PRIMARY KEY", "n"),
    ("client_id", "int NOT NULL", "n % 977"),
    ("reference", "uuid NOT NULL", "md5(n::text)::uuid"),
    ("begins_at", "timestamptz NOT NULL", "'2024-01-01'::timestamptz + n * interval '1 min'"),
    ("price", "numeric(10,2)", "CASE WHEN n % 3 > 0 THEN n % 10007 / 100.0 END"),
    ("is_done", "boolean NOT NULL", "n % 7 > 0"),
    ("title", "varchar(80) NOT NULL", "'Visit ' || n"),
    ("note", "text", "CASE WHEN n % 5 = 0 THEN repeat('said and done ', 8) END"),
    (
        "data",
        "jsonb NOT NULL",
        "jsonb_build_object('n', n, 'tags', jsonb_build_array('a' || n % 7))",
    ),
];
const FLOOR: &str = "COPY .. TO '/dev/null'";
const BARE: &str = "COPY visit TO '/dev/null'";

fn main() -> Result<()> {
    let mut criterion = ratio::criterion()?;
    let ground = Ground::new(Profile::Fast)?;
    rows(&mut criterion, &ground)?;
    digest(&mut criterion, &ground)?;
    ground.end()?;
    criterion.final_summary();
    Ok(())
}

fn rows(criterion: &mut Criterion, ground: &Ground) -> Result<()> {
    let database = ground.empty()?;
    let count = if ratio::is_short() { 20_000 } else { 100_000 };
    let (mut ours, mut floor) = (ground.session(&database)?, ground.session(&database)?);
    ground.runtime.block_on(async {
        ours.execute(&filled(count)).await?;
        for session in [&mut ours, &mut floor] {
            session.execute("SET max_parallel_workers_per_gather = 0").await?;
        }
        Result::Ok(())
    })?;
    let mut group = criterion.benchmark_group("fingerprint");
    let mut bare = || ground.runtime.block_on(bare(&mut floor));

    let what = format!("the fingerprint of {count} rows");
    let print = || ground.runtime.block_on(print(&mut ours));
    ratio::compare(&mut group, "rows", (&what, FLOOR), print, &mut bare);
    let what = format!("what a backup says of {count} rows");
    let held = || ground.runtime.block_on(held(&mut ours));
    ratio::compare(&mut group, "contents", (&what, FLOOR), held, &mut bare);
    group.finish();
    ground.close(ours)?;
    ground.close(floor)?;
    ground.drop(database)
}

/// A table of so many rows.
fn filled(count: u32) -> String {
    let columns = COLUMNS.map(|(name, kind, _)| format!("{name} {kind}")).join(", ");
    let values = COLUMNS.map(|(_, _, value)| value).join(", ");
    format!(
        "CREATE TABLE visit ({columns}); \
         INSERT INTO visit SELECT {values} FROM generate_series(1, {count}) n"
    )
}

async fn bare(session: &mut Session) -> Result<Duration> {
    let start = Instant::now();
    session.execute(BARE).await?;
    Ok(start.elapsed())
}

async fn print(session: &mut Session) -> Result<Duration> {
    let columns = COLUMNS.map(|(name, ..)| name.to_owned()).to_vec();
    let reach = Reach::Beside(TableRows::default());
    let table = ToRead { name: Name::new("public", "visit"), columns, key: vec![0], reach };
    let start = Instant::now();
    let mut batch = Batch::default();
    batch.say("BEGIN");
    batch.say(&data::pins());
    let asked = data::ask_rows(&mut batch, &[table]);
    batch.say("COMMIT");
    let (mut answers, sent) = session.send_so_far(&batch).await;
    sent?;
    let read = asked.read(&mut answers);
    let took = start.elapsed();
    let print = read.0.values().next().and_then(|held| held.rest.as_ref());
    match print.filter(|print| print.whole.is_some()) {
        Some(_) => Ok(took),
        None => Err("there is no fingerprint".into()),
    }
}

async fn held(session: &mut Session) -> Result<Duration> {
    let start = Instant::now();
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let held = contents(session, &[]).await?;
    session.execute("COMMIT").await?;
    let took = start.elapsed();
    if held.rows() == 0 {
        return Err("no rows were counted".into());
    }
    Ok(took)
}

fn digest(criterion: &mut Criterion, ground: &Ground) -> Result<()> {
    let database = ground.at_head(&ground::clinic()?)?;
    let mut session = ground.session(&database)?;
    let major = ground.server.version().major;
    let snapshot = ground.runtime.block_on(Snapshot::read(&mut session, major, &[]))?;
    ground.close(session)?;
    ground.drop(database)?;
    let text = snapshot.render();
    let mut group = criterion.benchmark_group("fingerprint");
    let ours = || Ok(once(|| snapshot.digest()));
    let floor = || Ok(once(|| Sha256::digest(text.as_bytes())));
    ratio::compare(
        &mut group,
        "digest",
        ("the digest of the clinic's schema", "SHA-256 of its text"),
        ours,
        floor,
    );
    group.finish();
    Ok(())
}

fn once<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
