//! What has changed since the last read, by the server's own counters of written rows.
//!
//! Knows which catalogs can be followed row by row and which can't. Must not know what rows say.

use std::collections::{BTreeMap, BTreeSet};

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

/// The same, but a changed row may be a name that is shown elsewhere: each is looked at.
const BY_SECTION_WITH_A_LOOK: [&str; 3] = ["pg_namespace", "pg_proc", "pg_type"];

/// The same as long as rows only come and go. Not here: `pg_opclass` and `pg_amop`, since a new
/// default changes what the server prints of old indexes.
const BY_SECTION_UNLESS_UPDATED: [&str; 20] = [
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
    "pg_operator",
    "pg_opfamily",
    "pg_publication",
    "pg_range",
    "pg_statistic_ext",
    "pg_transform",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_ts_parser",
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
pub(super) const WITH_PARTS: [&str; 6] =
    ["pg_class", "pg_constraint", "pg_policy", "pg_rewrite", "pg_trigger", "pg_type"];

/// How the query for what was touched is told that rows of a catalog were not only added.
const UPDATES: [(&str, &str); 2] =
    [("pg_constraint", "updates of pg_constraint"), ("pg_trigger", "updates of pg_trigger")];

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

/// One reading of [`marks`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Rows inserted, updated and deleted since the server began to count, by catalog.
    written: Vec<[i64; 3]>,
    members: String,
    /// The transaction after all that were seen.
    pub(super) horizon: String,
}

/// Rows that were written to one catalog between two readings, also by who failed in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) inserted: bool,
    pub(super) updated: bool,
    pub(super) deleted: bool,
}

/// What has changed between two readings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// Nothing in any catalog.
    Nothing,
    /// Something that can't be followed.
    Everything,
    /// Rows of these catalogs.
    In(Touched),
}

/// Catalogs that can be followed, with what was written to each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touched(BTreeMap<String, Written>);

impl Touched {
    fn written(&self, catalog: &str) -> Written {
        self.0.get(catalog).copied().unwrap_or_default()
    }

    /// Whether any of `catalogs` has changed.
    pub(super) fn has_any(&self, catalogs: &BTreeSet<&str>) -> bool {
        self.0.keys().any(|name| catalogs.contains(name.as_str()))
    }

    /// Adds a name that stands for a part of a catalog.
    pub(super) fn note(&mut self, part: &str) {
        self.0.insert(part.to_owned(), Written::default());
    }

    /// Whether rows of `catalog` were taken away.
    pub(super) fn has_lost(&self, catalog: &str) -> bool {
        self.written(catalog).deleted
    }

    /// Those of [`WITH_PARTS`] that lost rows.
    pub(super) fn lost_parts(&self) -> Vec<&'static str> {
        WITH_PARTS.into_iter().filter(|class| self.has_lost(class)).collect()
    }

    /// Whether rows were changed whose names others may show.
    pub(super) fn needs_a_look(&self) -> bool {
        BY_SECTION_WITH_A_LOOK.iter().any(|name| self.written(name).updated)
    }

    /// The catalogs whose rows must be looked through for recent ones.
    pub(super) fn to_be_searched(&self) -> Vec<&str> {
        let is_searched = |name: &str, written: &Written| match name {
            // New rows of these come with one of pg_class that is new or counts one column more.
            "pg_attribute" | "pg_index" | "pg_sequence" | "pg_partitioned_table"
            // New functions and schemas are named by nothing that is old.
            | "pg_proc" | "pg_namespace" => written.updated,
            "pg_type" => written.inserted || written.updated,
            _ => BY_RELATION.contains(&name) && (written.inserted || written.updated),
        };
        let searched = self.0.iter().filter(|(name, written)| is_searched(name, written));
        let mut searched: Vec<&str> = searched.map(|(name, _)| name.as_str()).collect();
        // What a new foreign key does to the relation that it points at has no text.
        for (name, updates) in UPDATES {
            if self.written(name).updated {
                searched.push(updates);
            }
        }
        searched
    }
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
        let mut catalogs = BTreeMap::new();
        for (name, (before, after)) in names.iter().zip(self.written.iter().zip(&now.written)) {
            if before == after {
                continue;
            }
            let [inserted, updated, deleted] =
                [0, 1, 2].map(|at: usize| before.get(at) != after.get(at));
            let listed = name.as_str();
            let is_followed = BY_RELATION.contains(&listed)
                || BY_SECTION.contains(&listed)
                || BY_SECTION_WITH_A_LOOK.contains(&listed)
                || BY_SECTION_UNLESS_UPDATED.contains(&listed) && !updated;
            if !is_followed {
                return Changes::Everything;
            }
            catalogs.insert(name.clone(), Written { inserted, updated, deleted });
        }
        if catalogs.is_empty() { Changes::Nothing } else { Changes::In(Touched(catalogs)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Changes, Marks};

    const NAMES: [&str; 4] = ["pg_class", "pg_cast", "pg_authid", "pg_depend"];

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
        let Changes::In(touched) = now else { panic!("{now:?}") };
        assert_eq!(touched.0.keys().collect::<Vec<_>>(), ["pg_cast", "pg_class"]);
        assert_eq!(touched.lost_parts(), ["pg_class"]);
        assert_eq!(touched.to_be_searched(), ["pg_class"]);
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
