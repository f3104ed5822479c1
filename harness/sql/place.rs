//! Places in a text: the server counts characters, people count lines, strings count bytes.
//!
//! Knows how to go from one to the other and to the statement there. Must not know files.

use super::split::{Statement, statements};

/// The byte of the character at `char_index` (from 0); the text's length where there is none.
pub fn char_to_byte(text: &str, char_index: usize) -> usize {
    text.char_indices().nth(char_index).map_or(text.len(), |(byte, _)| byte)
}

/// Line and column, both from 1, of a byte; the column counts characters. A byte behind the end
/// counts as the end, one inside of a character as that character.
pub fn line_col(text: &str, byte: usize) -> (usize, usize) {
    let before = text.char_indices().map(|(at, sign)| (at + sign.len_utf8(), sign));
    let before = before.take_while(|(end, _)| *end <= byte);
    before.fold(
        (1, 1),
        |(line, column), (_, sign)| {
            if sign == '\n' { (line + 1, 1) } else { (line, column + 1) }
        },
    )
}

/// The statement that holds the character at `char_index` (from 0), which a server's error position
/// points at. A place behind a statement (its semicolon, the end of the input) is that statement's;
/// a place before the first one is nobody's. In a text that does not split, the statement that can't
/// be read goes up to the text's end.
pub fn statement_at(text: &str, char_index: usize) -> Option<Statement> {
    let byte = char_to_byte(text, char_index);
    let mut found = None;
    let mut rest = statements(text);
    while let Some(next) = rest.next() {
        let next = next.ok().or_else(|| {
            let bytes = rest.open_at()?..text.trim_end().len();
            Some(Statement { bytes, terminated: false })
        });
        match next {
            Some(statement) if statement.bytes.start <= byte => found = Some(statement),
            _ => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{char_to_byte, line_col, statement_at};

    #[test]
    fn characters_are_not_bytes() {
        let text = "-- ü\nselect 'é';\n select ü ;";
        let place = text.chars().position(|sign| sign == ';').unwrap();
        let texts = |index| statement_at(text, index).map(|found| found.text(text));
        assert_eq!(texts(0), None);
        assert_eq!(texts(5), Some("select 'é'"));
        assert_eq!(texts(place), Some("select 'é'"));
        assert_eq!(texts(place + 3), Some("select ü"));
        assert_eq!(texts(1000), Some("select ü"));
        assert_eq!(char_to_byte(text, 4), 5);
        assert_eq!(char_to_byte(text, 1000), text.len());
    }

    #[test]
    fn a_text_that_does_not_split_still_has_statements() {
        for (text, index, want) in [
            ("select 1; select (2; select 3 ", 25, "select (2; select 3"),
            ("select 1; select 'a", 18, "select 'a"),
            ("select 1; \\i x\n", 12, "\\i x"),
            ("select 1; copy t from stdin;\n1", 28, "copy t from stdin;\n1"),
            ("select 1; select (2", 3, "select 1"),
        ] {
            assert_eq!(statement_at(text, index).map(|found| found.text(text)), Some(want));
        }
    }

    #[test]
    fn lines_and_columns_count_from_one() {
        let text = "aé\r\nb";
        let places: Vec<_> = (0..=7).map(|byte| line_col(text, byte)).collect();
        assert_eq!(places, [(1, 1), (1, 2), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 2)]);
    }
}
