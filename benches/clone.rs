//! What a clone of a database costs, against `CREATE DATABASE .. TEMPLATE` in a session that is there.
//!
//! Copying the files is the server's work in both. What we add is a connection of its own for each
//! clone, and, on a server that others use too, the note that the database is ours. Dropping the clones
//! is not measured.
//!
//! ```text
//! cargo bench --bench clone                    # the clinic, and a history of 1,000 migrations
//! STAIRWAY_BENCH_SHORT=1 cargo bench --bench clone
//! ```

#[path = "climb/synthetic.rs"]
mod synthetic;

mod ground;
mod ratio;

use std::time::{Duration, Instant};

use criterion::Criterion;
use ground::Ground;
use ratio::Result;
use stairway::migrations::History;
use stairway::postgres::{Session, quote_ident};
use stairway::server::{Database, Profile, Template};

fn main() -> Result<()> {
    let mut criterion = ratio::criterion()?;
    let ground = Ground::new(Profile::Fast)?;
    report(&mut criterion, &ground)?;
    ground.end()?;
    criterion.final_summary();
    Ok(())
}

fn report(criterion: &mut Criterion, ground: &Ground) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let count = if ratio::is_short() { 200 } else { 1000 };
    let synthetic = History::load(&synthetic::history(scratch.path(), count)?, None)?;
    let histories = [
        ("clinic", "a clone of the clinic".to_owned(), ground::clinic()?),
        ("synthetic", format!("a clone of {count} migrations"), synthetic),
    ];
    let mut admin = ground.runtime.block_on(Session::connect(ground.server.admin(), "floor"))?;
    let mut group = criterion.benchmark_group("clone");
    for (id, what, history) in &histories {
        let template = ground.at_head(history)?;
        let names = (what.as_str(), "CREATE DATABASE .. TEMPLATE");
        let ours = || cloned(ground, &template);
        let floor = || ground.runtime.block_on(bare(&mut admin, &template));
        ratio::compare(&mut group, id, names, ours, floor);
        ground.drop(template)?;
    }
    group.finish();
    ground.close(admin)
}

fn cloned(ground: &Ground, template: &Database) -> Result<Duration> {
    let start = Instant::now();
    let clone = ground.runtime.block_on(ground.server.create_database(Template::Of(template)))?;
    let took = start.elapsed();
    ground.drop(clone)?;
    Ok(took)
}

async fn bare(admin: &mut Session, template: &Database) -> Result<Duration> {
    let (name, from) =
        (quote_ident(&format!("{}_bare", template.name)), quote_ident(&template.name));
    let start = Instant::now();
    admin.execute(&format!("CREATE DATABASE {name} TEMPLATE {from}")).await?;
    let took = start.elapsed();
    admin.execute(&format!("DROP DATABASE {name}")).await?;
    Ok(took)
}
