//! Which tables and columns a database has, as far as values for parameters need it.
//!
//! Knows the catalog. Must not know any query.

use std::collections::HashSet;

use crate::postgres::{PostgresError, Session, ident};

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    /// Whether it is found without its schema.
    pub(super) is_visible: bool,
    pub(super) columns: Vec<Facts>,
    pub(super) keys: Vec<ForeignKey>,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) is_not_null: bool,
    /// Whether a unique index has it.
    pub(super) is_unique: bool,
}

/// Columns that refer to those of another table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ForeignKey {
    /// Each with the one that it refers to.
    pub(super) columns: Vec<(String, String)>,
    pub(super) schema: String,
    pub(super) table: String,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    tables: Vec<Table>,
}

const COLUMNS: &str = "SELECT n.nspname, c.relname, pg_catalog.pg_table_is_visible(c.oid), a.attname, a.attnotnull, \
    EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique \
            AND a.attnum = ANY (i.indkey::pg_catalog.int2[])) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%' \
    ORDER BY n.nspname, c.relname, a.attnum";

const KEYS: &str = "SELECT n.nspname, c.relname, fn.nspname, f.relname, k.oid, a.attname, fa.attname \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_class f ON f.oid = k.confrelid \
    JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace \
    CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) AS u (one, other) \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.one \
    JOIN pg_catalog.pg_attribute fa ON fa.attrelid = f.oid AND fa.attnum = u.other \
    WHERE k.contype = 'f' ORDER BY k.oid, u.one";

const OWN: &str = "SELECT c.relname FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname LIKE 'pg\\_%' AND n.nspname NOT LIKE 'pg\\_%' \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_class s WHERE s.relname = c.relname \
                    AND s.relnamespace = 'pg_catalog'::pg_catalog.regnamespace) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e' AND d.objid = c.oid \
                    AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)";

/// Tables that are called like the server's and belong neither to it nor to an extension.
pub(super) async fn own(session: &mut Session) -> Result<HashSet<String>, PostgresError> {
    Ok(session.rows(OWN).await?.into_iter().flatten().flatten().collect())
}

impl Catalog {
    /// Reads what the session's database has.
    pub(super) async fn read(session: &mut Session) -> Result<Self, PostgresError> {
        let mut catalog = Self::default();
        for row in session.rows(COLUMNS).await? {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let (schema, name, visible) = (next(), next(), next() == "t");
            let column =
                Facts { name: next(), is_not_null: next() == "t", is_unique: next() == "t" };
            catalog.add(&schema, &name, visible, column);
        }
        let mut last = String::new();
        for row in session.rows(KEYS).await? {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let (from, to, key) = ((next(), next()), (next(), next()), next());
            let pair = (next(), next());
            let is_new = key != last;
            last = key;
            let table =
                catalog.tables.iter_mut().find(|it| (&it.schema, &it.name) == (&from.0, &from.1));
            let Some(table) = table else { continue };
            match table.keys.last_mut().filter(|_| !is_new) {
                Some(key) => key.columns.push(pair),
                None => {
                    table.keys.push(ForeignKey { columns: vec![pair], schema: to.0, table: to.1 });
                }
            }
        }
        Ok(catalog)
    }

    fn add(&mut self, schema: &str, name: &str, is_visible: bool, column: Facts) {
        match self.tables.last_mut().filter(|last| last.schema == schema && last.name == name) {
            Some(last) => last.columns.push(column),
            None => self.tables.push(Table {
                schema: schema.to_owned(),
                name: name.to_owned(),
                is_visible,
                columns: vec![column],
                keys: Vec::new(),
            }),
        }
    }

    /// The table of this name: the one that is found without a schema, else the only one.
    pub(super) fn table(&self, name: &[String]) -> Option<&Table> {
        let [rest @ .., last] = name else { return None };
        let mut named = self.tables.iter().filter(|table| table.name == *last);
        if let Some(schema) = rest.last() {
            return named.find(|table| table.schema == *schema);
        }
        let all: Vec<&Table> = named.collect();
        let visible = all.iter().find(|table| table.is_visible).copied();
        visible.or(if let [only] = all.as_slice() { Some(*only) } else { None })
    }

    #[cfg(test)]
    pub(super) fn of(tables: Vec<Table>) -> Self {
        Self { tables }
    }
}

impl Table {
    /// Its name in SQL.
    pub(super) fn sql(&self) -> String {
        format!("{}.{}", ident(&self.schema), ident(&self.name))
    }

    pub(super) fn column(&self, name: &str) -> Option<&Facts> {
        self.columns.iter().find(|column| column.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Catalog, Facts, Table};

    #[test]
    fn a_name_without_a_schema_means_what_is_visible_or_the_only_one() {
        let table = |schema: &str, name: &str, is_visible| Table {
            schema: schema.to_owned(),
            name: name.to_owned(),
            is_visible,
            columns: vec![Facts::default()],
            keys: Vec::new(),
        };
        let catalog = Catalog::of(vec![
            table("a", "t", false),
            table("public", "t", true),
            table("a", "u", false),
            table("a", "v", false),
            table("b", "v", false),
        ]);
        let found = |name: &[&str]| {
            let name: Vec<String> = name.iter().map(|&it| it.to_owned()).collect();
            catalog.table(&name).map(|table| table.schema.clone())
        };
        assert_eq!(found(&["t"]).as_deref(), Some("public"));
        assert_eq!(found(&["a", "t"]).as_deref(), Some("a"));
        assert_eq!(found(&["u"]).as_deref(), Some("a"));
        assert_eq!((found(&["v"]), found(&["w"])), (None, None));
    }
}
