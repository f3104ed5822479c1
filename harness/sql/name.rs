//! Identifiers as the server reads them.
//!
//! Knows folding, quoting and truncation. Must not know which names exist, nor which words of a
//! statement are keywords in their place.

use std::ops::Range;

use super::kind::significant;
use super::token::TokenKind;

/// How many bytes of an identifier the server keeps.
const KEPT: usize = 63;

/// A name in a statement with its qualifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Its parts, folded: `Public."Acct"` is `public` and `Acct`.
    pub parts: Vec<String>,
    /// From its first part to its last one.
    pub bytes: Range<usize>,
}

/// What an identifier without quotes means: lower case in ASCII only, as in every encoding of more
/// than one byte, and no longer than the server keeps.
pub fn fold(word: &str) -> String {
    kept(word.to_ascii_lowercase())
}

/// Everything in a statement that could be a name, in order: identifiers joined by dots. Keywords
/// are among them, since most of them can be names too.
pub fn names(statement: &str) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    let mut before = Before::Else;
    let mut tokens = significant(statement).peekable();
    while let Some((token, text)) = tokens.next() {
        let part = match token.kind {
            TokenKind::Word => fold(text),
            TokenKind::QuotedIdent => {
                let sign = tokens.next_if(|(_, next)| next.eq_ignore_ascii_case("uescape"));
                let sign = sign.and_then(|_| tokens.next());
                let sign = sign.and_then(|(_, sign)| sign.trim_matches('\'').chars().next());
                unquoted(text, sign.unwrap_or('\\'))
            }
            _ if text == "." && before == Before::Name => {
                before = Before::Dot;
                continue;
            }
            _ => {
                before = Before::Else;
                continue;
            }
        };
        match names.last_mut().filter(|_| before == Before::Dot) {
            Some(name) => {
                name.parts.push(part);
                name.bytes.end = token.bytes.end;
            }
            None => names.push(Name { parts: vec![part], bytes: token.bytes }),
        }
        before = Before::Name;
    }
    names
}

/// What stands before an identifier.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Name,
    Dot,
    Else,
}

/// What `"name"` or `U&"name"` means, whose escapes begin with `sign`.
fn unquoted(text: &str, sign: char) -> String {
    let unicode = !text.starts_with('"');
    let inner = text.trim_start_matches(['u', 'U', '&']);
    let inner = inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(inner);
    let inner = inner.replace("\"\"", "\"");
    kept(if unicode { unescaped(&inner, sign) } else { inner })
}

/// `\0061` and `\+000061` as characters, a doubled sign as one; what is no escape stays.
fn unescaped(text: &str, sign: char) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(sign) {
        result.push_str(before);
        let (digits, length) = if after.starts_with('+') { (1, 6) } else { (0, 4) };
        let code = after.get(digits..digits + length).filter(|code| !code.starts_with('+'));
        let code =
            code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        rest = match (code, after.strip_prefix(sign)) {
            (_, Some(doubled)) => {
                result.push(sign);
                doubled
            }
            (Some(code), _) => {
                result.push(code);
                after.get(digits + length..).unwrap_or_default()
            }
            _ => {
                result.push(sign);
                after
            }
        };
    }
    result + rest
}

fn kept(mut name: String) -> String {
    let end = name.char_indices().map(|(at, sign)| at + sign.len_utf8());
    let end = end.take_while(|end| *end <= KEPT).last().unwrap_or_default();
    name.truncate(end);
    name
}

#[cfg(test)]
mod tests {
    use super::{fold, names};

    fn parts(statement: &str) -> Vec<String> {
        names(statement).iter().map(|name| name.parts.join("|")).collect()
    }

    #[test]
    fn names_are_folded_as_the_server_does() {
        assert_eq!(
            parts("DROP Public . \"Ac\"\"ct\", ÄB.C /* d */ where 'e' = f.* and $1 = g$1"),
            ["drop", "public|Ac\"ct", "Äb|c", "where", "f", "and", "g$1"]
        );
        assert_eq!(parts("U&\"d\\0061t\\+000061\\\\\\zz\""), ["data\\\\zz"]);
        assert_eq!(parts("u&\"d!0061\" UESCAPE '!' .b"), ["da|b"]);
        let spans: Vec<_> = names("a.b c").into_iter().map(|name| name.bytes).collect();
        assert_eq!(spans, [0..3, 4..5]);
    }

    #[test]
    fn long_names_lose_their_end_between_characters() {
        assert_eq!(fold(&"A".repeat(80)), "a".repeat(63));
        assert_eq!(fold(&"é".repeat(40)), "é".repeat(31));
    }
}
