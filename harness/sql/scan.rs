//! Where one token ends: a pure function for each shape of token.
//!
//! Knows the byte rules of `PostgreSQL`'s scanner. Must not know which token came before.

/// What a byte can begin or continue.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// `PostgreSQL` takes every byte outside of ASCII for a letter, also those of a no-break space.
pub(super) const fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

const fn continues_word(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

const fn continues_tag(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit()
}

pub(super) const fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

/// The first place at or after `at` where `inside` does not hold.
pub(super) fn run(bytes: &[u8], at: usize, inside: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| !inside(*byte)).map_or(bytes.len(), |count| at + count)
}

pub(super) fn word(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, continues_word)
}

pub(super) fn line(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, |byte| byte != b'\n' && byte != b'\r')
}

/// After the `*/` that closes the comment whose `/*` is at `at`; comments nest.
pub(super) fn block_comment(bytes: &[u8], at: usize) -> Option<usize> {
    let mut depth = 1_usize;
    let mut at = at + 2;
    while depth > 0 {
        at = run(bytes, at, |byte| byte != b'/' && byte != b'*');
        match (bytes.get(at)?, bytes.get(at + 1)?) {
            (b'/', b'*') => {
                depth += 1;
                at += 2;
            }
            (b'*', b'/') => {
                depth -= 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    Some(at)
}

/// After the first `quote` at or after `at`.
pub(super) fn closed(bytes: &[u8], at: usize, quote: u8) -> Option<usize> {
    let end = run(bytes, at, |byte| byte != quote);
    (end < bytes.len()).then_some(end + 1)
}

/// After the `quote` that closes what was opened just before `at`; a doubled quote is none.
pub(super) fn quoted(bytes: &[u8], at: usize, quote: u8) -> Option<usize> {
    let mut at = at;
    loop {
        at = closed(bytes, at, quote)?;
        if bytes.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}

/// As [`quoted`] for a string with backslash escapes.
pub(super) fn escaped(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    loop {
        at = run(bytes, at, |byte| byte != b'\'' && byte != b'\\');
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'\\', _) | (_, Some(b'\'')) => at += 2,
            _ => return Some(at + 1),
        }
    }
}

/// After the `$tag$` that begins at `at`, if one does.
pub(super) fn dollar_tag(bytes: &[u8], at: usize) -> Option<usize> {
    let tag = at + 1;
    let end = match bytes.get(tag)? {
        byte if begins_word(*byte) => run(bytes, tag, continues_tag),
        _ => tag,
    };
    (bytes.get(end) == Some(&b'$')).then_some(end + 1)
}

/// After a number: `1_000`, `0x1F`, `1.5e-3`, `.5`; `1..2` is `1` and the rest.
pub(super) fn number(bytes: &[u8], at: usize) -> usize {
    let based = |digit: fn(u8) -> bool| {
        let end = digits(bytes, at + 2, digit, true);
        if end > at + 2 { end } else { at + 1 }
    };
    if bytes.get(at) == Some(&b'0') {
        match bytes.get(at + 1) {
            Some(b'x' | b'X') => return based(|byte| byte.is_ascii_hexdigit()),
            Some(b'o' | b'O') => return based(|byte| matches!(byte, b'0'..=b'7')),
            Some(b'b' | b'B') => return based(|byte| matches!(byte, b'0' | b'1')),
            _ => {}
        }
    }
    let mut end = decimals(bytes, at);
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
        end = decimals(bytes, end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = decimals(bytes, end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

fn decimals(bytes: &[u8], at: usize) -> usize {
    digits(bytes, at, |byte| byte.is_ascii_digit(), false)
}

/// Digits with single underscores between them; `first` lets one stand before the first digit.
fn digits(bytes: &[u8], at: usize, digit: fn(u8) -> bool, first: bool) -> usize {
    let is_digit = |at: usize| bytes.get(at).is_some_and(|byte| digit(*byte));
    let mut end = at;
    loop {
        let gap = usize::from((first || end > at) && bytes.get(end) == Some(&b'_'));
        if !is_digit(end + gap) {
            return end;
        }
        end += gap + 1;
    }
}

/// After an operator: it stops before a comment, and gives back a `+` or `-` at its end unless one
/// of the characters that standard SQL does not know is in it.
pub(super) fn operator(bytes: &[u8], at: usize) -> usize {
    let whole = bytes.get(at..run(bytes, at, is_operator)).unwrap_or_default();
    let comment = whole.windows(2).position(|pair| pair == b"--" || pair == b"/*");
    let whole = whole.get(..comment.unwrap_or(whole.len())).unwrap_or_default();
    let foreign = |byte: &u8| {
        matches!(byte, b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%')
    };
    let mut length = whole.len();
    if !whole.iter().any(foreign) {
        while length > 1 && matches!(whole.get(length - 1), Some(b'+' | b'-')) {
            length -= 1;
        }
    }
    at + length.max(1)
}
