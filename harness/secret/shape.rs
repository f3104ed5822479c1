//! What looks like a secret: passwords in URLs, and values that are set to something called one.
//!
//! Knows the places, not the secrets. Rather hides a word too much than one too few.

use super::Span;

/// How the name ends of what holds a secret.
const NAMES: &[&str] = &["password", "passwd", "passphrase", "secret", "token"];

/// Every place of a secret, without what stands around it.
pub(super) fn find(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for (at, _) in text.match_indices("://") {
        spans.extend(of_url(text, at));
    }
    // Lower case of ASCII keeps every byte where it is.
    let lower = text.to_ascii_lowercase();
    for name in NAMES {
        for (at, _) in lower.match_indices(name) {
            spans.extend(of_setting(text, at + name.len()));
        }
    }
    spans.retain(|span| text.get(span.clone()).is_some_and(|it| !it.is_empty() && it != "***"));
    spans
}

/// The password of the URL whose `://` is at `at`.
fn of_url(text: &str, at: usize) -> Option<Span> {
    let (before, rest) = (text.get(..at)?, text.get(at + 3..)?);
    if !before.ends_with(|last: char| last.is_ascii_alphanumeric()) {
        return None;
    }
    let url = rest.split(|c: char| c.is_whitespace() || "\"'`<>".contains(c)).next()?;
    let colon = url.find(':')?;
    let authority = url.find(['/', '?', '#']).map_or(url, |end| url.get(..end).unwrap_or(url));
    // A password that is not encoded may have `@`, `/` and `?` in it; what stands before them in
    // a URL without a password is a port.
    let port = authority.get(colon + 1..)?;
    if !authority.contains('@') && port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let user_ends = url.rfind('@')?;
    let start = at + 3;
    (colon < user_ends).then_some(start + colon + 1..start + user_ends)
}

/// The value of the setting whose name ends at `at`.
fn of_setting(text: &str, at: usize) -> Option<Span> {
    let rest = text.get(at..)?;
    let unquoted = rest.strip_prefix("\\\"").or_else(|| rest.strip_prefix(['"', '\'']));
    let name_is_quoted = unquoted.is_some();
    let behind = unquoted.unwrap_or(rest);
    let plain = behind.trim_start_matches([' ', '\t']);
    let value = if let Some(value) = plain.strip_prefix('=') {
        value.trim_start_matches([' ', '\t'])
    } else if let Some(value) = plain.strip_prefix(':') {
        // Words may stand behind a colon; a value of JSON is quoted.
        let value = value.trim_start_matches([' ', '\t']);
        value.starts_with(['"', '\'', '\\']).then_some(value)?
    } else {
        // `ALTER ROLE ann PASSWORD '..'`
        let is_sql = !name_is_quoted && plain.len() < behind.len() && plain.starts_with('\'');
        is_sql.then_some(plain)?
    };
    let start = text.len() - value.len();
    let (open, inside) = match value.strip_prefix("\\\"") {
        Some(inside) => ("\\\"", inside),
        None => match value.chars().next()? {
            quote @ ('"' | '\'') => (if quote == '"' { "\"" } else { "'" }, value.get(1..)?),
            _ => ("", value),
        },
    };
    let start = start + open.len();
    Some(start..start + length(inside, open))
}

/// How long a value is that opened with this quote.
fn length(value: &str, quote: &str) -> usize {
    if quote.is_empty() {
        let ends = |c: char| c.is_whitespace() || "\"'`&;".contains(c);
        return value.find(ends).unwrap_or(value.len());
    }
    if quote == "\\\"" {
        return value.find(quote).unwrap_or(value.len());
    }
    let mut at = 0;
    while let Some(rest) = value.get(at..) {
        let Some(found) = rest.find([quote, "\\"].concat().chars().collect::<Vec<_>>().as_slice())
        else {
            break;
        };
        let here = rest.get(found..).unwrap_or_default();
        if let Some(escape) = here.strip_prefix('\\') {
            at += found + 1 + escape.chars().next().map_or(0, char::len_utf8);
        } else if quote == "'" && here.starts_with("''") {
            at += found + 2;
        } else {
            return at + found;
        }
    }
    value.len()
}
