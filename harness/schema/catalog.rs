//! The list of catalog sections and the SQL of each for one major version.
//!
//! Knows which file describes which classes of objects. Must not know what the rows become.
//! A new class of objects is one file and one line here.

use std::collections::BTreeSet;
use std::fmt::Write;

/// One SELECT and the catalogs whose user-made rows it accounts for.
#[derive(Debug)]
pub(super) struct Section {
    /// The file's name, without `.sql`.
    pub(super) name: &'static str,
    /// Catalogs (`pg_class`, ..) that this section models.
    pub(super) classes: &'static [&'static str],
    /// Whether the server lets only superusers read it.
    pub(super) is_restricted: bool,
    sql: &'static str,
}

macro_rules! section {
    (restricted $name:literal, $($class:literal),*) => {
        Section { is_restricted: true, ..section!($name, $($class),*) }
    };
    ($name:literal, $($class:literal),*) => {
        Section {
            name: $name,
            classes: &[$($class),*],
            is_restricted: false,
            sql: include_str!(concat!("catalog/", $name, ".sql")),
        }
    };
}

/// All sections. Their order does not matter: the reader sorts.
pub(super) const SECTIONS: &[Section] = &[
    section!("database", "pg_database"),
    section!("database_settings",),
    section!("schemas", "pg_namespace"),
    section!("relations", "pg_class"),
    section!("relation_facts",),
    section!("inheritance",),
    section!("foreign_tables",),
    section!("columns", "pg_attrdef"),
    section!("constraints", "pg_constraint"),
    section!("not_nulls",),
    section!("indexes",),
    section!("index_columns",),
    section!("triggers", "pg_trigger"),
    section!("internal_triggers",),
    section!("rules", "pg_rewrite"),
    section!("policies", "pg_policy"),
    section!("sequences",),
    section!("sequence_owners",),
    section!("other_types", "pg_type"),
    section!("other_domains",),
    section!("other_functions", "pg_proc"),
    section!("other_aggregates",),
    section!("other_operators", "pg_operator"),
    section!(
        "other_operator_classes",
        "pg_am",
        "pg_opclass",
        "pg_opfamily",
        "pg_amop",
        "pg_amproc"
    ),
    section!(
        "other_casts",
        "pg_cast",
        "pg_collation",
        "pg_conversion",
        "pg_language",
        "pg_transform"
    ),
    section!("other_text_search", "pg_ts_config", "pg_ts_dict", "pg_ts_parser", "pg_ts_template"),
    section!("other_foreign", "pg_foreign_data_wrapper", "pg_foreign_server", "pg_user_mapping"),
    section!(
        "other_publications",
        "pg_publication",
        "pg_publication_rel",
        "pg_publication_namespace"
    ),
    section!("other_subscriptions", "pg_subscription"),
    section!(restricted "other_subscription_connections",),
    section!("other_event_triggers", "pg_event_trigger"),
    section!("other_statistics", "pg_statistic_ext"),
    section!("other_extensions", "pg_extension"),
    section!("default_privileges", "pg_default_acl"),
    section!("system_privileges",),
    section!("comments",),
    section!("security_labels",),
];

/// Catalogs whose rows a user can make; one without a section is counted, so that no class of
/// objects is missed in silence.
const OBJECT_CATALOGS: &[&str] = &[
    "pg_am",
    "pg_cast",
    "pg_collation",
    "pg_conversion",
    "pg_event_trigger",
    "pg_extension",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_language",
    "pg_opclass",
    "pg_operator",
    "pg_opfamily",
    "pg_proc",
    "pg_publication",
    "pg_statistic_ext",
    "pg_subscription",
    "pg_transform",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_ts_parser",
    "pg_ts_template",
    "pg_type",
    "pg_user_mapping",
];

/// Everything that changes what the server prints, and what makes its plans dear.
const PINS: &[(&str, &str)] = &[
    ("search_path", ""),
    ("role", "none"),
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("extra_float_digits", "1"),
    ("row_security", "off"),
    ("client_encoding", "UTF8"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("max_parallel_workers_per_gather", "0"),
];

/// For how long settings are pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pinned {
    /// Up to the end of the transaction.
    Transaction,
    /// Up to the end of the session.
    Session,
}

/// A statement that pins all settings.
pub(super) fn pins(pinned: Pinned) -> String {
    let is_local = pinned == Pinned::Transaction;
    let calls: Vec<String> = PINS
        .iter()
        .map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', {is_local})"))
        .collect();
    format!("SELECT {}", calls.join(", "))
}

impl Section {
    /// The SELECT for servers of `major`, of the whole database.
    pub(super) fn sql(&self, major: u32) -> String {
        self.kept(major).0
    }

    /// The SELECT for servers of `major` of the relations in the array `$1`; `None` for a section
    /// that can't be read so.
    pub(super) fn sql_of_relations(&self, major: u32) -> Option<String> {
        let (sql, relation) = self.kept(major);
        // Of few relations in a database that is still empty when this is planned: a range of oids
        // must not look like the better index condition.
        let sql = sql.replace(" >= 16384", "::bigint >= 16384");
        relation.map(|relation| format!("{sql} AND {relation} = ANY ($1)\n"))
    }

    /// Whether it can be read for single relations.
    pub(super) fn is_by_relation(&self) -> bool {
        self.sql.contains(RELATION)
    }

    /// The catalogs whose changes, when they are not a change of everything, can change what it
    /// says: those it reads, but for those marked as `fixed`, of which it says only what an object
    /// keeps for life, or a name. A new name is a change of everything.
    pub(super) fn catalogs(&self) -> BTreeSet<&'static str> {
        // What belongs to the system or to an extension does not change without everything.
        if self.name == "system_privileges" {
            return BTreeSet::new();
        }
        let lines = self.sql.lines().filter(|line| !line.trim_start().starts_with("--"));
        let reads = lines.flat_map(|line| line.split(" pg_catalog.").skip(1));
        // Nearly all ask pg_depend what belongs to an extension, which is counted apart.
        let asks_for_owners = self.sql.contains("deptype = 'a'");
        reads
            .map(|text| text.split_at(text.find([' ', '(', ')']).unwrap_or(text.len())))
            .filter(|(_, rest)| !rest.trim_start().starts_with(FIXED))
            .map(|(name, rest)| match name {
                // A view, since the catalog below it is for superusers only.
                "pg_user_mappings" => "pg_user_mapping",
                _ if rest.trim_start().starts_with(OF_TYPES) => TYPES,
                _ => name,
            })
            .filter(|name| *name != "pg_depend" || asks_for_owners)
            .collect()
    }

    /// The lines for `major`, and the expression for the relation that a row belongs to.
    fn kept(&self, major: u32) -> (String, Option<String>) {
        let mut kept = String::with_capacity(self.sql.len());
        let mut relation = None;
        for line in self.sql.lines() {
            let (sql, wanted) = match line.split_once("--@") {
                Some((sql, majors)) => (sql, holds(majors.trim(), major)),
                None => (line, true),
            };
            let sql = sql.trim();
            if !wanted || sql.starts_with("--") {
                continue;
            }
            if let Some((before, after)) = sql.split_once(RELATION) {
                let expression = after.trim_end_matches("*/").trim();
                let _ = writeln!(kept, "{before}, {expression}");
                relation = Some(expression.to_owned());
            } else {
                kept.push_str(sql);
                kept.push('\n');
            }
        }
        (kept, relation)
    }
}

/// After a catalog of which only what never changes is read.
const FIXED: &str = "/*fixed*/";

/// After a catalog of which only rows of types are read that are no relation's.
const OF_TYPES: &str = "/*of types*/";

/// What stands for those rows among the catalogs that a section reads.
pub(super) const TYPES: &str = "types";

/// Before the expression for the relation that a row belongs to, which becomes its last column.
const RELATION: &str = "/*relation:";

/// Whether `major` is in `15+`, `..16` or `15..16`.
fn holds(majors: &str, major: u32) -> bool {
    let majors = majors.trim_end_matches('+');
    let (low, high) = match majors.split_once("..") {
        Some((low, high)) => (low, high),
        None => (majors, ""),
    };
    low.parse().is_ok_and(|low: u32| low <= major) | low.is_empty()
        && (high.is_empty() || high.parse().is_ok_and(|high: u32| major <= high))
}

/// Counts user-made objects of classes that no section models: rows of (catalog, count).
pub(super) fn unmodelled() -> String {
    let modelled: Vec<&str> =
        SECTIONS.iter().flat_map(|section| section.classes).copied().collect();
    let list = modelled.iter().map(|class| format!("'{class}'")).collect::<Vec<_>>().join(", ");
    let mut sql = format!(
        "SELECT c.relname, pg_catalog.count(DISTINCT d.objid)::text \
           FROM (SELECT classid, objid FROM pg_catalog.pg_depend WHERE objid >= 16384 AND deptype <> 'e' \
                 UNION ALL \
                 SELECT s.classid, s.objid FROM pg_catalog.pg_shdepend s \
                   JOIN pg_catalog.pg_database b ON b.oid = s.dbid AND b.datname = pg_catalog.current_database() \
                  WHERE s.objid >= 16384) d \
           JOIN pg_catalog.pg_class c ON c.oid = d.classid AND c.relname NOT IN ({list}) \
          WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e') \
          GROUP BY c.relname \
         UNION ALL \
         SELECT 'pg_class of kind ' || relkind::text, pg_catalog.count(*)::text FROM pg_catalog.pg_class \
          WHERE oid >= 16384 AND relkind NOT IN ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I', 'c', 't') GROUP BY relkind"
    );
    for catalog in OBJECT_CATALOGS.iter().filter(|catalog| !modelled.contains(catalog)) {
        let _ = write!(
            sql,
            " UNION ALL SELECT '{catalog}', pg_catalog.count(*)::text FROM pg_catalog.{catalog} o \
               WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE \
               e.classid = 'pg_catalog.{catalog}'::pg_catalog.regclass AND e.objid = o.oid AND e.deptype = 'e') \
              HAVING pg_catalog.count(*) > 0"
        );
    }
    sql
}
