//! A text's words with what they mean: names folded, strings without their quotes.
//!
//! Knows how a constant is written. Must not know what a word stands for.

use std::ops::Range;

use crate::sql::{TokenKind, fold, names, tokens};

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name without quotes, folded.
    Name,
    /// A name in quotes, without them.
    Quoted,
    /// A string constant, without its quotes.
    Text,
    /// The body of a routine or of `DO`: SQL in a dollar-quoted string.
    Body,
    /// A number, decimal and without underscores.
    Number,
    /// An operator or a punctuation mark.
    Sign,
    /// Nothing that a constant or a name can be read from.
    Other,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) bytes: Range<usize>,
}

impl Word {
    /// Whether it is this keyword or sign.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Name | Kind::Sign) && self.text == text
    }

    /// Whether it is one of these keywords or signs.
    pub(super) fn is_any(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.is(text))
    }

    pub(super) fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Name | Kind::Quoted)
    }
}

/// The words of a text; a string that goes on in a later line is one.
pub(super) fn words(sql: &str) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let mut escapes = false;
    for token in tokens(sql).filter(|token| !token.kind.is_blank()) {
        let raw = sql.get(token.bytes.clone()).unwrap_or_default();
        let goes_on = raw.starts_with('\'');
        if token.kind == TokenKind::String
            && goes_on
            && let Some(before) = found.last_mut().filter(|word| word.kind == Kind::Text)
        {
            before.text.push_str(&constant(raw, escapes).unwrap_or_default());
            before.bytes.end = token.bytes.end;
            continue;
        }
        escapes = raw.starts_with(['e', 'E']);
        let (kind, text) = read(token.kind, raw, escapes, &found);
        found.push(Word { kind, text, bytes: token.bytes });
    }
    found
}

fn read(kind: TokenKind, raw: &str, escapes: bool, before: &[Word]) -> (Kind, String) {
    match kind {
        TokenKind::Word => (Kind::Name, fold(raw)),
        TokenKind::QuotedIdent => {
            let name = names(raw).into_iter().next().and_then(|name| name.parts.into_iter().next());
            (Kind::Quoted, name.unwrap_or_default())
        }
        TokenKind::String => {
            constant(raw, escapes).map_or((Kind::Other, String::new()), |text| (Kind::Text, text))
        }
        TokenKind::DollarString => (dollar_kind(before), dollar(raw).to_owned()),
        TokenKind::Number => (Kind::Number, number(raw)),
        TokenKind::Operator | TokenKind::Punct => (Kind::Sign, raw.to_owned()),
        _ => (Kind::Other, raw.to_owned()),
    }
}

/// A dollar-quoted string behind `DO`, `AS` or `LANGUAGE plpgsql` is a program.
fn dollar_kind(before: &[Word]) -> Kind {
    let mut back = before.iter().rev();
    let is_body = back.next().is_some_and(|word| word.is_any(&["do", "as"]))
        || back.next().is_some_and(|word| word.is("language"));
    if is_body { Kind::Body } else { Kind::Text }
}

fn dollar(raw: &str) -> &str {
    let tag = raw.get(1..).and_then(|rest| rest.find('$')).map_or(0, |at| at + 2);
    raw.get(tag..raw.len().saturating_sub(tag)).unwrap_or_default()
}

/// What a string constant means; bits have no text, and of `U&''` only what needs no escape.
fn constant(raw: &str, escapes: bool) -> Option<String> {
    let (lead, rest) = raw.split_once('\'')?;
    let inner = rest.strip_suffix('\'')?;
    match lead {
        "b" | "B" | "x" | "X" => None,
        "u&" | "U&" if inner.contains('\\') => None,
        _ if escapes => Some(unescaped(inner)),
        _ => Some(inner.replace("''", "'")),
    }
}

fn unescaped(inner: &str) -> String {
    let mut text = String::new();
    let mut rest = inner;
    while let Some(sign) = rest.chars().next() {
        rest = rest.get(sign.len_utf8()..).unwrap_or_default();
        if sign == '\'' {
            rest = rest.strip_prefix('\'').unwrap_or(rest);
        }
        if sign != '\\' {
            text.push(sign);
            continue;
        }
        let Some(letter) = rest.chars().next() else { break };
        let behind = rest.get(letter.len_utf8()..).unwrap_or_default();
        let (meant, after) = escape(letter, behind);
        text.extend(meant);
        rest = after;
    }
    text
}

/// What a letter behind a backslash means, and what follows.
fn escape(letter: char, behind: &str) -> (Option<char>, &str) {
    let coded = |most: usize| {
        let digits = behind.chars().take(most).take_while(char::is_ascii_hexdigit).count();
        let code = behind.get(..digits).and_then(|code| u32::from_str_radix(code, 16).ok());
        (code.and_then(char::from_u32), behind.get(digits..).unwrap_or_default())
    };
    match letter {
        'n' => (Some('\n'), behind),
        't' => (Some('\t'), behind),
        'r' => (Some('\r'), behind),
        'b' => (Some('\u{8}'), behind),
        'f' => (Some('\u{c}'), behind),
        'x' => coded(2),
        'u' => coded(4),
        'U' => coded(8),
        other => (Some(other), behind),
    }
}

fn number(raw: &str) -> String {
    let plain = raw.replace('_', "").to_ascii_lowercase();
    let based = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(lead, base)| {
        i128::from_str_radix(plain.strip_prefix(lead)?, base).ok().map(|value| value.to_string())
    });
    based.unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::{Kind, words};

    #[test]
    fn constants_lose_their_quotes() {
        let sql = "x = 'it''s' or E'a\\n\\x41''b' = $q$d'$q$ || 'one'\n 'two' + 0x10 - 1_0.5";
        let texts: Vec<_> = words(sql)
            .into_iter()
            .filter(|word| matches!(word.kind, Kind::Text | Kind::Number))
            .map(|word| word.text)
            .collect();
        assert_eq!(texts, ["it's", "a\nA'b", "d'", "onetwo", "16", "10.5"]);
    }

    #[test]
    fn a_body_is_no_constant() {
        let kinds = |sql| words(sql).iter().any(|word| word.kind == Kind::Body);
        assert!(kinds("DO $$ begin end $$"));
        assert!(kinds("DO LANGUAGE plpgsql $x$ begin end $x$"));
        assert!(kinds("create function f() returns int as $f$ select 1 $f$ language sql"));
        assert!(!kinds("select $$ a $$"));
    }
}
