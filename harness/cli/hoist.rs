//! Options before the verb: the script that this replaces took them there, so they are moved behind
//! it.

use std::ffi::OsString;

/// Options of runs that stand alone, and those that a value follows.
const ALONE: [&str; 7] =
    ["--dry-run", "--skip-backup", "--skip-test", "--force", "--fence", "--verbose", "-v"];
const WITH_VALUE: [&str; 2] = ["--timeout", "--env"];
/// An option of every verb that a value follows: it stays where it is.
const OF_ALL: &str = "--color";

/// The same words with options of runs behind the first word that is none.
pub(super) fn hoist(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter().peekable();
    let mut before: Vec<OsString> = words.next().into_iter().collect();
    let mut moved = Vec::new();
    while let Some(word) = words.peek().and_then(|word| word.to_str()).map(str::to_owned) {
        let has_value = WITH_VALUE
            .iter()
            .any(|it| word.strip_prefix(it).is_some_and(|end| end.starts_with('=')));
        if ALONE.contains(&word.as_str()) || has_value {
            moved.extend(words.next());
        } else if WITH_VALUE.contains(&word.as_str()) {
            moved.extend(words.by_ref().take(2));
        } else if word == OF_ALL {
            before.extend(words.by_ref().take(2));
        } else if word.starts_with('-') && word.len() > 1 {
            before.extend(words.next());
        } else {
            break;
        }
    }
    // Without a verb they stay where they were, so that the error speaks of them.
    before.extend(words.next());
    before.extend(moved);
    before.extend(words);
    before
}

#[cfg(test)]
mod tests {
    use super::{OsString, hoist};

    fn hoisted(line: &str) -> String {
        let words = hoist(line.split(' ').map(OsString::from));
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_may_stand_before_the_verb() {
        assert_eq!(
            hoisted("stairway --env staging --dry-run upgrade head"),
            "stairway upgrade --env staging --dry-run head"
        );
        assert_eq!(
            hoisted("stairway --timeout=5 downgrade -1"),
            "stairway downgrade --timeout=5 -1"
        );
        assert_eq!(hoisted("stairway --color never history"), "stairway --color never history");
        assert_eq!(
            hoisted("stairway --color never --env staging current"),
            "stairway --color never current --env staging"
        );
        assert_eq!(hoisted("stairway --verbose current"), "stairway current --verbose");
        assert_eq!(hoisted("stairway --version"), "stairway --version");
    }
}
