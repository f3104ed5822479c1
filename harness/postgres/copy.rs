//! COPY's text form.
//!
//! Knows how a row is written for `COPY .. FROM STDIN`. Must not know whose rows they are.

use super::ident::quote_ident;

/// The statement that takes lines into `columns` of `table`, which is qualified and quoted.
pub fn copy_from<'c>(table: &str, columns: impl IntoIterator<Item = &'c str>) -> String {
    let names: Vec<String> = columns.into_iter().map(quote_ident).collect();
    format!("COPY {table} ({}) FROM STDIN", names.join(", "))
}

/// Adds one row as a line; NULL is `None`.
pub fn copy_line<'c>(lines: &mut String, row: impl IntoIterator<Item = Option<&'c str>>) {
    for (nth, cell) in row.into_iter().enumerate() {
        if nth > 0 {
            lines.push('\t');
        }
        match cell {
            Some(text) => escape(lines, text),
            None => lines.push_str("\\N"),
        }
    }
    lines.push('\n');
}

fn escape(lines: &mut String, text: &str) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(['\\', '\t', '\n', '\r']) {
        lines.push_str(before);
        lines.push_str(match rest.as_bytes().get(before.len()) {
            Some(b'\t') => "\\t",
            Some(b'\n') => "\\n",
            Some(b'\r') => "\\r",
            _ => "\\\\",
        });
        rest = after;
    }
    lines.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::{copy_from, copy_line};

    #[test]
    fn what_ends_a_cell_or_a_line_is_escaped() {
        let mut lines = String::new();
        copy_line(&mut lines, [Some("a\tb\\N\r\n"), None, Some(""), Some("\\.")]);
        copy_line(&mut lines, [Some("é")]);
        assert_eq!(lines, "a\\tb\\\\N\\r\\n\t\\N\t\t\\\\.\né\n");
        let statement = copy_from("public.\"T\"", ["a", "order"]);
        assert_eq!(statement, "COPY public.\"T\" (\"a\", \"order\") FROM STDIN");
    }
}
