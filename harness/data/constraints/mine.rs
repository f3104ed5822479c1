//! The constants of an SQL text.
//!
//! Knows constants only. Must not know what they are compared with.

use std::collections::BTreeSet;

use super::phrase::Phrase;
use super::words::Kind;

/// How deep a routine in a routine is read.
const DEPTH: usize = 4;

/// The constants of a text, the first seen first, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mined {
    /// String constants without their quotes.
    pub strings: Vec<String>,
    /// Numbers as they are written, with a sign where one is part of them.
    pub numbers: Vec<String>,
}

/// The constants of an SQL text, those in the bodies of routines among them.
pub fn mine(sql: &str) -> Mined {
    let mut mined = Mined::default();
    gather(sql, DEPTH, &mut mined, &mut BTreeSet::new());
    mined
}

fn gather(sql: &str, depth: usize, mined: &mut Mined, seen: &mut BTreeSet<(bool, String)>) {
    let phrase = Phrase::new(sql);
    for (at, word) in phrase.words().iter().enumerate() {
        let text = match word.kind {
            Kind::Text => word.text.clone(),
            Kind::Number => phrase.number(at),
            Kind::Body if depth > 0 => {
                gather(&word.text, depth - 1, mined, seen);
                continue;
            }
            _ => continue,
        };
        let is_number = word.kind == Kind::Number;
        if seen.insert((is_number, text.clone())) {
            let list = if is_number { &mut mined.numbers } else { &mut mined.strings };
            list.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mine;

    #[test]
    fn constants_come_once_in_order() {
        let mined = mine(
            "UPDATE t SET a = 'old', b = -5 WHERE a <> 'it''s' AND c - 1 > 5 AND d = E'\\t' \
             AND e IN ('old', 'new') AND f = (-1.5); -- 'no' 9",
        );
        assert_eq!(mined.strings, ["old", "it's", "\t", "new"]);
        assert_eq!(mined.numbers, ["-5", "1", "5", "-1.5"]);
    }

    #[test]
    fn bodies_are_read_too() {
        let mined = mine("DO $$ BEGIN UPDATE t SET a = $x$b$x$ WHERE c = 7; END $$");
        assert_eq!(mined.strings, ["b"]);
        assert_eq!(mined.numbers, ["7"]);
        assert_eq!(mine("'unclosed").strings, Vec::<String>::new());
    }
}
