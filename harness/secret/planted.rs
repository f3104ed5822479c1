//! Where known secrets stand in a text, however they are written.
//!
//! Knows percent-encoding and the escapes of JSON and SQL. Must not know which secrets there are.

use super::Span;

/// Every place of every secret, also where they overlap.
pub(super) fn find(text: &[u8], secrets: &[Vec<u8>]) -> Vec<Span> {
    let mut spans = Vec::new();
    for secret in secrets {
        let Some(first) = secret.first() else { continue };
        for start in 0..text.len() {
            // Most places end here, before anything is allocated.
            let begins = text.get(start..).is_some_and(|it| ways(it, *first).next().is_some());
            if !begins {
                continue;
            }
            if let Some(end) = end_of(text, start, secret) {
                spans.push(start..end);
            }
        }
    }
    spans
}

/// Where the secret ends that begins at `start`; the furthest place if it may be read in two ways.
fn end_of(text: &[u8], start: usize, secret: &[u8]) -> Option<usize> {
    let mut places = vec![start];
    for byte in secret {
        let mut next: Vec<usize> = Vec::with_capacity(1);
        for place in places {
            next.extend(ways(text.get(place..)?, *byte).map(|length| place + length));
        }
        next.sort_unstable();
        next.dedup();
        if next.is_empty() {
            return None;
        }
        places = next;
    }
    places.last().copied()
}

/// The lengths of what is at the beginning of the text and may stand for the byte.
fn ways(text: &[u8], byte: u8) -> impl Iterator<Item = usize> {
    let is_raw = text.first() == Some(&byte);
    let is_plus = byte == b' ' && text.first() == Some(&b'+');
    let is_doubled = byte == b'\'' && text.starts_with(b"''");
    let is_percent = matches!(text, [b'%', high, low, ..] if hex(*high, *low) == Some(byte));
    let is_escaped = matches!(text, [b'\\', other, ..] if escaped(*other) == Some(byte));
    let is_unicode = text.starts_with(b"\\u00")
        && matches!(text.get(4..6), Some([high, low]) if hex(*high, *low) == Some(byte))
        && byte.is_ascii();
    let ways = [
        (is_raw, 1),
        (is_plus, 1),
        (is_doubled, 2),
        (is_escaped, 2),
        (is_percent, 3),
        (is_unicode, 6),
    ];
    ways.into_iter().filter(|(applies, _)| *applies).map(|(_, length)| length)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// What stands behind a backslash, in JSON, in Rust's `Debug` and in conninfo strings.
fn escaped(byte: u8) -> Option<u8> {
    match byte {
        b'b' => Some(0x08),
        b'f' => Some(0x0c),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'"' | b'\\' | b'\'' | b'/' => Some(byte),
        _ => None,
    }
}
