//! A database of a size, which benches of backups and drills are made of.
//!
//! Knows SQL. Must not know what is measured.

use stairway::postgres::{Session, Target};

use crate::ratio::Result;

/// About 160 bytes a row with its index, in two tables: one of numbers and one of words.
const SCHEMA: &str = "
CREATE TABLE reading (id bigint PRIMARY KEY, sensor int NOT NULL, at timestamptz NOT NULL,
    value double precision NOT NULL, flags int, note text);
CREATE TABLE page (id bigint PRIMARY KEY, title text NOT NULL, body text NOT NULL, data jsonb);
CREATE INDEX ON reading (sensor, at);
";

/// Fills it and gives its size, as people write it.
pub(crate) async fn fill(target: &Target, megabytes: u32) -> Result<String> {
    let mut session = Session::connect(target, "fill").await?;
    session.execute(SCHEMA).await?;
    let rows = u64::from(megabytes) * 3_500;
    session
        .execute(&format!(
            "INSERT INTO reading SELECT n, n % 977, '2024-01-01'::timestamptz + n * interval '1 s', \
               sqrt(n) * 1000, CASE WHEN n % 3 = 0 THEN n % 16 END, \
               CASE WHEN n % 5 = 0 THEN 'sensor ' || n % 977 || ' replaced' END \
             FROM generate_series(1, {rows}) n; \
             INSERT INTO page SELECT n, 'Page ' || n, repeat(md5(n::text) || ' lorem ipsum ', 6), \
               jsonb_build_object('n', n, 'tags', jsonb_build_array('a' || n % 7, 'b' || n % 11)) \
             FROM generate_series(1, {rows} / 4) n"
        ))
        .await?;
    session.execute("VACUUM ANALYZE").await?;
    let size = session
        .value("SELECT pg_size_pretty(pg_database_size(current_database()))")
        .await?
        .unwrap_or_default();
    session.close().await?;
    Ok(size)
}
