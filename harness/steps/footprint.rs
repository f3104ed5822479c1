//! What a migration leaves in files: which tables have others, how much was written.
//!
//! Knows the catalog and the server's counters. Must not know what is too much.

use std::collections::BTreeMap;

use crate::postgres::{PostgresError, Session};

/// A table and its file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relation {
    /// Qualified and quoted where it must be.
    pub name: String,
    /// Its name alone, without quotes.
    pub bare: String,
    /// The partitioned table that it is a part of, however deep; as `name`.
    pub root: Option<String>,
    /// The number of its file: another one after a rewrite; 0 for a partitioned table, which has none.
    pub file: u32,
    /// About how many rows it has, its partitions together.
    pub rows: f64,
    /// Its size with indexes and TOAST, in bytes.
    pub bytes: u64,
    /// The size of its rows alone.
    pub heap: u64,
}

/// What is there at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Footprint {
    /// Tables, partitioned tables and materialized views, by object id.
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
      pg_catalog.format('%I.%I', n.nspname, c.relname), c.relname, \
      coalesce((SELECT pg_catalog.format('%I.%I', rn.nspname, r.relname) FROM pg_catalog.pg_class r \
        JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace \
        WHERE c.relispartition AND r.oid = pg_catalog.pg_partition_root(c.oid)), ''), \
      coalesce(pg_catalog.pg_relation_filenode(c.oid), 0), \
      CASE c.relkind WHEN 'p' THEN 0 ELSE greatest(c.reltuples, 0) END, \
      coalesce(pg_catalog.pg_total_relation_size(c.oid), 0), \
      CASE c.relkind WHEN 'p' THEN 0 ELSE pg_catalog.pg_relation_size(c.oid) END \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
      AND n.nspname <> 'information_schema'";

/// Looks at the database of `session`.
pub async fn footprint(session: &mut Session) -> Result<Footprint, PostgresError> {
    let mut counters = session.rows(COUNTERS).await?.pop().unwrap_or_default().into_iter();
    let mut number =
        || counters.next().flatten().and_then(|it| it.parse().ok()).unwrap_or_default();
    let (wal, temporary, size) = (number(), number(), number());
    let rows = session.rows(RELATIONS).await?;
    let mut relations: BTreeMap<u32, Relation> = rows.into_iter().filter_map(relation).collect();
    let mut parts: BTreeMap<String, f64> = BTreeMap::new();
    for part in relations.values() {
        if let Some(root) = &part.root {
            *parts.entry(root.clone()).or_default() += part.rows;
        }
    }
    for relation in relations.values_mut() {
        relation.rows += parts.get(&relation.name).copied().unwrap_or_default();
    }
    Ok(Footprint { relations, wal, temporary, size })
}

fn relation(row: Vec<Option<String>>) -> Option<(u32, Relation)> {
    let mut cells = row.into_iter().flatten();
    let oid = cells.next()?.parse().ok()?;
    let (name, bare) = (cells.next()?, cells.next()?);
    let root = cells.next().filter(|root| !root.is_empty());
    let file = cells.next()?.parse().ok()?;
    let rows = cells.next()?.parse().ok()?;
    let bytes = cells.next()?.parse().ok()?;
    let heap = cells.next()?.parse().ok()?;
    Some((oid, Relation { name, bare, root, file, rows, bytes, heap }))
}

impl Footprint {
    /// The tables whose rows are in another file since `before`: name of now, rows of before, bytes of
    /// now; partitions as one with the table that they are parts of. One that was emptied was not
    /// rewritten.
    pub fn rewritten(&self, before: &Self) -> Vec<Relation> {
        let is_new_file = |(oid, now): &(&u32, &Relation)| {
            let old = before.relations.get(oid);
            old.is_some_and(|old| old.file != now.file && old.rows > 0.0) && now.heap > 0
        };
        let rewritten = self.relations.iter().filter(is_new_file);
        let mut told: BTreeMap<&str, Relation> = BTreeMap::new();
        for (oid, now) in rewritten {
            let name = now.root.as_deref().unwrap_or(&now.name);
            let one = told.entry(name).or_insert_with(|| Relation {
                name: name.to_owned(),
                bare: now.bare.clone(),
                ..Relation::default()
            });
            one.file = now.file;
            one.rows += before.relations.get(oid).map_or(now.rows, |old| old.rows);
            one.bytes += now.bytes;
            one.heap += now.heap;
        }
        told.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Footprint, Relation};

    fn of(file: u32, rows: f64, bytes: u64) -> Footprint {
        let heap = bytes.saturating_sub(8);
        let relation = Relation {
            name: "public.t".to_owned(),
            file,
            rows,
            bytes,
            heap,
            ..Relation::default()
        };
        Footprint { relations: [(7, relation)].into(), ..Footprint::default() }
    }

    #[test]
    fn another_file_with_rows_is_a_rewrite() {
        let rewritten = of(2, 0.0, 80).rewritten(&of(1, 9.0, 80));
        assert!((rewritten[0].rows - 9.0).abs() < 1e-9, "the rows of before: {rewritten:?}");
        assert!(of(1, 9.0, 90).rewritten(&of(1, 9.0, 80)).is_empty());
        assert!(of(2, 0.0, 8).rewritten(&of(1, 9.0, 80)).is_empty(), "it was emptied");
        assert!(of(2, 9.0, 80).rewritten(&of(1, 0.0, 8)).is_empty(), "it had no rows");
        assert!(of(2, 9.0, 80).rewritten(&Footprint::default()).is_empty(), "it is new");
    }

    #[test]
    fn partitions_are_rewritten_together() {
        let of = |file: u32| {
            let part = |name: &str| Relation {
                name: name.to_owned(),
                root: Some("public.whole".to_owned()),
                file,
                rows: 4.0,
                bytes: 90,
                heap: 80,
                ..Relation::default()
            };
            let relations = [(1, part("public.a")), (2, part("public.b"))].into();
            Footprint { relations, ..Footprint::default() }
        };
        let rewritten = of(2).rewritten(&of(1));
        assert_eq!((rewritten.len(), rewritten[0].name.as_str()), (1, "public.whole"));
        assert_eq!((rewritten[0].rows.to_string(), rewritten[0].bytes), ("8".to_owned(), 180));
    }
}
