//! How fast rows are made and given, against COPY of the same rows.
//!
//! The floor is COPY of lines that are ready, in one session, table after table. Against it stands
//! what a climb does: rows are made up from the catalog and put into the tables, until all are in. Both
//! are done in alternation on tables that were just truncated, and are rolled back. What counts is the
//! ratio of the two rates, which says the same on every machine; that of the default number of rows is
//! printed for information: there the questions to the server outweigh the rows. The line with the ratio
//! is about times, as everywhere, so it is the other way round.
//!
//! ```text
//! cargo bench --bench rows                     # 20,000 rows a table
//! cargo bench --bench rows -- 1000 5000        # so many
//! STAIRWAY_BENCH_ROUNDS=9 cargo bench --bench rows
//! ```

mod ratio;

use std::time::{Duration, Instant};

use ratio::{Result, Turns, median};
use stairway::data::{
    Loader, Model, Recipe, Rows, Table, TableRows, Wanted, all_columns, in_order,
};
use stairway::postgres::{Session, copy_from, copy_line};
use stairway::server::{Server, ServerSpec, Template};

const SCHEMA: &str = "
CREATE TYPE status AS ENUM ('draft', 'sent', 'paid', 'void');
CREATE TABLE customer (
    id bigint PRIMARY KEY,
    email varchar(120) NOT NULL UNIQUE,
    name text NOT NULL,
    country char(2),
    created_at timestamptz NOT NULL DEFAULT now(),
    is_active boolean NOT NULL DEFAULT true
);
CREATE TABLE invoice (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customer (id),
    number varchar(20) NOT NULL UNIQUE,
    reference uuid NOT NULL DEFAULT gen_random_uuid(),
    status status NOT NULL DEFAULT 'draft',
    amount numeric(10,2) NOT NULL CHECK (amount >= 0),
    tax numeric(10,2),
    issued_at timestamptz NOT NULL,
    paid_at timestamptz,
    is_final boolean NOT NULL DEFAULT false,
    data jsonb NOT NULL DEFAULT '{}',
    note text
);
CREATE TABLE line (
    invoice_id bigint NOT NULL REFERENCES invoice (id),
    place int NOT NULL CHECK (place > 0),
    what text NOT NULL,
    quantity int NOT NULL DEFAULT 1,
    price numeric(10,2) NOT NULL,
    PRIMARY KEY (invoice_id, place)
);
";

const EMPTY: &str = "TRUNCATE customer, invoice, line";

fn main() -> Result<()> {
    if ratio::is_list() {
        return Ok(());
    }
    let counts = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let counts: Vec<usize> =
        counts.map(|arg| arg.parse()).collect::<std::result::Result<_, _>>()?;
    let usual = if ratio::is_short() { 2_000 } else { 20_000 };
    let counts = if counts.is_empty() { vec![usual] } else { counts };
    let rounds = ratio::rounds(5, 3)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::acquire(&ServerSpec::from_env()?).await?;
        let result = report(&server, &counts, rounds).await;
        server.stop().await?;
        result
    })
}

async fn report(server: &Server, counts: &[usize], rounds: u32) -> Result<()> {
    let database = server.create_database(Template::Empty).await?;
    let mut session = Session::connect(&database.target, "floor").await?;
    session.execute(SCHEMA).await?;
    let mut loader = Loader::new(Session::connect(&database.target, "rows").await?);
    println!(
        "rows a second, and how much of the rate of COPY that is: the median of {rounds} rounds"
    );
    println!("{:>10} {:>10} {:>12} {:>12} {:>8}", "a table", "rows", "COPY", "given", "%");
    let usual = Recipe::default();
    let bulk = |count: &usize| Recipe { rows_per_table: *count, at_least: *count, ..usual };
    for recipe in counts.iter().map(bulk).chain([usual]) {
        let (mut copied, mut given, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut turns = Turns::default();
        // The same in each round, and known before the first, so that either can begin.
        session.execute(EMPTY).await?;
        let (_, model, rows) = give(&mut loader, recipe).await?;
        let count = rows.count();
        for round in 0..rounds {
            let copy_first = round % 2 == 1;
            let mut floor = Duration::ZERO;
            if copy_first {
                session.execute(EMPTY).await?;
                floor = copy(&mut session, &model, &rows).await?;
            }
            session.execute(EMPTY).await?;
            let (took, ..) = give(&mut loader, recipe).await?;
            if !copy_first {
                session.execute(EMPTY).await?;
                floor = copy(&mut session, &model, &rows).await?;
            }
            turns.add(took, floor);
            let rows = f64::from(u32::try_from(count)?);
            let rate = |time: Duration| rows / time.as_secs_f64();
            copied.push(rate(floor));
            given.push(rate(took));
            ratios.push(rate(took) / rate(floor) * 100.0);
        }
        println!(
            "{:>10} {count:>10} {:>12.0} {:>12.0} {:>8.1}",
            recipe.rows_per_table,
            median(copied),
            median(given),
            median(ratios)
        );
        turns.say(&format!("making {count} rows"), "COPY of the same");
    }
    loader.into_session().close().await?;
    session.close().await?;
    server.drop_database(database).await?;
    Ok(())
}

/// From the catalog to rows that are in, and what they are.
async fn give(loader: &mut Loader, recipe: Recipe) -> Result<(Duration, Model, Rows)> {
    let start = Instant::now();
    let (model, _) = loader.begin(&Wanted { all: true, ..Wanted::default() }).await?;
    let (positions, _) = loader.look(&model, &[]).await?;
    let filled = loader.fill(&model, &Rows::default(), "", recipe).await?;
    loader.session().await?;
    let took = start.elapsed();
    if !filled.unfilled.is_empty() {
        return Err(format!("tables are without rows: {:?}", filled.unfilled).into());
    }
    let rows = loader.rows(&all_columns(&model)).await?;
    loader.end(&positions);
    loader.session().await?;
    Ok((took, model, rows))
}

/// The same rows from lines that are ready.
async fn copy(session: &mut Session, model: &Model, rows: &Rows) -> Result<Duration> {
    let tables = in_order(model).into_iter().filter_map(|at| model.tables.get(at));
    let tables = tables.filter_map(|table| Some((table, rows.0.get(&table.name)?)));
    let ready: Vec<(String, String)> = tables.map(|(table, held)| ready(table, held)).collect();
    let start = Instant::now();
    session.execute("BEGIN").await?;
    for (statement, lines) in &ready {
        session.copy_in(statement, lines).await?;
    }
    let took = start.elapsed();
    session.execute("ROLLBACK").await?;
    Ok(took)
}

/// What takes a table's rows, and the lines.
fn ready(table: &Table, held: &TableRows) -> (String, String) {
    let columns = table.columns.iter().map(|column| column.name.as_str());
    let mut lines = String::new();
    for row in &held.rows {
        copy_line(&mut lines, row.iter().map(Option::as_deref));
    }
    (copy_from(&table.name.sql(), columns), lines)
}
