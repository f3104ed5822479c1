//! What a migration leaves in files: which tables have others, how much was written.
//!
//! Knows the catalog and the server's counters. Must not know what is too much.

use std::collections::BTreeMap;

use crate::postgres::{PostgresError, Session};

/// A table and its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Qualified and quoted where it must be.
    pub name: String,
    /// The number of its file: another one after a rewrite.
    pub file: u32,
    /// About how many rows it has.
    pub rows: f64,
    /// Its size with indexes and TOAST, in bytes.
    pub bytes: u64,
}

/// What is there at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Footprint {
    /// Tables and materialized views, by object id.
    pub relations: BTreeMap<u32, Relation>,
    /// How many bytes of WAL the server has written since it was made.
    pub wal: u64,
    /// How many bytes of temporary files this database has written.
    pub temporary: u64,
    /// The size of the database, in bytes.
    pub size: u64,
}

const COUNTERS: &str = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0'), \
    (SELECT temp_bytes FROM pg_catalog.pg_stat_database \
     WHERE datname = pg_catalog.current_database()), \
    pg_catalog.pg_database_size(pg_catalog.current_database())";

const RELATIONS: &str = "SELECT c.oid, \
      pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_relation_filenode(c.oid), \
      greatest(c.reltuples, 0), pg_catalog.pg_total_relation_size(c.oid) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
      AND n.nspname <> 'information_schema'";

/// Looks at the database of `session`.
pub async fn footprint(session: &mut Session) -> Result<Footprint, PostgresError> {
    let mut counters = session.rows(COUNTERS).await?.pop().unwrap_or_default().into_iter();
    let mut number =
        || counters.next().flatten().and_then(|it| it.parse().ok()).unwrap_or_default();
    let (wal, temporary, size) = (number(), number(), number());
    let rows = session.rows(RELATIONS).await?;
    let relations = rows.into_iter().filter_map(relation).collect();
    Ok(Footprint { relations, wal, temporary, size })
}

fn relation(row: Vec<Option<String>>) -> Option<(u32, Relation)> {
    let mut cells = row.into_iter().flatten();
    let oid = cells.next()?.parse().ok()?;
    let name = cells.next()?;
    let file = cells.next()?.parse().ok()?;
    let rows = cells.next()?.parse().ok()?;
    let bytes = cells.next()?.parse().ok()?;
    Some((oid, Relation { name, file, rows, bytes }))
}

impl Footprint {
    /// The tables whose rows are in another file since `before`: name of now, rows of before, bytes of
    /// now. One that was emptied was not rewritten.
    pub fn rewritten(&self, before: &Self) -> Vec<Relation> {
        let is_new_file = |(oid, now): &(&u32, &Relation)| {
            let old = before.relations.get(oid);
            old.is_some_and(|old| old.file != now.file && old.rows > 0.0) && now.bytes > 0
        };
        let rewritten = self.relations.iter().filter(is_new_file);
        rewritten
            .map(|(oid, now)| {
                let rows = before.relations.get(oid).map_or(now.rows, |old| old.rows);
                Relation { rows, ..now.clone() }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Footprint, Relation};

    fn of(file: u32, rows: f64, bytes: u64) -> Footprint {
        let relation = Relation { name: "public.t".to_owned(), file, rows, bytes };
        Footprint { relations: [(7, relation)].into(), ..Footprint::default() }
    }

    #[test]
    fn another_file_with_rows_is_a_rewrite() {
        let rewritten = of(2, 0.0, 80).rewritten(&of(1, 9.0, 80));
        assert!((rewritten[0].rows - 9.0).abs() < 1e-9, "the rows of before: {rewritten:?}");
        assert!(of(1, 9.0, 90).rewritten(&of(1, 9.0, 80)).is_empty());
        assert!(of(2, 0.0, 0).rewritten(&of(1, 9.0, 80)).is_empty(), "it was emptied");
        assert!(of(2, 9.0, 80).rewritten(&of(1, 0.0, 8)).is_empty(), "it had no rows");
        assert!(of(2, 9.0, 80).rewritten(&Footprint::default()).is_empty(), "it is new");
    }
}
