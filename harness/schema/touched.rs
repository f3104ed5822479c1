//! What has changed since the last read: catalogs by the server's own counters of written rows,
//! relations by the age of their rows.
//!
//! Knows which catalogs can be followed row by row and which can't. Must not know what rows say.

use std::collections::BTreeSet;

/// Catalogs whose rows belong to relations: their changes are followed by relation.
const BY_RELATION: [&str; 11] = [
    "pg_attrdef",
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_index",
    "pg_inherits",
    "pg_partitioned_table",
    "pg_policy",
    "pg_rewrite",
    "pg_sequence",
    "pg_trigger",
];

/// Catalogs whose changes alter only what the sections that read them say.
const BY_SECTION: [&str; 7] = [
    "pg_default_acl",
    "pg_depend",
    "pg_description",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_seclabel",
    "pg_user_mapping",
];

/// The same as long as rows come and go; a changed row may be a name that is shown elsewhere. Not
/// here: `pg_opclass` and `pg_amop`, since a new default changes what the server prints of old indexes.
const BY_SECTION_UNLESS_UPDATED: [&str; 23] = [
    "pg_aggregate",
    "pg_amproc",
    "pg_cast",
    "pg_collation",
    "pg_conversion",
    "pg_enum",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_language",
    "pg_namespace",
    "pg_operator",
    "pg_opfamily",
    "pg_proc",
    "pg_publication",
    "pg_range",
    "pg_statistic_ext",
    "pg_transform",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_ts_parser",
    "pg_type",
];

/// Catalogs that say nothing about a schema by themselves; who is a member of an extension stands
/// in pg_depend and is counted apart.
const IRRELEVANT: [&str; 5] = [
    "pg_largeobject",
    "pg_largeobject_metadata",
    "pg_shdepend",
    "pg_statistic",
    "pg_statistic_ext_data",
];

/// Catalogs with an oid of their own for parts of relations: a part that is gone has no row to be
/// found by its age.
pub(super) const WITH_PARTS: [&str; 5] =
    ["pg_class", "pg_constraint", "pg_policy", "pg_rewrite", "pg_trigger"];

/// The catalogs to be counted, of oids and names.
pub(super) fn counted() -> String {
    let irrelevant = IRRELEVANT.map(|name| format!("'{name}'")).join(", ");
    format!(
        "SELECT oid::text, relname FROM pg_catalog.pg_class \
          WHERE oid < 16384 AND relkind = 'r' AND relnamespace = 11 AND relname NOT IN ({irrelevant})"
    )
}

/// Rows written to each of the catalogs with these oids, what belongs to extensions, and the next
/// transaction.
pub(super) fn marks(oids: &str) -> String {
    format!(
        "SELECT \
        (SELECT pg_catalog.string_agg(pg_catalog.pg_stat_get_tuples_inserted(o) \
           || ' ' || pg_catalog.pg_stat_get_tuples_updated(o) \
           || ' ' || pg_catalog.pg_stat_get_tuples_deleted(o), ',') \
           FROM pg_catalog.unnest('{{{oids}}}'::oid[]) o), \
        (SELECT pg_catalog.count(*) || ' ' || COALESCE(pg_catalog.sum(d.objid::bigint), 0) \
           FROM pg_catalog.pg_depend d \
          WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass), \
        pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::xid::text"
    )
}

/// The relations with a row since the transaction `$1` in one of the catalogs `$2`, and those whose
/// text may follow theirs: indexes, sequences, partitions, views. An oid below 16384 among them means
/// that the system's or an extension's own were touched.
pub(super) const TOUCHED: &str = "\
WITH h AS MATERIALIZED (SELECT pg_catalog.age($1::xid) AS age), \
recent AS MATERIALIZED (SELECT c.oid, c.relkind FROM pg_catalog.pg_class c \
    WHERE 'pg_class' = ANY ($2) AND pg_catalog.age(c.xmin) <= (SELECT age FROM h)), \
hit(oid) AS MATERIALIZED ( \
  SELECT oid FROM recent \
  UNION SELECT x.indrelid FROM recent r CROSS JOIN LATERAL (SELECT x.indrelid FROM pg_catalog.pg_index x \
      WHERE x.indexrelid = r.oid OFFSET 0) x WHERE r.relkind IN ('i', 'I') \
  UNION SELECT m.oid FROM recent r JOIN pg_catalog.pg_class m ON m.reltoastrelid = r.oid WHERE r.relkind = 't' \
  UNION SELECT a.attrelid FROM pg_catalog.pg_attribute a WHERE 'pg_attribute' = ANY ($2) AND pg_catalog.age(a.xmin) <= (SELECT age FROM h) \
  UNION SELECT d.adrelid FROM pg_catalog.pg_attrdef d WHERE 'pg_attrdef' = ANY ($2) AND pg_catalog.age(d.xmin) <= (SELECT age FROM h) \
  UNION SELECT x.indrelid FROM pg_catalog.pg_index x WHERE 'pg_index' = ANY ($2) AND pg_catalog.age(x.xmin) <= (SELECT age FROM h) \
  UNION SELECT k.conrelid FROM pg_catalog.pg_constraint k WHERE 'pg_constraint' = ANY ($2) AND pg_catalog.age(k.xmin) <= (SELECT age FROM h) \
  UNION SELECT k.confrelid FROM pg_catalog.pg_constraint k WHERE 'pg_constraint' = ANY ($2) AND pg_catalog.age(k.xmin) <= (SELECT age FROM h) \
  UNION SELECT t.tgrelid FROM pg_catalog.pg_trigger t WHERE 'pg_trigger' = ANY ($2) AND pg_catalog.age(t.xmin) <= (SELECT age FROM h) \
  UNION SELECT r.ev_class FROM pg_catalog.pg_rewrite r WHERE 'pg_rewrite' = ANY ($2) AND pg_catalog.age(r.xmin) <= (SELECT age FROM h) \
  UNION SELECT p.polrelid FROM pg_catalog.pg_policy p WHERE 'pg_policy' = ANY ($2) AND pg_catalog.age(p.xmin) <= (SELECT age FROM h) \
  UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE 'pg_inherits' = ANY ($2) AND pg_catalog.age(i.xmin) <= (SELECT age FROM h) \
  UNION SELECT s.seqrelid FROM pg_catalog.pg_sequence s WHERE 'pg_sequence' = ANY ($2) AND pg_catalog.age(s.xmin) <= (SELECT age FROM h) \
  UNION SELECT t.partrelid FROM pg_catalog.pg_partitioned_table t WHERE 'pg_partitioned_table' = ANY ($2) AND pg_catalog.age(t.xmin) <= (SELECT age FROM h)) \
SELECT oid FROM hit WHERE oid <> 0 \
UNION SELECT d.objid FROM hit CROSS JOIN LATERAL (SELECT d.objid FROM pg_catalog.pg_depend d \
    WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = hit.oid \
      AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass OFFSET 0) d WHERE hit.oid <> 0 \
UNION SELECT r.ev_class FROM hit CROSS JOIN LATERAL (SELECT r.ev_class FROM pg_catalog.pg_depend d \
     JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
    WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = hit.oid \
      AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass OFFSET 0) r WHERE hit.oid <> 0 \
UNION SELECT i.inhrelid FROM hit CROSS JOIN LATERAL (SELECT i.inhrelid FROM pg_catalog.pg_inherits i \
    WHERE i.inhparent = hit.oid OFFSET 0) i WHERE hit.oid <> 0 \
UNION SELECT 0::oid FROM hit CROSS JOIN LATERAL (SELECT FROM pg_catalog.pg_depend d \
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
      AND d.objid = hit.oid AND d.objsubid = 0 AND d.deptype = 'e' OFFSET 0) d";

/// One reading of [`marks`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Rows inserted, updated and deleted since the server began to count, by catalog.
    written: Vec<[i64; 3]>,
    members: String,
    /// The transaction after all that were seen.
    pub(super) horizon: String,
}

/// What has changed between two readings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// Nothing in any catalog.
    Nothing,
    /// Something that can't be followed.
    Everything,
    /// Rows of these catalogs.
    In {
        /// Catalogs with any change.
        catalogs: BTreeSet<String>,
        /// Those of [`WITH_PARTS`] that lost rows.
        lost: Vec<&'static str>,
    },
}

impl Marks {
    /// Reads the one row of [`marks`]; `None` if it has not its shape.
    pub(super) fn read(row: Vec<Option<String>>) -> Option<Self> {
        let mut cells = row.into_iter();
        let (written, members, horizon) = (cells.next()??, cells.next()??, cells.next()??);
        let written = written
            .split(',')
            .map(|entry| {
                let mut counts = entry.split(' ').map(str::parse);
                let mut count = || counts.next()?.ok();
                Some([count()?, count()?, count()?])
            })
            .collect::<Option<_>>()?;
        Some(Self { written, members, horizon })
    }

    /// What has changed up to `now` in the catalogs with these names.
    pub(super) fn changes(&self, now: &Self, names: &[String]) -> Changes {
        let lengths = [self.written.len(), now.written.len()];
        if self.members != now.members || lengths != [names.len(); 2] {
            return Changes::Everything;
        }
        let mut catalogs = BTreeSet::new();
        let mut lost = Vec::new();
        for (name, (before, after)) in names.iter().zip(self.written.iter().zip(&now.written)) {
            if before == after {
                continue;
            }
            let ([_, updated, deleted], [_, updated_now, deleted_now]) = (before, after);
            let name = name.as_str();
            let is_followed = BY_RELATION.contains(&name)
                || BY_SECTION.contains(&name)
                || BY_SECTION_UNLESS_UPDATED.contains(&name) && updated == updated_now;
            if !is_followed {
                return Changes::Everything;
            }
            if deleted != deleted_now {
                lost.extend(WITH_PARTS.into_iter().find(|part| *part == name));
            }
            catalogs.insert(name.to_owned());
        }
        if catalogs.is_empty() { Changes::Nothing } else { Changes::In { catalogs, lost } }
    }
}

#[cfg(test)]
mod tests {
    use super::{Changes, Marks};

    const NAMES: [&str; 4] = ["pg_class", "pg_proc", "pg_authid", "pg_depend"];

    fn marks(written: &str) -> Marks {
        let cells = [written, "4 100", "777"];
        Marks::read(cells.iter().map(|cell| Some((*cell).to_owned())).collect()).unwrap()
    }

    #[test]
    fn what_can_not_be_followed_is_everything() {
        let names = NAMES.map(str::to_owned);
        let before = marks("5 1 0,7 0 0,3 0 0,9 0 0");
        let changes = |now: &str| before.changes(&marks(now), &names);
        assert_eq!(changes("5 1 0,7 0 0,3 0 0,9 0 0"), Changes::Nothing);
        let now = changes("5 2 1,8 0 0,3 0 0,9 0 0");
        let Changes::In { catalogs, lost } = now else { panic!("{now:?}") };
        assert_eq!(catalogs.into_iter().collect::<Vec<_>>(), ["pg_class", "pg_proc"]);
        assert_eq!(lost, ["pg_class"]);
        for everything in
            ["5 1 0,7 1 0,3 0 0,9 0 0", "5 1 0,7 0 0,4 0 0,9 0 0", "5 1 0,7 0 0,3 0 0"]
        {
            assert_eq!(changes(everything), Changes::Everything, "{everything}");
        }
        let mut members = marks("5 1 0,7 0 0,3 0 0,9 0 0");
        members.members = "5 120".to_owned();
        assert_eq!(before.changes(&members, &names), Changes::Everything);
    }
}
