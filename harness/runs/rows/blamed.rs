//! The rows that a failure is about, as far as its words tell and the server says.
//!
//! Knows what PostgreSQL's messages name. What it finds is where to look first: it is tried, and
//! where it finds nothing, rows are searched by halves.

use std::collections::BTreeSet;

use super::{Session, Stage};
use crate::checks;
use crate::data::{Cell, DataError, Name, Rows, TableRows, beside};
use crate::postgres::{PostgresError, SqlFailure};
use crate::sql::{self, TokenKind};

impl Session<'_> {
    /// Rows among those that are given, by their places.
    pub(super) async fn blamed(
        &mut self,
        stage: &Stage,
        given: &Rows,
        failure: &SqlFailure,
    ) -> Result<Vec<(Name, usize)>, DataError> {
        let detail = failure.detail.as_deref().unwrap_or_default();
        let named = checks::named_rows(given, detail);
        if !named.is_empty() {
            return Ok(named);
        }
        let relation = quoted(&failure.message, "relation \"");
        let is_meant = |name: &Name| relation.is_none_or(|relation| name.name == relation);
        let object = failure.object.as_deref().unwrap_or_default();
        match failure.sqlstate.as_str() {
            "23514" => {
                let Some(check) = check(&self.spoken.text, object) else { return Ok(Vec::new()) };
                let violating = self.violating(stage, given, &is_meant, check).await?;
                Ok(of(given, &violating))
            }
            "23502" => Ok(having(given, |name, column, cell| {
                is_meant(name) && column == object && cell.is_none()
            })),
            state if state.starts_with("22") => {
                let value = quoted(&failure.message, "\"");
                Ok(having(given, |_, _, cell| cell.is_some() && cell.as_deref() == value))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The rows for which a CHECK is false.
    async fn violating(
        &mut self,
        stage: &Stage,
        given: &Rows,
        is_meant: &impl Fn(&Name) -> bool,
        check: &str,
    ) -> Result<Rows, DataError> {
        self.loader.open();
        self.put(stage, given);
        let mut found = Rows::default();
        let predicate = format!("({check}) IS FALSE");
        let tables = beside(&stage.model, &stage.seeds, given);
        for table in tables.iter().filter(|table| is_meant(&table.name)) {
            match self.loader.rows_where(table, Some(&predicate)).await {
                Ok(rows) => {
                    found.0.insert(table.name.clone(), rows);
                }
                // It is about columns that are not there yet, or not about this table.
                Err(DataError::Postgres(PostgresError::Sql(_))) => break,
                Err(other) => return Err(other),
            }
        }
        self.loader.end(&[]);
        Ok(found)
    }
}

/// The places that some of the given rows have among those of before.
pub(super) fn among(before: &Rows, given: &Rows, some: &[(Name, usize)]) -> Vec<(Name, usize)> {
    let place = |(name, at): &(Name, usize)| {
        let row = given.0.get(name)?.rows.get(*at)?;
        let at = before.0.get(name)?.rows.iter().position(|it| it == row)?;
        Some((name.clone(), at))
    };
    some.iter().filter_map(place).collect()
}

/// The places of some rows among those that are given.
fn of(given: &Rows, some: &Rows) -> Vec<(Name, usize)> {
    let places = given.0.iter().flat_map(|(name, held)| {
        let rows: BTreeSet<&Vec<Cell>> =
            some.0.get(name).map(|held| held.rows.iter().collect()).unwrap_or_default();
        let is_there = held.rows.iter().enumerate().filter(move |(_, row)| rows.contains(row));
        is_there.map(|(at, _)| (name.clone(), at))
    });
    places.collect()
}

/// The rows with a cell of which this is true.
fn having(given: &Rows, is: impl Fn(&Name, &str, &Cell) -> bool) -> Vec<(Name, usize)> {
    let has = |name: &Name, held: &TableRows, row: &Vec<Cell>| {
        held.columns.iter().zip(row).any(|(column, cell)| is(name, column, cell))
    };
    let mut places = Vec::new();
    for (name, held) in &given.0 {
        let rows = held.rows.iter().enumerate().filter(|(_, row)| has(name, held, row));
        places.extend(rows.map(|(at, _)| (name.clone(), at)));
    }
    places
}

/// What stands in quotes after these words.
fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(before)?;
    rest.split_once('"').map(|(inside, _)| inside)
}

/// The expression of a CHECK in a text, by its name.
fn check<'a>(text: &'a str, constraint: &str) -> Option<&'a str> {
    let tokens: Vec<_> = sql::tokens(text).filter(|token| !token.kind.is_blank()).collect();
    let word = |at: usize| {
        let token = tokens.get(at)?;
        let text = text.get(token.bytes.clone())?;
        match token.kind {
            TokenKind::Word => Some(sql::fold(text)),
            TokenKind::QuotedIdent => Some(text.trim_matches('"').replace("\"\"", "\"")),
            _ => Some(text.to_owned()),
        }
    };
    let is = |at: usize, wanted: &str| word(at).is_some_and(|it| it == wanted);
    let begin = (0..tokens.len()).find(|at| {
        is(*at, "constraint") && is(at + 1, constraint) && is(at + 2, "check") && is(at + 3, "(")
    })? + 3;
    let mut depth = 0_usize;
    for at in begin..tokens.len() {
        match word(at)?.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let inside = tokens.get(begin)?.bytes.end..tokens.get(at)?.bytes.start;
            return text.get(inside);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{check, quoted};

    #[test]
    fn what_messages_and_scripts_say() {
        let message = "check constraint \"c\" of relation \"a b\" is violated by some row";
        assert_eq!(quoted(message, "relation \""), Some("a b"));
        assert_eq!(quoted("invalid input syntax for type integer: \"x1\"", "\""), Some("x1"));
        let text = "ALTER TABLE t ADD CONSTRAINT \"No\" CHECK (a <> ')' AND (b > 0)) NOT VALID;\n\
                    ALTER TABLE t ADD CONSTRAINT no CHECK (c);";
        assert_eq!(check(text, "No"), Some("a <> ')' AND (b > 0)"));
        assert_eq!(check(text, "no"), Some("c"));
        assert_eq!(check(text, "t_check"), None);
    }
}
