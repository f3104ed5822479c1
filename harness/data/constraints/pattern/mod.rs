//! Strings that a pattern asks for.
//!
//! Knows regular expressions as `PostgreSQL` reads them, LIKE and SIMILAR TO. What is drawn fits the
//! pattern as far as it was understood; the server has the last word. Must not know columns.

mod parse;
mod render;

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use parse::parse;
use render::{Form, length, render};

/// How many strings are drawn of one pattern.
const DRAWN: usize = 12;
/// How many characters a string of a pattern has at most.
const LONGEST: u64 = 5_000;
/// The same pattern gives the same strings, on every machine.
const SEED: [u8; 32] = *b"stairway draws strings by rules.";

/// Strings that match a regular expression: the shortest and the longest forms, one with leading
/// zeros where it takes digits, and some between; nothing where it can't be read.
pub(super) fn matching(pattern: &str, ignores_case: bool) -> Vec<String> {
    let Some(node) = parse(pattern) else { return Vec::new() };
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &SEED));
    let mut found: Vec<String> = Vec::new();
    for (form, count) in [(Form::Shortest, 1), (Form::Zeros, 2), (Form::Longest, 1)] {
        draw(&render(&node, form), length(&node, form), count, &mut runner, &mut found);
    }
    let left = DRAWN.saturating_sub(found.len());
    draw(&render(&node, Form::Free), length(&node, Form::Free), left, &mut runner, &mut found);
    if ignores_case {
        let upper = found.first().map(|first| first.to_ascii_uppercase());
        found.extend(upper.filter(|upper| !found.contains(upper)));
    }
    found
}

fn draw(regex: &str, length: u64, count: usize, runner: &mut TestRunner, found: &mut Vec<String>) {
    if length > LONGEST {
        return;
    }
    let Ok(strategy) = string_regex(regex) else { return };
    let end = found.len() + count;
    for _ in 0..count * 4 {
        if found.len() >= end {
            return;
        }
        let Ok(tree) = strategy.new_tree(runner) else { return };
        let text = tree.current();
        if !found.contains(&text) {
            found.push(text);
        }
    }
}

/// Strings that fit a LIKE pattern, what stands between its wildcards first.
pub(super) fn like(pattern: &str) -> Vec<String> {
    let fill = |many: &str| {
        let mut text = String::new();
        let mut signs = pattern.chars();
        while let Some(sign) = signs.next() {
            match sign {
                '%' => text.push_str(many),
                '_' => text.push('a'),
                '\\' => text.extend(signs.next()),
                _ => text.push(sign),
            }
        }
        text
    };
    let mut found = vec![fill("")];
    found.extend(["a", "ab1"].map(fill));
    found.dedup();
    found
}

/// What a SIMILAR TO pattern is as a regular expression.
pub(super) fn similar(pattern: &str) -> String {
    let signs: BTreeMap<char, &str> =
        [('%', ".*"), ('_', "."), ('.', "\\."), ('^', "\\^"), ('$', "\\$")].into();
    let mut regex = String::new();
    let mut escaped = false;
    let mut in_class = false;
    for sign in pattern.chars() {
        match signs.get(&sign).filter(|_| !escaped && !in_class) {
            Some(text) => regex.push_str(text),
            None => regex.push(sign),
        }
        in_class = sign == '[' || (in_class && sign != ']');
        escaped = sign == '\\' && !escaped;
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::{like, matching, similar};

    #[test]
    fn drawn_strings_have_the_asked_shape() {
        let three = matching("^[0-9]{3}$", false);
        assert!(three.len() >= 10, "{three:?}");
        assert!(three.iter().all(|it| it.len() == 3 && it.bytes().all(|it| it.is_ascii_digit())));
        assert!(three.iter().any(|it| it.starts_with('0')));
        let mail = matching("^[a-z]+@x$", true);
        assert!(mail.iter().any(|it| it.len() == 3), "{mail:?}");
        assert!(mail.iter().any(|it| it.len() > 8), "{mail:?}");
        assert!(mail.iter().any(|it| it.ends_with("@X")), "{mail:?}");
        assert_eq!(matching("^(a|b)$", false).len(), 2);
        assert_eq!(three, matching("^[0-9]{3}$", false));
    }

    #[test]
    fn dialect_is_read() {
        for (pattern, length) in [
            (r"^\d{5}(-\d{4})?$", 5..=10),
            (r"^[[:alpha:]][[:alnum:]_]{0,3}$", 1..=4),
            (r"^(?:\+|00)\s?[1-9]$", 2..=4),
            (r"^[^a-z]{2}$", 2..=2),
            (r"^[]x-]$", 1..=1),
            (r"\mfoo\M", 3..=3),
            (r"^\u0041\x42$", 2..=2),
            (r"^a{2}b*?$", 2..=40),
            (r"(?i)^ab$", 2..=2),
            ("^(?=.*[A-Z])[A-Z]{4}$", 4..=4),
            ("", 0..=0),
        ] {
            let drawn = matching(pattern, false);
            assert!(!drawn.is_empty(), "{pattern}");
            assert!(drawn.iter().all(|it| length.contains(&it.len())), "{pattern} {drawn:?}");
        }
    }

    #[test]
    fn what_is_not_understood_gives_nothing() {
        for pattern in [r"(a)\1", "(a", "[a", "[[.x.]]", "a**", "*a", "(?x)a b", "a{2,1}", "[z-a]"]
        {
            assert_eq!(matching(pattern, false), Vec::<String>::new(), "{pattern}");
        }
        assert!(matching("((a{100}){100}){100}", false).is_empty());
    }

    #[test]
    fn wildcards_are_filled() {
        assert_eq!(like("%foo%"), ["foo", "afooa", "ab1fooab1"]);
        assert_eq!(like("a\\_b_"), ["a_ba"]);
        assert_eq!(similar("(A|B)%.[%_]_"), r"(A|B).*\.[%_].");
    }
}
