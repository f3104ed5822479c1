//! Reading rows: those of small tables one by one, those of large ones by a fingerprint that the
//! server computes.
//!
//! Knows what is asked of the server, and how its answers are read. Must not know what rows are
//! compared for.

use std::collections::BTreeMap;

use super::DataError;
use super::catalog::Model;
use super::compose::part;
use super::insert::literal;
use super::load::{Loader, PIN, PINS, RESET, set_local};
use super::model::{Column, Table, TableKind};
use super::rows::{Cell, ColumnPrint, Name, Print, Rows, TableRows};
use crate::postgres::{Answers, Asked, Batch, quote_ident};

/// A table that has more rows than this before any are given is a large one.
pub const LARGE: usize = 5_000;
/// How many rows of a large table are looked at, for others to refer to.
const FEW: usize = 200;
/// So much of a column's last value is told, in characters: enough for a time.
const LAST: usize = 40;

/// A table to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToRead {
    /// Which.
    pub name: Name,
    /// Its columns, without quotes.
    pub columns: Vec<String>,
    /// Which of them are its key, by place; none if it has no key.
    pub key: Vec<usize>,
    /// Which of its rows are fetched.
    pub reach: Reach,
}

/// Which rows of a table are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All.
    All,
    /// All if they are at most as many as the first number says, else as many as the second one.
    UpTo(usize, usize),
    /// Those with the keys of these; of all others a fingerprint is taken. Where there is no key,
    /// these are given back as they are, and the fingerprint is that of all rows.
    Beside(TableRows),
    /// Those that this transaction has put there; of the others nothing is told.
    Own,
}

/// A question that is sent with others, and how its answer is read.
#[derive(Debug)]
pub struct RowsAsked(Vec<(ToRead, Option<Asked>, Option<Asked>)>);

impl Loader {
    /// The rows of these tables; columns that are not there are an error of the caller.
    pub async fn rows(&mut self, tables: &[ToRead]) -> Result<Rows, DataError> {
        let mut batch = Batch::default();
        batch.say(PIN);
        let rows = ask_rows(&mut batch, tables);
        let mut answers = self.send(&batch).await?;
        self.later(RESET);
        Ok(rows.read(&mut answers))
    }

    /// The rows of one table for which a predicate is true; of those that are not fetched, how many
    /// they are.
    pub async fn rows_where(
        &mut self,
        table: &ToRead,
        predicate: Option<&str>,
    ) -> Result<TableRows, DataError> {
        let condition = predicate.map_or_else(|| "true".to_owned(), |it| format!("({it})"));
        let from = format!("FROM ONLY {} WHERE {condition}", table.name.sql());
        let columns = list(&table.columns);
        // The predicate reads as the author's session reads it.
        let mut batch = Batch::default();
        batch.say(RESET);
        batch.say(&set_local(PINS.get(1..).unwrap_or_default()));
        let (mut rows, mut others) = (None, None);
        if let Reach::Beside(given) = &table.reach {
            let is_given = is_given(table, given);
            let is_other = format!("({is_given}) IS NOT TRUE");
            rows = Some(batch.say(&format!("SELECT {columns} {from} AND {is_given}")));
            others = Some(batch.say(&format!("SELECT count(*) {from} AND {is_other}")));
        } else {
            rows.get_or_insert(batch.say(&format!("SELECT {columns} {from}")));
        }
        let mut answers = self.send(&batch).await?;
        self.later(RESET);
        let rows = rows.map(|asked| answers.take(asked)).unwrap_or_default();
        let rest = others.map(|asked| {
            let count = answers.take(asked).into_iter().flatten().next();
            Print { rows: count.map(number).unwrap_or_default(), ..Print::default() }
        });
        Ok(TableRows { columns: table.columns.clone(), key: table.key.clone(), rows, rest })
    }

    /// Asks of large tables how many rows they have, and how far their sequences must have come.
    pub(super) async fn measure(
        &mut self,
        model: &Model,
        rows: &mut Rows,
    ) -> Result<(), DataError> {
        let mut batch = Batch::default();
        let mut asked = Vec::new();
        for (name, held) in &mut rows.0 {
            let table = model.tables.iter().find(|table| table.name == *name);
            let (Some(table), Some(rest)) = (table, held.rest.as_mut()) else { continue };
            let drawn = numbers(model, table);
            let tops = drawn.iter().map(|column| format!(", max({})", quote_ident(column)));
            let tops: String = tops.collect();
            let ask = format!("SELECT count(*){tops} FROM ONLY {}", name.sql());
            asked.push((rest, drawn, batch.say(&ask)));
        }
        if asked.is_empty() {
            return Ok(());
        }
        let mut answers = self.send(&batch).await?;
        for (rest, drawn, asked) in asked {
            let mut cells = answers.take(asked).into_iter().flatten();
            rest.rows = cells.next().map(number).unwrap_or_default();
            let top = |(column, cell): (&str, Cell)| Some((column.to_owned(), cell?.parse().ok()?));
            rest.tops = drawn.into_iter().zip(cells).filter_map(top).collect();
        }
        Ok(())
    }
}

/// The columns with numbers that draw from a sequence or are a key.
fn numbers<'t>(model: &Model, table: &'t Table) -> Vec<&'t str> {
    let is_number = |column: &Column| {
        matches!(model.types.base_name(column.type_oid), Some("int2" | "int4" | "int8"))
    };
    let is_key = |column: &Column| {
        table.uniques.iter().any(|unique| unique.columns == [column.name.as_str()])
    };
    let wanted = |it: &&Column| is_number(it) && (it.sequence.is_some() || is_key(it));
    table.columns.iter().filter(wanted).map(|column| column.name.as_str()).collect()
}

/// Asks for the rows of tables; how values are printed must be settled.
pub fn ask_rows(batch: &mut Batch, tables: &[ToRead]) -> RowsAsked {
    let ask = |table: &ToRead| {
        let from = format!("FROM ONLY {}", table.name.sql());
        let select = format!("SELECT {} {from}", list(&table.columns));
        let mut say = |statement: &str| Some(batch.say(statement));
        let (rows, print) = match &table.reach {
            Reach::All => (say(&select), None),
            Reach::UpTo(most, _) => (say(&format!("{select} LIMIT {}", most + 1)), None),
            // Of subtransactions as well, whose numbers are higher.
            Reach::Own => (say(&format!("{select} WHERE pg_catalog.age(xmin) <= 0")), None),
            Reach::Beside(given) if table.key.is_empty() || given.rows.is_empty() => {
                (None, say(&format!("{} {from}", prints(&table.columns))))
            }
            Reach::Beside(given) => {
                let is_given = is_given(table, given);
                let prints = prints(&table.columns);
                let rows = say(&format!("{select} WHERE {is_given}"));
                (rows, say(&format!("{prints} {from} WHERE ({is_given}) IS NOT TRUE")))
            }
        };
        (table.clone(), rows, print)
    };
    RowsAsked(tables.iter().map(ask).collect())
}

impl RowsAsked {
    /// Takes the rows out of the answers.
    pub fn read(self, answers: &mut Answers) -> Rows {
        let read = self.0.into_iter().map(|(table, rows, print)| {
            let ToRead { name, columns, key, reach } = table;
            let mut rows = rows.map(|asked| answers.take(asked)).unwrap_or_default();
            let print = print.map(|asked| print_of(&columns, answers.take(asked)));
            let rest = match reach {
                Reach::All => None,
                Reach::UpTo(most, few) => (rows.len() > most).then(|| {
                    rows.truncate(few);
                    rows.shrink_to_fit();
                    Print { rows: u64::try_from(most).unwrap_or(u64::MAX), ..Print::default() }
                }),
                Reach::Own => Some(Print::default()),
                Reach::Beside(given) => {
                    if key.is_empty() {
                        rows = given.rows;
                    }
                    let tops = given.rest.map(|rest| rest.tops).unwrap_or_default();
                    print.map(|print| Print { tops, ..print })
                }
            };
            (name, TableRows { columns, key, rows, rest })
        });
        Rows(read.collect())
    }
}

/// What [`Loader::rows`] takes, for the tables of a model: all of their rows.
pub fn all_columns(model: &Model) -> Vec<ToRead> {
    let plain = model.tables.iter().filter(|table| table.kind == TableKind::Plain);
    plain
        .map(|table| {
            let columns: Vec<String> = table.columns.iter().map(|it| it.name.clone()).collect();
            let key = table.key().map(|key| key.columns.as_slice()).unwrap_or_default();
            let place = |name: &String| columns.iter().position(|it| it == name);
            let key = key.iter().filter_map(place).collect();
            ToRead { name: table.name.clone(), columns, key, reach: Reach::All }
        })
        .collect()
}

/// The same, but for those that are large in `before`: of these the rows that are `given`, and a
/// fingerprint of the others.
pub fn beside(model: &Model, before: &Rows, given: &Rows) -> Vec<ToRead> {
    let mut tables = all_columns(model);
    for table in &mut tables {
        let Some(large) = before.0.get(&table.name).filter(|held| held.rest.is_some()) else {
            continue;
        };
        let rows = given.0.get(&table.name).map(|held| held.rows.clone()).unwrap_or_default();
        let (columns, key) = (table.columns.clone(), table.key.clone());
        table.reach = Reach::Beside(TableRows { columns, key, rows, rest: large.rest.clone() });
    }
    tables
}

/// The same tables, of which only those that are not large are read to their end.
pub(super) fn sampled(tables: &[ToRead]) -> Vec<ToRead> {
    let sampled = |table: &ToRead| ToRead { reach: Reach::UpTo(LARGE, FEW), ..table.clone() };
    tables.iter().map(sampled).collect()
}

fn list(columns: &[String]) -> String {
    columns.iter().map(|name| quote_ident(name)).collect::<Vec<_>>().join(", ")
}

/// A value as text, compared by bytes whatever its own collation says.
fn text(column: &str) -> String {
    format!("{}::pg_catalog.text COLLATE \"C\"", quote_ident(column))
}

/// The condition that a row has the key of one of these. Keys are compared as texts: their types may
/// be others by now.
fn is_given(table: &ToRead, given: &TableRows) -> String {
    if table.key.is_empty() || given.rows.is_empty() {
        return "false".to_owned();
    }
    let key = table.key.iter().filter_map(|at| table.columns.get(*at)).map(|name| text(name));
    let values = given.rows.iter().map(|row| {
        let cells = part(row, &given.key);
        let cells = cells.iter().map(|cell| literal(cell.as_deref()));
        format!("({})", cells.collect::<Vec<_>>().join(", "))
    });
    let (key, values) = (key.collect::<Vec<_>>(), values.collect::<Vec<_>>());
    format!("({}) IN (VALUES {})", key.join(", "), values.join(", "))
}

/// The select list of a fingerprint.
fn prints(columns: &[String]) -> String {
    let mut by_name: Vec<&String> = columns.iter().collect();
    by_name.sort();
    let by_name: Vec<String> = by_name.into_iter().map(|name| quote_ident(name)).collect();
    let sum = |text: &str| format!("sum(pg_catalog.hashtextextended({text}, 0))");
    let whole = format!("ROW({})::pg_catalog.text COLLATE \"C\"", by_name.join(", "));
    let mut parts = vec!["SELECT count(*)".to_owned(), sum(&whole)];
    for column in columns {
        let (name, text) = (quote_ident(column), text(column));
        let last = format!("max(pg_catalog.left({name}::pg_catalog.text, {LAST}) COLLATE \"C\")");
        parts.extend([format!("count({name})"), sum(&text), last]);
    }
    parts.join(", ")
}

fn print_of(columns: &[String], answer: Vec<Vec<Cell>>) -> Print {
    let mut cells = answer.into_iter().flatten();
    let rows = cells.next().map(number).unwrap_or_default();
    let whole = cells.next().flatten();
    let mut of_columns = BTreeMap::new();
    for column in columns {
        let filled = cells.next().map(number).unwrap_or_default();
        let (sum, last) = (cells.next().flatten(), cells.next().flatten());
        of_columns.insert(column.clone(), ColumnPrint { filled, sum, last });
    }
    Print { rows, columns: of_columns, whole, tops: BTreeMap::new() }
}

fn number(cell: Cell) -> u64 {
    cell.and_then(|text| text.parse().ok()).unwrap_or_default()
}
