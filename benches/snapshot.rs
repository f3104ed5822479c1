//! What reading a schema costs, against `pg_dump --schema-only` of the same database.
//!
//! `pg_dump` is the floor because it tells the same: our catalog queries alone would be a part of ourselves.
//! It is a program that starts, connects, reads and writes text, so `whole` is a new connection, a
//! reading and its text. `again` is the whole schema on the connection of a climb, whose plans are made;
//! `followed` is what a climb reads after a migration, here a column that comes or goes, with the
//! message that brings the server's counters up to date.
//!
//! ```text
//! cargo bench --bench snapshot                 # the clinic, and a history of 1,000 migrations
//! STAIRWAY_BENCH_SHORT=1 cargo bench --bench snapshot
//! ```

#[path = "climb/synthetic.rs"]
mod synthetic;

mod ground;
mod ratio;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::Criterion;
use ground::Ground;
use ratio::Result;
use stairway::migrations::History;
use stairway::postgres::{Session, Target};
use stairway::schema::{COUNTS_AT_ONCE, FLUSH, Reader, Snapshot};
use stairway::server::{Database, Profile};

const FLOOR: &str = "pg_dump --schema-only";

fn main() -> Result<()> {
    let mut criterion = ratio::criterion()?;
    let ground = Ground::new(Profile::Fast)?;
    match ground.program("pg_dump") {
        Some(pg_dump) => report(&mut criterion, &ground, &pg_dump)?,
        None => ratio::skip("snapshot", "there is no pg_dump for this server"),
    }
    ground.end()?;
    criterion.final_summary();
    Ok(())
}

fn report(criterion: &mut Criterion, ground: &Ground, pg_dump: &Path) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let count = if ratio::is_short() { 200 } else { 1000 };
    let synthetic = History::load(&synthetic::history(scratch.path(), count)?, None)?;
    let histories = [
        ("clinic", "the clinic's schema".to_owned(), ground::clinic()?),
        ("synthetic", format!("the schema of {count} migrations"), synthetic),
    ];
    for (id, name, history) in &histories {
        let database = ground.at_head(history)?;
        let mut group = criterion.benchmark_group(format!("snapshot/{id}"));
        let major = ground.server.version().major;
        let dump = || dump(pg_dump, &database.target);
        let whole = || ground.runtime.block_on(whole(&database.target, major));
        ratio::compare(&mut group, "whole", (name, FLOOR), whole, dump);

        let mut eye = Eye::open(ground, &database)?;
        let again = || ground.runtime.block_on(eye.again());
        ratio::compare(&mut group, "again", (&format!("{name}, again"), FLOOR), again, dump);
        if major >= COUNTS_AT_ONCE {
            let followed = || ground.runtime.block_on(eye.followed());
            let what = format!("{name}, after one change");
            ratio::compare(&mut group, "followed", (&what, FLOOR), followed, dump);
        } else {
            ratio::skip("snapshot/followed", "changes are followed since PostgreSQL 15");
        }
        group.finish();
        eye.close(ground)?;
        ground.drop(database)?;
    }
    Ok(())
}

fn dump(pg_dump: &Path, target: &Target) -> Result<Duration> {
    let mut command = ground::client(pg_dump, target);
    command.args(["--schema-only", "--no-password"]);
    ground::timed(command)
}

async fn whole(target: &Target, major: u32) -> Result<Duration> {
    let start = Instant::now();
    let mut session = Session::connect(target, "reader").await?;
    black_box(Snapshot::read(&mut session, major, &[]).await?.render());
    session.close().await?;
    Ok(start.elapsed())
}

/// Reads the same database again and again, and the session that changes it.
struct Eye {
    reader: Reader,
    mover: Session,
    is_added: bool,
}

impl Eye {
    fn open(ground: &Ground, database: &Database) -> Result<Self> {
        let (session, mut mover) = (ground.session(database)?, ground.session(database)?);
        let mut reader = Reader::new(session, ground.server.version().major);
        ground.runtime.block_on(async {
            mover.execute("CREATE TABLE touched (id bigint PRIMARY KEY, name text)").await?;
            reader.read(&[]).await?;
            Ok(Self { reader, mover, is_added: false })
        })
    }

    async fn again(&mut self) -> Result<Duration> {
        let start = Instant::now();
        black_box(self.reader.read(&[]).await?);
        Ok(start.elapsed())
    }

    async fn followed(&mut self) -> Result<Duration> {
        let what = if self.is_added { "DROP COLUMN other" } else { "ADD COLUMN other int" };
        self.is_added = !self.is_added;
        self.mover.execute(&format!("ALTER TABLE touched {what}")).await?;
        let start = Instant::now();
        self.mover.execute(FLUSH).await?;
        black_box(self.reader.reread(&[]).await?);
        Ok(start.elapsed())
    }

    fn close(self, ground: &Ground) -> Result<()> {
        ground.close(self.mover)?;
        ground.close(self.reader.into_session())
    }
}
