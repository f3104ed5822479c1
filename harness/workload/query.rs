//! One query with named parameters.
//!
//! Knows what `:name` means in SQL and how a query is sent. Must not read files, nor know values.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::postgres::quote_literal;
use crate::sql::{self, StatementKind, TokenKind};

use super::values::Tuple;

/// A query of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The file's name without its ending.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// The query as it is written.
    pub text: String,
    /// How often it is sent.
    pub share: Share,
    /// How long one answer may take, if that is another time than for the whole workload.
    pub budget: Option<Duration>,
    /// What it does to the database.
    pub effect: Effect,
    /// Where values come from.
    pub sources: Vec<Source>,
    pieces: Vec<Piece>,
    parameters: Vec<String>,
}

/// How often a query is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// So often compared with the others.
    Weight(f64),
    /// So often a second.
    Rate(f64),
}

/// What a query does to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It writes, in a transaction that is rolled back. What is measured is the statement.
    RolledBack,
    /// It writes, and is committed by itself.
    Commits,
}

/// Where the values of parameters come from, which are drawn together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A query that lists candidates, a column for each of the parameters.
    Query {
        /// Whose values.
        names: Vec<String>,
        /// The query.
        sql: String,
    },
    /// A file of comma-separated values whose columns have the names of the parameters.
    Csv {
        /// Whose values.
        names: Vec<String>,
        /// The file.
        file: PathBuf,
    },
    /// Values as they are made up for a column.
    Generated {
        /// Whose values.
        name: String,
        /// `schema.table.column`.
        column: String,
    },
}

impl Source {
    /// The parameters whose values it gives.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Query { names, .. } | Self::Csv { names, .. } => names,
            Self::Generated { name, .. } => std::slice::from_ref(name),
        }
    }
}

/// A piece of a query's text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The place of a parameter.
    Parameter(usize),
}

impl Query {
    /// Takes the text of one statement apart.
    pub(super) fn new(file: PathBuf, text: &str) -> Self {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let (pieces, parameters) = take_apart(text);
        let effect = if writes(text) { Effect::RolledBack } else { Effect::Reads };
        Self {
            name: name.unwrap_or_default(),
            file,
            line: 1,
            text: text.to_owned(),
            share: Share::Weight(1.0),
            budget: None,
            effect,
            sources: Vec::new(),
            pieces,
            parameters,
        }
    }

    /// A query of ours, without parameters.
    pub(super) fn plain(name: &str, text: &str, effect: Effect) -> Self {
        let mut query = Self::new(PathBuf::from(name), text);
        query.effect = effect;
        query
    }

    /// The names of its parameters, each once, in the order of their first use.
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// The query with `$1` and so on for its parameters.
    pub fn numbered(&self) -> String {
        self.put_together(|place| format!("${}", place + 1))
    }

    /// The query with literals of these values, as an application sends it without preparing it.
    pub fn with_literals(&self, values: &Tuple) -> String {
        self.put_together(|place| match values.get(place).and_then(Option::as_deref) {
            Some(value) => quote_literal(value),
            None => "NULL".to_owned(),
        })
    }

    fn put_together(&self, parameter: impl Fn(usize) -> String) -> String {
        let mut sql = String::with_capacity(self.text.len());
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => sql.push_str(text),
                Piece::Parameter(place) => {
                    let _ = write!(sql, "{}", parameter(*place));
                }
            }
        }
        sql
    }
}

/// The pieces of a text and the names of its parameters. A colon begins one where a word stands
/// right behind it, as it does in psql; not in a string nor in `::`. Between brackets one that follows a
/// value is a slice, as in `array[1:n]`.
fn take_apart(text: &str) -> (Vec<Piece>, Vec<String>) {
    let (mut pieces, mut parameters) = (Vec::new(), Vec::<String>::new());
    let mut plain = String::new();
    let mut is_after_colon = false;
    let mut depth = 0_usize;
    // Whether what came last can be the lower bound of a slice.
    let mut is_after_value = false;
    for token in sql::tokens(text) {
        let word = text.get(token.bytes).unwrap_or_default();
        if is_after_colon && token.kind == TokenKind::Word {
            plain.pop();
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            let known = parameters.iter().position(|name| name == word);
            let place = known.unwrap_or_else(|| {
                parameters.push(word.to_owned());
                parameters.len() - 1
            });
            pieces.push(Piece::Parameter(place));
            (is_after_colon, is_after_value) = (false, true);
            continue;
        }
        match (token.kind, word) {
            (TokenKind::Punct, "[") => depth += 1,
            (TokenKind::Punct, "]") => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_after_colon = word == ":" && (depth == 0 || !is_after_value);
        is_after_value = match token.kind {
            kind if kind.is_blank() => is_after_value,
            TokenKind::Punct => matches!(word, ")" | "]"),
            TokenKind::Operator => false,
            _ => true,
        };
        plain.push_str(word);
    }
    pieces.push(Piece::Text(plain));
    (pieces, parameters)
}

/// Whether a statement writes, as far as its text tells: one that is nothing but a query does not.
fn writes(text: &str) -> bool {
    let reads = matches!(
        sql::kind(text),
        StatementKind::Select | StatementKind::With | StatementKind::Show | StatementKind::Explain
    );
    let words = || sql::tokens(text).filter(|token| token.kind == TokenKind::Word);
    let has = |wanted: &str| {
        words().any(|token| text.get(token.bytes).is_some_and(|it| it.eq_ignore_ascii_case(wanted)))
    };
    let changes = ["insert", "update", "delete", "merge"].iter().any(|word| has(word));
    // SELECT .. FOR UPDATE writes as well: it marks the rows that it locks.
    !reads || changes
}

#[cfg(test)]
mod tests {
    use super::{Effect, Query};

    fn query(text: &str) -> Query {
        Query::new("workload/some.sql".into(), text)
    }

    #[test]
    fn a_parameter_is_a_colon_with_a_word_right_behind_it() {
        let text = "SELECT ':no', a::text, b[1:2], \":no\" /* :no */ FROM t WHERE a=:id AND b> :n_2 OR c = :id";
        let query = query(text);
        assert_eq!(query.parameters(), ["id", "n_2"]);
        assert_eq!(
            query.numbered(),
            text.replace("=:id", "=$1").replace("= :id", "= $1").replace(":n_2", "$2")
        );
    }

    #[test]
    fn between_brackets_a_colon_behind_a_value_is_a_slice() {
        for (text, expected) in [
            ("SELECT ARRAY[:a, :b]", &["a", "b"][..]),
            ("SELECT tags[:i]", &["i"]),
            ("SELECT tags[1:n], tags[n:m], tags[f(x):y]", &[]),
            ("SELECT tags[:i::int], x::text", &["i"]),
        ] {
            assert_eq!(query(text).parameters(), expected, "{text}");
        }
    }

    #[test]
    fn literals_are_quoted_and_null_is_null() {
        let query = query("SELECT :a, :b");
        let values = vec![Some("it's".to_owned()), None];
        assert_eq!(query.with_literals(&values), "SELECT 'it''s', NULL");
    }

    #[test]
    fn what_writes_is_rolled_back() {
        for (text, effect) in [
            ("SELECT 1", Effect::Reads),
            ("WITH a AS (SELECT 1) TABLE a", Effect::Reads),
            ("VALUES (1)", Effect::Reads),
            ("UPDATE t SET a = 1", Effect::RolledBack),
            ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", Effect::RolledBack),
            ("SELECT * FROM t FOR UPDATE", Effect::RolledBack),
            ("CALL work()", Effect::RolledBack),
        ] {
            assert_eq!(query(text).effect, effect, "{text}");
        }
    }
}
