//! Findings where rows may be those of a backup: they say what happens to which objects, and no
//! value.
//!
//! Knows where findings have values and the server's words. Must not know how they come about.

use crate::checks;
use crate::finding::{CheckId, Finding};
use crate::postgres::Speaker;

use super::coverage::{Gap, Head};

/// What begins behind the server's words.
const STATE: &str = " (SQLSTATE ";

/// What is said of lines that a script printed: there may be rows in them.
pub(super) fn without_lines(printed: &[String]) -> Vec<String> {
    match printed.len() {
        0 => Vec::new(),
        1 => vec!["one line, which is not shown: there may be rows in it".to_owned()],
        count => vec![format!("{count} lines, which are not shown: there may be rows in them")],
    }
}

/// The finding without values that are not ours to show.
pub(super) fn discreet(finding: Finding) -> Finding {
    let finding = without_words(finding);
    let detail = if finding.rows.is_empty() {
        "it comes of rows of the backup, whose values are not shown"
    } else {
        "values are not shown: they may be those of the backup"
    };
    match finding.check {
        CheckId::DataLoss => {
            let message = without_values(&finding.message);
            Finding { message, ..finding.detail(detail) }
        }
        CheckId::DataAdded | CheckId::OrderDependent | CheckId::DataDependentFailure => {
            finding.detail(detail)
        }
        CheckId::UpgradeFailed | CheckId::DowngradeFailed | CheckId::ReupgradeFailed => {
            let detail =
                "what the server says in detail is not shown: it may quote rows of the backup";
            Finding { detail: finding.detail.map(|_| detail.to_owned()), ..finding }
        }
        // A function that a default calls may have read rows.
        CheckId::RefusedRow => Finding { detail: None, ..finding },
        CheckId::SequenceBehind => {
            let numbers = finding.message.split_once(" would hand out ");
            let message = numbers.map(|(sequence, _)| {
                format!("{sequence} would hand out a value that its column has, or comes to one")
            });
            Finding { message: message.unwrap_or(finding.message), ..finding }
        }
        _ => finding,
    }
}

/// The coverage without words that may quote values.
pub(super) fn discreet_head(head: Head) -> Head {
    let gaps = head.gaps.into_iter().map(|gap| {
        let why = match hushed("", &gap.why, Speaker::Unknown) {
            Some(why) => why,
            // Words without their SQLSTATE.
            None => gap.why.split_once(": ").map_or(gap.why.as_str(), |(lead, _)| lead).to_owned(),
        };
        Gap { why, ..gap }
    });
    Head { gaps: gaps.collect(), ..head }
}

/// Without the server's words and hint, unless they have names only.
fn without_words(finding: Finding) -> Finding {
    let (lead, words) = finding.message.split_once(": ").unwrap_or(("", &finding.message));
    let has_context = finding.detail.as_ref().is_some_and(|detail| detail.contains("context: "));
    let speaker = match (finding.check, has_context) {
        (_, true) => Speaker::Function,
        (
            CheckId::UpgradeFailed
            | CheckId::DowngradeFailed
            | CheckId::ReupgradeFailed
            | CheckId::DataDependentFailure,
            false,
        ) => Speaker::Server,
        _ => Speaker::Unknown,
    };
    let Some(message) = hushed(lead, words, speaker).filter(|it| *it != finding.message) else {
        return finding;
    };
    let state = message.rsplit_once(STATE).map(|(_, state)| state.trim_end_matches(')'));
    let is_of_rows = finding.check == CheckId::DataDependentFailure;
    let help = state.filter(|_| is_of_rows).and_then(checks::advice).map(str::to_owned);
    Finding { message, help, ..finding }
}

/// The words of the server behind a lead, or only the SQLSTATE where they may quote values; `None`
/// if they are not the server's.
fn hushed(lead: &str, words: &str, speaker: Speaker) -> Option<String> {
    let (_, state) = words.split_at(words.rfind(STATE)?);
    let code = state.strip_prefix(STATE).unwrap_or_default();
    let has_names_only = speaker.has_names_only(code.trim_end_matches(')'));
    Some(match (has_names_only, lead) {
        (true, "") => words.to_owned(),
        (true, lead) => format!("{lead}: {words}"),
        (false, "") => format!("the server refuses it{state}"),
        (false, lead) => format!("{lead}{state}"),
    })
}

/// What is lost without what it was.
fn without_values(message: &str) -> String {
    match message.split_once(": ") {
        Some((lead, values)) => match values.rsplit_once(" in ") {
            Some((_, count)) => format!("{lead}, in {count}"),
            None => lead.to_owned(),
        },
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::discreet;
    use crate::finding::{CheckId, Finding};

    fn said(check: CheckId, message: &str, detail: &str) -> String {
        let finding = discreet(Finding::new(check, message).detail(detail).help("secret"));
        let Finding { message, detail, help, .. } = finding;
        format!("{message} | {} | {}", detail.unwrap_or_default(), help.unwrap_or_default())
    }

    #[test]
    fn words_that_have_names_only_are_told() {
        let unique = "the upgrade fails: could not create unique index \"i\" (SQLSTATE 23505)";
        let told = said(CheckId::UpgradeFailed, unique, "detail: Key (a)=(secret) is duplicated.");
        assert!(told.starts_with(unique) && !told.contains("Key"), "{told}");
        let told = said(CheckId::UpgradeFailed, unique, "context: PL/pgSQL function f() at RAISE");
        assert!(told.starts_with("the upgrade fails (SQLSTATE 23505) | what"), "{told}");
    }

    #[test]
    fn values_are_not() {
        for (check, message, expected) in [
            (
                CheckId::DataDependentFailure,
                "the upgrade fails with rows: invalid input: \"secret\" (SQLSTATE 22P02)",
                "the upgrade fails with rows (SQLSTATE 22P02) |",
            ),
            (
                CheckId::DataLoss,
                "t.a is not what it was after up and down: 'secret in' -> NULL in 3 rows",
                "t.a is not what it was after up and down, in 3 rows |",
            ),
            (
                CheckId::SeedCoverage,
                "t could not be given rows: secret has one: no (SQLSTATE P0001)",
                "t could not be given rows (SQLSTATE P0001) |",
            ),
        ] {
            let told = said(check, message, "");
            assert!(told.starts_with(expected), "{told}");
        }
        let refused = "after the upgrade t takes no row with defaults: a DEFAULT f(): secret (SQLSTATE P0001)";
        let told = said(CheckId::RefusedRow, refused, "also: secret");
        let expected = "after the upgrade t takes no row with defaults (SQLSTATE P0001) |  | ";
        assert_eq!(told, expected);
    }
}
