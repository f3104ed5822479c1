//! What one message of a server's log says about a query.
//!
//! Knows the words of `log_min_duration_statement`, `log_statement` and of the values of parameters. Must
//! not know in which form the log is written.

use super::tally::Cell;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said<'m> {
    /// One or several statements were executed.
    Query {
        sql: &'m str,
        /// How long it took, if that is said.
        millis: Option<f64>,
        /// Through the extended protocol, as prepared statements are.
        is_prepared: bool,
    },
    /// A part of an execution that is said by itself: parse, bind, or a bare duration.
    Part,
    /// A further part of a result.
    Fetch,
    /// Something else.
    Other,
}

/// Reads a message of severity LOG.
pub(super) fn said(message: &str) -> Said<'_> {
    let (millis, rest) = match message.strip_prefix("duration: ") {
        Some(rest) => {
            let Some((number, rest)) = rest.split_once(" ms") else { return Said::Other };
            let Ok(millis) = number.parse::<f64>() else { return Said::Other };
            (Some(millis), rest.trim_start())
        }
        None => (None, message),
    };
    if rest.is_empty() && millis.is_some() {
        return Said::Part;
    }
    if let Some(sql) = rest.strip_prefix("statement: ") {
        return Said::Query { sql, millis, is_prepared: false };
    }
    if rest.starts_with("execute fetch from ") {
        return Said::Fetch;
    }
    match rest.strip_prefix("execute ").and_then(|rest| rest.split_once(": ")) {
        Some((_, sql)) => Said::Query { sql, millis, is_prepared: true },
        None if rest.starts_with("parse ") || rest.starts_with("bind ") => Said::Part,
        None => Said::Other,
    }
}

/// The values in `parameters: $1 = '42', $2 = NULL`, in the order of their numbers.
pub(super) fn bound(detail: &str) -> Vec<Cell> {
    let Some((head, mut rest)) = detail.split_once(": ") else { return Vec::new() };
    if !head.eq_ignore_ascii_case("parameters") {
        return Vec::new();
    }
    let mut cells = Vec::new();
    while let Some((_, value)) = rest.split_once(" = ") {
        if let Some(after) = value.strip_prefix("NULL") {
            cells.push(Cell::Null);
            rest = after;
            continue;
        }
        let Some((text, after)) = quoted(value) else { break };
        // Longer than `log_parameter_max_length`.
        cells.push(if text.ends_with("...") { Cell::Unknown } else { Cell::of(text) });
        rest = after;
    }
    cells
}

/// The text of a literal that `text` begins with, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (inside, after) = rest.split_once('\'')?;
        out.push_str(inside);
        match after.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Some((out, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Said, bound, said};

    #[test]
    fn a_query_is_said_in_four_ways() {
        let query = |sql, millis, is_prepared| Said::Query { sql, millis, is_prepared };
        for (message, expected) in [
            ("statement: SELECT 1", query("SELECT 1", None, false)),
            ("duration: 1.250 ms  statement: SELECT 1;\n", query("SELECT 1;\n", Some(1.25), false)),
            ("execute <unnamed>: SELECT $1", query("SELECT $1", None, true)),
            (
                "duration: 0.1 ms  execute sqlx_s_1/c: SELECT ': '",
                query("SELECT ': '", Some(0.1), true),
            ),
            ("duration: 0.1 ms  parse s: SELECT 1", Said::Part),
            ("duration: 0.1 ms  bind s: SELECT 1", Said::Part),
            ("duration: 0.1 ms", Said::Part),
            ("execute fetch from s/c: SELECT 1", Said::Fetch),
            ("duration: long", Said::Other),
            ("checkpoint starting: time", Said::Other),
        ] {
            assert_eq!(said(message), expected, "{message}");
        }
    }

    #[test]
    fn values_are_read_as_the_server_quotes_them() {
        let text = |text: &str| Cell::of(text.to_owned());
        assert_eq!(
            bound(
                "parameters: $1 = 'it''s, $2 = ''x''', $2 = NULL, $3 = '', $4 = 'cut...', $5 = '7'"
            ),
            [text("it's, $2 = 'x'"), Cell::Null, text(""), Cell::Unknown, text("7")]
        );
        assert_eq!(bound("Parameters: $1 = '1'"), [text("1")]);
        assert!(bound("prepare: PREPARE x AS SELECT 1").is_empty() && bound("").is_empty());
    }
}
