//! What a query's file says about it: comments that begin with `stairway:`.
//!
//! Knows their words. Must not know what comes of them.
//!
//! ```sql
//! -- stairway: weight 3
//! -- stairway: budget 20ms
//! -- stairway: param customer from SELECT id FROM public.customer
//! ```

use std::path::Path;
use std::time::Duration;

use crate::sql;

use super::WorkloadError;
use super::query::{Effect, Query, Share, Source};

const MARKER: &str = "stairway:";
const KNOWN: &str = "weight, rate, budget, commits and param";

/// Reads the header of `query` from the whole text of its file.
pub(super) fn read(query: &mut Query, text: &str) -> Result<(), WorkloadError> {
    for comment in sql::comments(text) {
        let Some(body) = comment.text.strip_prefix(MARKER) else { continue };
        let (line, _) = sql::line_col(text, comment.bytes.start);
        say(query, body.trim()).map_err(|problem| WorkloadError::Header {
            path: query.file.clone(),
            line,
            problem,
        })?;
    }
    agree(query)
}

/// Takes one line of a header.
fn say(query: &mut Query, body: &str) -> Result<(), String> {
    let (word, rest) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
    let rest = rest.trim();
    match word {
        "weight" => query.share = Share::Weight(positive(rest, "weight 3")?),
        "rate" => {
            let number = rest.strip_suffix("/s").unwrap_or(rest);
            let rate = positive(number.trim(), "rate 20/s")?;
            if !(0.001..=100_000.0).contains(&rate) {
                return Err(format!("{rate} requests a second are too few or too many"));
            }
            query.share = Share::Rate(rate);
        }
        "budget" => query.budget = Some(duration(rest)?),
        "commits" if rest.is_empty() => query.effect = Effect::Commits,
        "commits" => return Err(format!("commits says nothing more, but here it says {rest:?}")),
        "param" => {
            let source = parameter(rest, query.file.parent())?;
            query.sources.push(source);
        }
        _ => return Err(format!("{word:?} is not known in a header; known are {KNOWN}")),
    }
    Ok(())
}

fn positive(text: &str, example: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("{text:?} is no number above zero, as in `{example}`"))
}

/// Reads `150ms`, `1.5s` or `2min`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("min", 60.0), ("s", 1.0), ("us", 0.000_001)];
    let found = units.iter().find_map(|(unit, seconds)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        Duration::try_from_secs_f64(number * seconds).ok().filter(|time| !time.is_zero())
    });
    found.ok_or_else(|| format!("{text:?} is no time above zero, as in 150ms or 1.5s"))
}

/// Reads `a, b from SELECT ..`, `a from csv FILE` or `a from generated schema.table.column`.
fn parameter(text: &str, folder: Option<&Path>) -> Result<Source, String> {
    let form = "`param id from SELECT id FROM public.customer`, `param id from csv ids.csv` or `param \
                note from generated public.orders.note`";
    let (names, from) = text.split_once(" from ").ok_or_else(|| {
        format!("param {text:?} does not say where values come from, as in {form}")
    })?;
    let names: Vec<String> = names.split(',').map(|name| name.trim().to_owned()).collect();
    let is_name = |name: &String| {
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return Err(format!("{name:?} is no name of a parameter"));
    }
    let from = from.trim();
    let (word, rest) = from.split_once(char::is_whitespace).unwrap_or((from, ""));
    match word.to_ascii_lowercase().as_str() {
        "csv" if !rest.trim().is_empty() => {
            let file = folder.unwrap_or_else(|| Path::new("")).join(rest.trim());
            Ok(Source::Csv { names, file })
        }
        "generated" => {
            let column = rest.trim().to_owned();
            let [name] = names.as_slice() else {
                return Err(format!(
                    "{} can't be made up together, only one by one",
                    names.join(", ")
                ));
            };
            Ok(Source::Generated { name: name.clone(), column })
        }
        "select" | "values" | "with" | "table" => Ok(Source::Query { names, sql: from.to_owned() }),
        _ => Err(format!("values can't come from {from:?}, only as in {form}")),
    }
}

/// Each parameter has values from one place, and nothing else has.
fn agree(query: &Query) -> Result<(), WorkloadError> {
    let error = |problem: String| WorkloadError::Parameter { path: query.file.clone(), problem };
    let given = || query.sources.iter().flat_map(Source::names);
    for name in query.parameters() {
        match given().filter(|other| *other == name).count() {
            1 => {}
            0 => {
                return Err(error(format!(
                    "the parameter :{name} has no values\n  help: say where they come from, as in \
                     `-- stairway: param {name} from SELECT id FROM public.customer`"
                )));
            }
            _ => return Err(error(format!("the parameter :{name} has values from two places"))),
        }
    }
    match given().find(|name| !query.parameters().contains(name)) {
        Some(name) => {
            Err(error(format!("values are given for :{name}, which the query does not have")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Effect, Query, Share, Source, duration, read};

    fn header(text: &str) -> Result<Query, String> {
        let statement = crate::sql::split(text).unwrap().remove(0);
        let mut query = Query::new("workload/q.sql".into(), statement.text(text));
        read(&mut query, text).map(|()| query).map_err(|error| error.to_string())
    }

    #[test]
    fn a_header_says_how_often_how_long_and_with_what() {
        let query = header(
            "-- Orders of a customer.\n-- stairway: weight 3\n-- stairway: budget 20ms\n\
             -- stairway: param a, b from SELECT id, x FROM public.t\n\
             -- stairway: param c from csv names.csv\n\
             -- stairway: param d from generated public.t.note\n\
             SELECT :a, :b, :c, :d",
        )
        .unwrap();
        assert_eq!(query.share, Share::Weight(3.0));
        assert_eq!(query.budget, Some(Duration::from_millis(20)));
        assert_eq!(query.effect, Effect::Reads);
        let names: Vec<_> = query.sources.iter().map(Source::names).collect();
        assert_eq!(
            names,
            [&["a".to_owned(), "b".to_owned()][..], &["c".to_owned()], &["d".to_owned()]]
        );
        let Source::Csv { file, .. } = &query.sources[1] else { panic!("{:?}", query.sources) };
        assert_eq!(file, std::path::Path::new("workload/names.csv"));
    }

    #[test]
    fn a_wrong_header_is_told_with_its_line() {
        for (text, part) in [
            ("-- stairway: wieght 3\nSELECT 1", "q.sql:1: \"wieght\" is not known"),
            ("\n-- stairway: weight 0\nSELECT 1", "q.sql:2: \"0\" is no number above zero"),
            ("-- stairway: budget 3\nSELECT 1", "as in 150ms"),
            ("-- stairway: commits now\nUPDATE t SET a = 1", "says nothing more"),
            ("-- stairway: param a\nSELECT :a", "does not say where"),
            ("-- stairway: param a from thin air\nSELECT :a", "can't come from \"thin air\""),
            ("-- stairway: param a from SELECT 1\nSELECT 1", "which the query does not have"),
            ("SELECT :a", "the parameter :a has no values"),
            (
                "-- stairway: param a from SELECT 1\n-- stairway: param a from VALUES (1)\nSELECT :a",
                "two places",
            ),
        ] {
            let error = header(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250 us"), Ok(Duration::from_micros(250)));
        assert!(duration("0ms").is_err() && duration("-1s").is_err() && duration("s").is_err());
    }
}
