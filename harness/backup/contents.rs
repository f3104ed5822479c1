//! What a database holds, in numbers: rows and a hash for each table, where sequences stand.
//!
//! Knows how two of them are compared. No value of a row is in it, nor in what is said of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What one database holds, as one snapshot sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Ordinary tables and leaves of partitioned ones, by schema and name. Foreign and temporary
    /// tables are not among them, nor are those that an extension keeps for itself.
    pub tables: Vec<TableContents>,
    /// All sequences, by schema and name.
    pub sequences: Vec<SequenceContents>,
    /// How many large objects there are.
    pub large_objects: u64,
    /// All materialized views, by schema and name.
    pub matviews: Vec<MatviewContents>,
    /// Extensions and their versions.
    pub extensions: BTreeMap<String, String>,
}

/// What one table holds, without the tables that inherit from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableContents {
    /// Its schema, without quotes.
    pub schema: String,
    /// Its name, without quotes.
    pub name: String,
    /// How many rows it has; of a table that an extension has `pg_dump` dump in part, of that part.
    pub rows: u64,
    /// The sum of the rows' 64-bit hashes in decimal digits, whatever the order of rows and columns;
    /// empty for a table without columns.
    pub hash: String,
}

/// Where a sequence stands. No snapshot holds a sequence still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceContents {
    /// Its schema, without quotes.
    pub schema: String,
    /// Its name, without quotes.
    pub name: String,
    /// The last number that it gave, or the first one that it will give.
    pub last_value: i64,
    /// Whether it gave that number already.
    pub is_called: bool,
    /// Where it stood when the dump had ended, if somebody drew from it meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// What a materialized view holds. A restore computes it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatviewContents {
    /// Its schema, without quotes.
    pub schema: String,
    /// Its name, without quotes.
    pub name: String,
    /// Whether it can be read.
    pub populated: bool,
    /// How many rows it has; 0 if it can't be read.
    pub rows: u64,
}

impl Contents {
    /// All rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// The same without these tables, pairs of schema and name.
    #[must_use]
    pub fn without_tables(mut self, ignore: &[(String, String)]) -> Self {
        self.tables.retain(|it| !ignore.iter().any(|(schema, name)| named(it) == (schema, name)));
        self
    }

    /// The same without anything of a schema.
    #[must_use]
    pub fn without_schema(mut self, schema: &str) -> Self {
        self.tables.retain(|table| table.schema != schema);
        self.sequences.retain(|sequence| sequence.schema != schema);
        self.matviews.retain(|matview| matview.schema != schema);
        self
    }

    /// How `found` differs from this: a sentence for each object, which names it and counts rows.
    ///
    /// Rows of materialized views and versions of extensions don't count: a restore computes the
    /// first and takes the second from its server; see [`Contents::notes`].
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let mut told = Vec::new();
        pairs(&self.tables, &found.tables, |name, before, after| match (before, after) {
            (Some(before), Some(after)) => told.extend(changed(name, before, after)),
            (Some(before), None) => {
                told.push(format!("table {name} is missing, with {}", count(before.rows)));
            }
            (None, Some(after)) => {
                told.push(format!("table {name} was not there, and has {}", count(after.rows)));
            }
            (None, None) => {}
        });
        pairs(&self.sequences, &found.sequences, |name, before, after| match (before, after) {
            (Some(before), Some(after)) if before.allows(after) => {}
            (Some(_), Some(_)) => told.push(format!("sequence {name} stands somewhere else")),
            (Some(_), None) => told.push(format!("sequence {name} is missing")),
            (None, _) => told.push(format!("sequence {name} was not there")),
        });
        if self.large_objects != found.large_objects {
            told.push(format!(
                "there are {} large objects instead of {}",
                found.large_objects, self.large_objects
            ));
        }
        pairs(&self.matviews, &found.matviews, |name, before, after| match (before, after) {
            (Some(before), Some(after)) => match (before.populated, after.populated) {
                (true, false) => {
                    told.push(format!("materialized view {name} is not populated any more"));
                }
                (false, true) => told.push(format!("materialized view {name} was not populated")),
                _ => {}
            },
            (Some(_), None) => told.push(format!("materialized view {name} is missing")),
            (None, _) => told.push(format!("materialized view {name} was not there")),
        });
        let missing = self.extensions.keys().filter(|name| !found.extensions.contains_key(*name));
        told.extend(missing.map(|name| format!("extension {name} is missing")));
        told
    }

    /// What is not as it was and is nobody's fault: a sentence for each object.
    pub fn notes(&self, found: &Self) -> Vec<String> {
        let mut told = Vec::new();
        pairs(&self.matviews, &found.matviews, |name, before, after| {
            if let (Some(before), Some(after)) = (before, after)
                && before.rows != after.rows
                && before.populated
                && after.populated
            {
                let (before, after) = (count(before.rows), count(after.rows));
                told.push(format!(
                    "materialized view {name} had {before}, and {after} computed anew"
                ));
            }
        });
        for (name, version) in &self.extensions {
            if let Some(other) = found.extensions.get(name).filter(|other| *other != version) {
                told.push(format!("extension {name} was of version {version} and is of {other}"));
            }
        }
        told
    }
}

impl SequenceContents {
    /// Whether a sequence that is restored may stand as `found` does.
    fn allows(&self, found: &Self) -> bool {
        let as_it_was = (self.last_value, self.is_called) == (found.last_value, found.is_called);
        let Some(until) = self.until else { return as_it_was };
        let between = |from: i64, to: i64| (from..=to).contains(&found.last_value);
        as_it_was || between(self.last_value, until) || between(until, self.last_value)
    }
}

trait Named {
    fn named(&self) -> (&String, &String);
}

macro_rules! named {
    ($($kind:ty),*) => {
        $(impl Named for $kind {
            fn named(&self) -> (&String, &String) {
                (&self.schema, &self.name)
            }
        })*
    };
}

named!(TableContents, SequenceContents, MatviewContents);

fn named(it: &impl Named) -> (&String, &String) {
    it.named()
}

/// Calls `tell` with each name that is on one side or on both, in order.
fn pairs<'a, T: Named>(
    before: &'a [T],
    after: &'a [T],
    mut tell: impl FnMut(&str, Option<&T>, Option<&T>),
) {
    let by_name = |side: &'a [T]| side.iter().map(|it| (it.named(), it));
    let before: BTreeMap<_, &T> = by_name(before).collect();
    let after: BTreeMap<_, &T> = by_name(after).collect();
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name @ (schema, table) in names {
        let (before, after) = (before.get(name).copied(), after.get(name).copied());
        tell(&format!("{schema}.{table}"), before, after);
    }
}

fn changed(name: &str, before: &TableContents, after: &TableContents) -> Option<String> {
    if before.rows != after.rows {
        return Some(format!("table {name} has {} instead of {}", count(after.rows), before.rows));
    }
    (before.hash != after.hash)
        .then(|| format!("table {name} has {} as before, but not the same ones", count(after.rows)))
}

fn count(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

#[cfg(test)]
mod tests {
    use super::{Contents, MatviewContents, SequenceContents};

    fn sequence(last_value: i64, is_called: bool, until: Option<i64>) -> Contents {
        let (schema, name) = ("public".to_owned(), "s".to_owned());
        let sequence = SequenceContents { schema, name, last_value, is_called, until };
        Contents { sequences: vec![sequence], ..Contents::default() }
    }

    #[test]
    fn a_sequence_may_stand_where_it_was_during_the_dump() {
        let now = |last_value, is_called| sequence(last_value, is_called, None);
        for (before, after, is_equal) in [
            (now(7, true), now(7, true), true),
            (now(7, true), now(7, false), false),
            (now(7, true), now(8, true), false),
            (sequence(7, true, Some(9)), now(7, true), true),
            (sequence(7, true, Some(9)), now(9, true), true),
            (sequence(7, true, Some(9)), now(6, true), false),
            (sequence(7, true, Some(9)), now(10, true), false),
            (sequence(7, true, Some(3)), now(5, true), true),
            (sequence(1, false, Some(1)), now(1, true), true),
        ] {
            let told = before.differences(&after);
            assert_eq!(told.is_empty(), is_equal, "{before:?} {after:?} {told:?}");
        }
    }

    #[test]
    fn what_a_restore_makes_anew_is_a_note() {
        let with = |rows, version: &str| {
            let (schema, name) = ("public".to_owned(), "v".to_owned());
            let view = MatviewContents { schema, name, populated: true, rows };
            let extensions = [("hstore".to_owned(), version.to_owned())].into();
            Contents { matviews: vec![view], extensions, ..Contents::default() }
        };
        let (before, after) = (with(1, "1.7"), with(2, "1.8"));
        assert!(before.differences(&after).is_empty());
        assert_eq!(
            before.notes(&after),
            [
                "materialized view public.v had 1 row, and 2 rows computed anew",
                "extension hstore was of version 1.7 and is of 1.8"
            ]
        );
        let none = Contents { extensions: [].into(), ..before.clone() };
        assert_eq!(before.differences(&none), ["extension hstore is missing"]);
    }
}
