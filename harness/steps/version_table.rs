//! The version table of one database: where it is, what it says, what to write into it.

use crate::migrations::{
    Applied, Direction, History, Migration, Move, Records, Tool, parse_applied,
};
use crate::postgres::{PostgresError, Session, qualified, quote_ident, quote_literal};

/// A tool's version table in one database.
#[derive(Clone, Debug)]
pub struct Ledger {
    tool: Tool,
    schema: String,
    name: String,
    table: String,
    /// Whether its schema is not there yet.
    lacks_schema: bool,
    /// Sent with every record.
    then: &'static str,
    astray: Option<Astray>,
}

/// A version table that its tool would not find, and make another one instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Astray {
    /// The schema in which the tool looks.
    pub looks_in: String,
    /// Whether there are others that it could be, with nothing that tells which is meant.
    pub is_one_of_several: bool,
}

impl Ledger {
    /// Finds the table along the search path, or in any schema, unless its own is said; where there is none, it
    /// would be made in that schema, or in the first one of the search path, `public` by default.
    pub async fn find(
        session: &mut Session,
        records: &Records,
    ) -> Result<(Self, bool), PostgresError> {
        let (tool, name) = (records.tool, records.name.as_str());
        if let Some(schema) = &records.schema {
            return Self::find_in(session, records, schema).await;
        }
        let sql = format!(
            "SELECT n.nspname, pg_catalog.pg_table_is_visible(c.oid) FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relname = {} AND c.relkind IN ('r', 'p') \
             AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
             ORDER BY pg_catalog.pg_table_is_visible(c.oid) DESC, n.nspname; \
             SELECT coalesce(pg_catalog.current_schema(), 'public')",
            quote_literal(name)
        );
        let mut sets =
            session.query(&sql).await?.into_iter().map(|rows| {
                rows.into_iter().map(|row| row.into_iter().flatten().collect()).collect()
            });
        let found: Vec<Vec<String>> = sets.next().unwrap_or_default();
        let current: Vec<Vec<String>> = sets.next().unwrap_or_default();
        let looks_in = current.concat().pop().unwrap_or_else(|| "public".to_owned());
        let first = found.first().and_then(|row| row.first()).cloned();
        let is_visible = found.first().is_some_and(|row| row.last().is_some_and(|it| it == "t"));
        let exists = first.is_some();
        let schema = first.unwrap_or_else(|| looks_in.clone());
        // Tools make the table in the current schema if it is not there, whatever else is on the path.
        let astray = (schema != looks_in && tool != Tool::Plain)
            .then_some(Astray { looks_in, is_one_of_several: !is_visible && found.len() > 1 });
        let table = qualified(&schema, name);
        let name = name.to_owned();
        Ok((Self { tool, schema, name, table, lacks_schema: false, then: "", astray }, exists))
    }

    /// Looks for it in the schema that its tool is told of.
    async fn find_in(
        session: &mut Session,
        records: &Records,
        schema: &str,
    ) -> Result<(Self, bool), PostgresError> {
        let Records { tool, name, .. } = records;
        let table = qualified(schema, name);
        let sql = format!(
            "SELECT pg_catalog.to_regnamespace({}) IS NULL, pg_catalog.to_regclass({}) IS NOT NULL",
            quote_literal(&quote_ident(schema)),
            quote_literal(&table)
        );
        let row = session.rows(&sql).await?.into_iter().next().unwrap_or_default();
        let is = |at: usize| row.get(at).and_then(Option::as_deref) == Some("t");
        let (lacks_schema, exists) = (is(0), is(1));
        let (schema, name) = (schema.to_owned(), name.clone());
        let ledger =
            Self { tool: *tool, schema, name, table, lacks_schema, then: "", astray: None };
        Ok((ledger, exists))
    }

    /// Whether its tool would make another table instead of finding this one.
    pub fn astray(&self) -> Option<&Astray> {
        self.astray.as_ref()
    }

    /// Its schema, if that is not there.
    pub fn missing_schema(&self) -> Option<&str> {
        self.lacks_schema.then_some(&self.schema)
    }

    /// Finds the table and makes it if it is not there.
    pub async fn ensure(session: &mut Session, records: &Records) -> Result<Self, PostgresError> {
        let (ledger, exists) = Self::find(session, records).await?;
        if !exists {
            session.execute(&ledger.creation()).await?;
        }
        Ok(ledger)
    }

    /// What is applied, base first.
    pub async fn read(
        &self,
        session: &mut Session,
        history: &History,
    ) -> Result<Vec<Applied>, PostgresError> {
        let sql = self.tool.version_table().read.replace("{table}", &self.table);
        let rows = parse_applied(&session.rows(&sql).await?);
        Ok(self.tool.applied_versions(rows, &history.migrations))
    }

    /// The statement that makes the table.
    pub fn creation(&self) -> String {
        let key = quote_ident(&format!("{}_pkc", self.name));
        let create = self.tool.version_table().create;
        let table = create.replace("{table}", &self.table).replace("{key}", &key);
        if self.lacks_schema {
            format!("CREATE SCHEMA {};\n{table}", quote_ident(&self.schema))
        } else {
            table
        }
    }

    /// Schema and name: what a snapshot leaves out.
    pub fn names(&self) -> (String, String) {
        (self.schema.clone(), self.name.clone())
    }

    /// Has `sql` sent with every record, in one message.
    pub(super) fn and_then(&mut self, sql: &'static str) {
        self.then = sql;
    }

    pub(super) fn record(&self, migration: &Migration) -> String {
        self.with_rest(self.tool.record(&self.table, migration))
    }

    pub(super) fn erase(&self, migration: &Migration, before: Option<&Migration>) -> String {
        self.with_rest(self.tool.erase(&self.table, migration, before))
    }

    /// Takes a version out that has no file.
    pub(super) fn forget(&self, version: &str) -> String {
        self.tool.forget(&self.table, version)
    }

    /// Whether it holds the last version only.
    pub(super) fn keeps_last_only(&self) -> bool {
        self.tool.keeps_last_only()
    }

    /// SQL that makes it say that exactly `kept` is applied, if its tool has a way of its own.
    pub(super) fn stamp(&self, kept: &[Migration]) -> Option<Vec<String>> {
        self.tool.stamp(&self.table, kept)
    }

    /// Whose it is.
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// Empties the table.
    pub(super) fn forget_all(&self) -> String {
        self.tool.forget_all(&self.table)
    }

    /// What is written when `one` is done.
    pub(super) fn entry(&self, one: &Move<'_>) -> String {
        match one.direction {
            Direction::Upgrade => self.record(one.migration),
            Direction::Downgrade => self.erase(one.migration, one.before),
        }
    }

    /// What is written before `one` begins, if it can't be one transaction with its record.
    pub(super) fn begun(&self, one: &Move<'_>) -> Option<String> {
        let leads_to = match one.direction {
            Direction::Upgrade => Some(one.migration),
            Direction::Downgrade => one.before,
        };
        self.tool.begin(&self.table, leads_to.map(|migration| migration.version.as_str()))
    }

    fn with_rest(&self, record: String) -> String {
        if self.then.is_empty() { record } else { format!("{record};\n{}", self.then) }
    }
}
