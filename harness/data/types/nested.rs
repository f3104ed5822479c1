//! How a value is written within another one.
//!
//! Knows the quotes of arrays, ranges and rows. Must not know what is quoted.

/// An element of an array, which is also quoted where it would read as NULL.
pub(super) fn element(text: &str, delimiter: char) -> String {
    let is_special =
        |sign: char| sign.is_whitespace() || "{}\"\\,".contains(sign) || sign == delimiter;
    let is_null = text.eq_ignore_ascii_case("null");
    quoted_if(is_null || text.is_empty() || text.contains(is_special), text)
}

/// An attribute of a row or a bound of a range.
pub(super) fn part(text: &str) -> String {
    let is_special = |sign: char| sign.is_whitespace() || "()[]\"\\,".contains(sign);
    quoted_if(text.is_empty() || text.contains(is_special), text)
}

fn quoted_if(is_needed: bool, text: &str) -> String {
    if is_needed {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_where_they_must_be() {
        let elements = ["a", "", "NULL", "a b", "a,b", "{}", "a\"b\\"].map(|it| element(it, ','));
        assert_eq!(
            elements,
            ["a", "\"\"", "\"NULL\"", "\"a b\"", "\"a,b\"", "\"{}\"", "\"a\\\"b\\\\\""]
        );
        assert_eq!(element("(1,1),(0,0)", ';'), "\"(1,1),(0,0)\"");
        assert_eq!(["null", "", "(a)", "{a}"].map(part), ["null", "\"\"", "\"(a)\"", "{a}"]);
    }
}
