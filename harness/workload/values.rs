//! What queries are sent with: values for their parameters, drawn once and then the same for everybody.
//!
//! Knows how candidates are asked for, and the two forms in which a value goes to the server. Must not
//! know when a query is sent.

use std::fmt::Write;
use std::path::Path;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::postgres::{BinaryValue, PostgresError, Session, quote_literal};

use super::WorkloadError;
use super::query::{Query, Source};

/// A value for each parameter of a query, in their order; NULL is `None`.
pub type Tuple = Vec<Option<String>>;

/// Values that are made up for a column, or why there are none.
pub type Made<'a> = dyn Fn(&str) -> Result<Tuple, String> + 'a;

/// So many candidates of one source are looked at.
const CANDIDATES: usize = 10_000;
/// So many tuples are drawn for a query: more would not be sent in a run.
const TUPLES: usize = 4096;

/// The tuples of one query.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// At least one; empty ones for a query without parameters.
    pub tuples: Vec<Tuple>,
    /// The same in the form of the extended protocol.
    pub(super) binary: Vec<Vec<BinaryValue>>,
}

impl Values {
    /// Of a query without parameters.
    pub fn none() -> Self {
        Self { tuples: vec![Tuple::new()], binary: vec![Vec::new()] }
    }

    /// Asks the database of `session` for what `query` can be sent with. `made` gives values for a
    /// column that is made up.
    pub async fn ask(
        session: &mut Session,
        query: &Query,
        made: &Made<'_>,
        seed: u64,
    ) -> Result<Self, WorkloadError> {
        let types = types(session, query).await?;
        let mut columns: Vec<(&[String], Vec<Tuple>)> = Vec::new();
        for source in &query.sources {
            let found = candidates(session, query, source, made, seed).await?;
            if found.is_empty() {
                let names = source.names().join(", :");
                return Err(WorkloadError::Parameter {
                    path: query.file.clone(),
                    problem: format!("there are no values for :{names}"),
                });
            }
            columns.push((source.names(), found));
        }
        let tuples = draw(query, &columns, seed);
        let binary = binary(session, query, &types, &tuples).await?;
        Ok(Self { tuples, binary })
    }

    /// The same values for the database of `session`, in which types may be others.
    pub async fn rebound(
        &self,
        session: &mut Session,
        query: &Query,
    ) -> Result<Self, WorkloadError> {
        let types = types(session, query).await?;
        let tuples = self.tuples.clone();
        let binary = binary(session, query, &types, &tuples).await?;
        Ok(Self { tuples, binary })
    }
}

/// The types of the query's parameters, as the server infers them.
async fn types(session: &mut Session, query: &Query) -> Result<Vec<u32>, WorkloadError> {
    let refused = |source| refused(query, String::new(), source);
    let prepared =
        session.execute(&format!("PREPARE stairway_types AS {}", query.numbered())).await;
    prepared.map_err(refused)?;
    let asked = "SELECT u.oid::pg_catalog.oid FROM pg_catalog.pg_prepared_statements s, \
        pg_catalog.unnest(s.parameter_types) WITH ORDINALITY AS u (oid, n) \
        WHERE s.name = 'stairway_types' ORDER BY u.n";
    let rows = session.rows(asked).await?;
    session.execute("DEALLOCATE stairway_types").await?;
    Ok(rows.into_iter().flatten().flatten().filter_map(|oid| oid.parse().ok()).collect())
}

fn refused(query: &Query, of: String, source: PostgresError) -> WorkloadError {
    // Values may be those of a backup, which are nobody's to show; a query without any shows none.
    let source = if of.is_empty() { source } else { source.discreet() };
    match source {
        PostgresError::Sql(_) => WorkloadError::Refused { path: query.file.clone(), of, source },
        other => other.into(),
    }
}

/// Tuples of one source, a column for each of its names.
async fn candidates(
    session: &mut Session,
    query: &Query,
    source: &Source,
    made: &Made<'_>,
    seed: u64,
) -> Result<Vec<Tuple>, WorkloadError> {
    let error = |problem| WorkloadError::Parameter { path: query.file.clone(), problem };
    match source {
        Source::Query { names, sql } => {
            let sql = sql.trim_end().trim_end_matches(';');
            // A sample that is the same for the same rows, wherever they lie.
            let sampled = format!(
                "SELECT * FROM ({sql}\n) AS stairway_c ORDER BY \
                 pg_catalog.hashtextextended(stairway_c::pg_catalog.text, {seed}) LIMIT {CANDIDATES}",
                seed = i64::from_ne_bytes(seed.to_ne_bytes())
            );
            let of = format!(" for the values of :{}", names.join(", :"));
            let rows = session.rows(&sampled).await.map_err(|source| refused(query, of, source))?;
            match rows.first() {
                Some(row) if row.len() != names.len() => Err(error(format!(
                    "the values of :{} come from a query of {} columns",
                    names.join(", :"),
                    row.len()
                ))),
                _ => Ok(rows),
            }
        }
        Source::Csv { names, file } => read_csv(names, file).map_err(error),
        Source::Generated { name, column } => {
            let cells = made(column).map_err(|why| error(format!("values of :{name}: {why}")))?;
            Ok(cells.into_iter().map(|cell| vec![cell]).collect())
        }
    }
}

/// The columns of a file that are called as the parameters; an empty field is NULL.
fn read_csv(names: &[String], file: &Path) -> Result<Vec<Tuple>, String> {
    let told = |error: csv::Error| format!("can't read {}: {error}", file.display());
    let mut reader = csv::Reader::from_path(file).map_err(told)?;
    let header = reader.headers().map_err(told)?.clone();
    let place = |name: &String| {
        header.iter().position(|column| column.trim() == name).ok_or_else(|| {
            // Where the first line is no header, it holds values, which are nobody's to show.
            format!("{}: none of its {} columns is called {name:?}", file.display(), header.len())
        })
    };
    let places = names.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    for record in reader.records().take(CANDIDATES) {
        let record = record.map_err(told)?;
        let field = |at: &usize| record.get(*at).filter(|text| !text.is_empty()).map(str::to_owned);
        found.push(places.iter().map(field).collect());
    }
    Ok(found)
}

/// Tuples for all parameters, by drawing from each source.
fn draw(query: &Query, columns: &[(&[String], Vec<Tuple>)], seed: u64) -> Vec<Tuple> {
    if query.parameters().is_empty() {
        return vec![Tuple::new()];
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ salt(&query.name));
    let one = |random: &mut ChaCha8Rng| {
        let drawn: Vec<(&[String], Option<&Tuple>)> =
            columns.iter().map(|(names, found)| (*names, found.choose(random))).collect();
        let value = |name: &String| {
            drawn.iter().find_map(|(names, tuple)| {
                let at = names.iter().position(|other| other == name)?;
                tuple.and_then(|tuple| tuple.get(at).cloned())
            })
        };
        query.parameters().iter().map(|name| value(name).flatten()).collect::<Tuple>()
    };
    (0..TUPLES).map(|_| one(&mut random)).collect()
}

/// Keeps queries that draw from the same candidates from drawing the same.
fn salt(name: &str) -> u64 {
    ChaCha8Rng::from_seed(Sha256::digest(name).into()).random()
}

/// The same values in the form of the extended protocol, made by the server itself.
async fn binary(
    session: &mut Session,
    query: &Query,
    types: &[u32],
    tuples: &[Tuple],
) -> Result<Vec<Vec<BinaryValue>>, WorkloadError> {
    let mut all: Vec<Vec<BinaryValue>> = tuples.iter().map(|_| Vec::new()).collect();
    for (place, oid) in types.iter().enumerate() {
        let name = query.parameters().get(place).map(String::as_str).unwrap_or_default();
        let asked = format!(
            "SELECT pg_catalog.format_type(oid, -1), NULLIF(typsend, 0)::pg_catalog.regproc \
             FROM pg_catalog.pg_type WHERE oid = {oid}"
        );
        let mut row = session.rows(&asked).await?.pop().unwrap_or_default().into_iter().flatten();
        let (Some(of), Some(sends)) = (row.next(), row.next()) else {
            return Err(WorkloadError::Parameter {
                path: query.file.clone(),
                problem: format!(
                    "values of :{name} have no binary form\n  help: use --protocol simple"
                ),
            });
        };
        let cells = tuples.iter().map(|tuple| tuple.get(place).and_then(Option::as_deref));
        let asked = sent(&of, &sends, cells);
        let told = format!(" with a value of :{name} as {of}");
        let rows = session.rows(&asked).await.map_err(|source| refused(query, told, source))?;
        for (values, row) in all.iter_mut().zip(rows) {
            let hex = row.into_iter().next().flatten();
            values.push(BinaryValue::new(*oid, hex.map(|hex| bytes(&hex))));
        }
    }
    Ok(all)
}

/// Asks for values as `sends` gives them, in hexadecimal digits.
fn sent<'a>(of: &str, sends: &str, cells: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut sql = format!(
        "SELECT pg_catalog.encode({sends}(v::{of}), 'hex') FROM (VALUES (0, NULL::pg_catalog.text)"
    );
    for (at, cell) in cells.enumerate() {
        let _ = write!(sql, ",({}, {})", at + 1, cell.map_or("NULL".to_owned(), quote_literal));
    }
    sql.push_str(") AS c (n, v) WHERE n > 0 ORDER BY n");
    sql
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let pair = |pair: &[u8]| pair.iter().filter_map(digit).fold(0, |byte, digit| byte << 4 | digit);
    hex.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::{Tuple, bytes, draw, read_csv, sent};
    use crate::workload::Query;

    #[test]
    fn drawing_is_repeatable_and_keeps_together_what_comes_from_one_row() {
        let query = Query::new("q.sql".into(), "SELECT :b, :c, :a");
        let pairs: Vec<Tuple> =
            (0..9).map(|it| vec![Some(format!("{it}")), Some(format!("{it}{it}"))]).collect();
        let single: Vec<Tuple> = vec![vec![None], vec![Some("x".to_owned())]];
        let (names, other) = (["a".to_owned(), "b".to_owned()], ["c".to_owned()]);
        let columns = [(&names[..], pairs), (&other[..], single)];
        let drawn = draw(&query, &columns, 7);
        for tuple in &drawn {
            let [Some(b), _, Some(a)] = tuple.as_slice() else { panic!("{tuple:?}") };
            assert_eq!(*b, format!("{a}{a}"));
        }
        assert!(drawn.iter().any(|it| it[1].is_none()) && drawn.iter().any(|it| it[1].is_some()));
        assert_eq!(draw(&query, &columns, 7), drawn);
        assert_ne!(draw(&query, &columns, 8), drawn);
    }

    #[test]
    fn a_file_gives_the_columns_that_are_called_like_parameters() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("v.csv");
        std::fs::write(&file, "b,a,c\n1,\"x, y\",\n2,z,3\n").unwrap();
        let names = ["a".to_owned(), "c".to_owned()];
        let found = read_csv(&names, &file).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found, [[text("x, y"), None], [text("z"), text("3")]]);
        let error = read_csv(&["d".to_owned()], &file).unwrap_err();
        assert!(error.contains("none of its 3 columns is called \"d\""), "{error}");
    }

    #[test]
    fn hexadecimal_digits_are_bytes() {
        assert_eq!(bytes("00ff10"), [0, 255, 16]);
        assert!(
            sent("text", "textsend", [Some("it's"), None].into_iter())
                .contains("(1, 'it''s'),(2, NULL)")
        );
    }
}
