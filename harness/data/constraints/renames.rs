//! What a script calls tables and columns after it renamed them.
//!
//! Knows `ALTER TABLE .. RENAME`. Must not know anything else of a script.

use std::collections::BTreeMap;

use super::phrase::Phrase;
use crate::data::model::Table;
use crate::sql::statements;

/// The new names, each with the old one.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// By the table's new name, its place.
    tables: BTreeMap<String, usize>,
    /// By the table's place and the column's new name, the old name.
    columns: BTreeMap<(usize, String), String>,
}

impl Renames {
    pub(super) fn of(sql: &str, tables: &[Table]) -> Self {
        let mut renames = Self::default();
        for statement in statements(sql).map_while(Result::ok) {
            renames.statement(&Phrase::new(statement.text(sql)), tables);
        }
        renames
    }

    /// Whether the table in this place is called so later.
    pub(super) fn is_table(&self, at: usize, name: &str) -> bool {
        self.tables.get(name) == Some(&at)
    }

    /// What a column was called before.
    pub(super) fn column(&self, at: usize, name: &str) -> Option<&str> {
        self.columns.get(&(at, name.to_owned())).map(String::as_str)
    }

    fn statement(&mut self, phrase: &Phrase, tables: &[Table]) -> Option<()> {
        let is_alter = phrase.is(0, "alter") && phrase.is(1, "table");
        let rename = (2..phrase.words().len()).find(|at| phrase.is(*at, "rename"))?;
        let table = &phrase.word(rename.checked_sub(1).filter(|_| is_alter)?)?.text;
        let at = tables.iter().position(|it| it.name.name == *table);
        let at = at.or_else(|| self.tables.get(table).copied())?;
        let behind = rename + 1 + usize::from(phrase.is(rename + 1, "column"));
        let text =
            |at: usize| phrase.word(at).filter(|word| word.is_name()).map(|it| it.text.clone());
        if phrase.is(behind, "to") {
            self.tables.insert(text(behind + 1)?, at);
        } else if phrase.is(behind + 1, "to") {
            let old = text(behind)?;
            let first = self.columns.get(&(at, old.clone())).cloned().unwrap_or(old);
            self.columns.insert((at, text(behind + 2)?), first);
        }
        Some(())
    }
}
