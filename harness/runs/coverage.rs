//! Which tables and columns rows reached.
//!
//! Knows figures, their floor and how they are told. Must not know how rows are given.

use serde::{Deserialize, Serialize};

use crate::finding::{CheckId, Finding};

/// Below so many of a hundred it is a finding.
const FLOOR: usize = 95;
/// So many gaps are named in the finding; the report for programs has all of them.
const NAMED: usize = 10;

/// The rows that one migration was tried on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// How many rows were given, in all cases together.
    pub rows: usize,
    /// How many tables it has to do with.
    pub tables: usize,
    /// How many of these could not be given rows.
    pub unfilled: usize,
    /// What the tables of the schema can be given, if it is the last migration of the history.
    pub head: Option<Head>,
}

/// What could be given to the tables at head. A partitioned table is counted by its partitions, and
/// generated columns are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The tables, without the version table.
    pub tables: usize,
    /// Those that have rows.
    pub tables_seeded: usize,
    /// Their columns.
    pub columns: usize,
    /// Those that have a value.
    pub columns_filled: usize,
    /// Those that may be NULL.
    pub columns_nullable: usize,
    /// Those of these that have a NULL.
    pub columns_nulled: usize,
    /// Those that have a value and, where it is allowed, a NULL.
    pub columns_covered: usize,
    /// The labels of their enum types, once for each column.
    pub labels: usize,
    /// Those of these that a row has.
    pub labels_reached: usize,
    /// The tables with row security, whose policies are passed over: their owner puts rows in.
    #[serde(default)]
    pub tables_secured: usize,
    /// What is missing; of a table without rows its columns are not listed.
    pub gaps: Vec<Gap>,
}

/// A table without rows, or a column without a value or a NULL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The table, as SQL.
    pub table: String,
    /// The column, if it is about one, as SQL.
    pub column: Option<String>,
    /// Why, in the server's words where it has any.
    pub why: String,
}

impl Head {
    /// The finding if rows reach too little.
    pub(super) fn finding(&self) -> Option<Finding> {
        let enough = |part: usize, whole: usize| part * 100 >= whole * FLOOR;
        if enough(self.tables_seeded, self.tables) && enough(self.columns_covered, self.columns) {
            return None;
        }
        let mut lines = vec![
            format!("{} of {} tables have rows", self.tables_seeded, self.tables),
            format!(
                "{} of {} columns have a value and, where it is allowed, a NULL",
                self.columns_covered, self.columns
            ),
        ];
        lines.extend(self.gaps.iter().take(NAMED).map(Gap::line));
        if self.gaps.len() > NAMED {
            lines.push(format!("and {} more", self.gaps.len() - NAMED));
        }
        // No figure is in the message: an accepted finding stays the same when a table is added.
        let message = format!("rows reach less than {FLOOR} % of the tables or columns at head");
        let finding = Finding::new(CheckId::SeedCoverage, message).detail(lines.join("\n"));
        Some(finding.help(
            "what migrations do to rows in these is not known: look at them by hand, or climb from \
             a backup that has such rows (--backup)",
        ))
    }
}

impl Gap {
    fn line(&self) -> String {
        match &self.column {
            Some(column) => format!("{}.{column}: {}", self.table, self.why),
            None => format!("{}: {}", self.table, self.why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gap, Head};

    #[test]
    fn a_figure_under_the_floor_is_a_finding_that_names_ten() {
        let gap = |at| Gap { table: format!("t{at}"), column: None, why: "no".to_owned() };
        let mut head = Head { tables: 20, tables_seeded: 19, ..Head::default() };
        assert_eq!(head.finding(), None, "95 %");
        head.tables_seeded = 18;
        head.gaps = (0..12).map(gap).collect();
        let detail = head.finding().unwrap().detail.unwrap();
        assert!(detail.ends_with("t9: no\nand 2 more"), "{detail}");
    }
}
