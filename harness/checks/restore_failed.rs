//! `restore-failed`: the backup does not restore without errors.

use std::path::Path;

use crate::finding::{CheckId, Finding};
use crate::sql::{self, StatementKind};
use crate::steps::Restored;

/// One finding for each error that the restore went on after, and each extension that is missing.
pub fn judge(backup: &Path, restored: &Restored) -> Vec<Finding> {
    let extensions = restored.missing_extensions.iter().map(|name| {
        Finding::new(
            CheckId::RestoreFailed,
            format!("the backup needs the extension {name}, which this server does not have"),
        )
        .in_file(backup)
        .help(format!("install {name} for the server, or choose another one with --server"))
    });
    let problems = restored.problems.iter().map(|problem| {
        let finding = Finding::new(
            CheckId::RestoreFailed,
            format!("an error while the backup was restored: {}", without_value(&problem.message)),
        )
        .in_file(backup);
        // Statements that bring rows are not ours to show.
        let brings_rows =
            |it: &str| matches!(sql::kind(it), StatementKind::Insert | StatementKind::Copy);
        match problem.command.as_ref().filter(|command| !brings_rows(command)) {
            Some(command) => finding.detail(command.clone()),
            None => finding,
        }
    });
    extensions.chain(problems).collect()
}

/// The message without a value. The programs tell no SQLSTATE, but PostgreSQL puts a value behind a
/// colon or the word, and a name behind what it is the name of.
fn without_value(message: &str) -> String {
    let behind = ["value \"", ": \""].iter().filter_map(|sign| {
        let at = message.find(sign)?;
        message.get(..at + sign.len() - 1)
    });
    let kept = behind.min_by_key(|kept| kept.len());
    kept.map_or_else(|| message.to_owned(), |kept| format!("{kept}.."))
}

#[cfg(test)]
mod tests {
    use super::without_value;

    #[test]
    fn names_stay_and_values_do_not() {
        let name = "role \"ann\" does not exist";
        assert_eq!(without_value(name), name);
        for (message, expected) in [
            (
                "invalid input syntax for type integer: \"x\"",
                "invalid input syntax for type integer: ..",
            ),
            ("value \"99999\" is out of range for type smallint", "value .."),
        ] {
            assert_eq!(without_value(message), expected);
        }
    }
}
