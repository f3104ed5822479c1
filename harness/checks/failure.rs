//! The shared part of the three failures: the server's words and the statement underlined.

use crate::finding::{CheckId, Finding};
use crate::migrations::Script;
use crate::steps::StepFailure;

/// A finding about `script`, which failed. `None` if the connection broke: that says nothing about
/// the script, and the run ends with it as an error.
pub fn finding(
    check: CheckId,
    lead: &str,
    script: &Script,
    failure: &StepFailure,
) -> Option<Finding> {
    match failure {
        StepFailure::Postgres(_) | StepFailure::Environment(_) => None,
        StepFailure::Text { error, span } => {
            let finding = Finding::new(check, format!("{lead}: {error}")).at((**span).clone());
            Some(
                finding.help("a driver sends SQL only; keep psql's own commands out of migrations"),
            )
        }
        StepFailure::Program { message, traceback, span, .. } => {
            let finding = Finding::new(check, format!("{lead}: {message}"));
            let finding = match span {
                Some(span) => finding.at((**span).clone()),
                None => finding.in_file(&script.path),
            };
            Some(match traceback {
                Some(traceback) => finding.detail(traceback.trim_end()),
                None => finding,
            })
        }
        StepFailure::Record { failure } => {
            let message = format!("{lead}: the version table can't be written: {failure}");
            let finding = Finding::new(check, message).in_file(&script.path);
            Some(match &failure.context {
                Some(context) => finding.detail(format!("context: {context}")),
                None => finding,
            })
        }
        StepFailure::Sql { failure, span } => {
            let mut finding = Finding::new(check, format!("{lead}: {failure}"));
            finding = match span {
                Some(span) => finding.at((**span).clone()),
                None => finding.in_file(&script.path),
            };
            let said = [("detail", &failure.detail), ("context", &failure.context)];
            let said: Vec<String> = said
                .iter()
                .filter_map(|(word, text)| Some(format!("{word}: {}", text.as_ref()?)))
                .collect();
            if !said.is_empty() {
                finding = finding.detail(said.join("\n"));
            }
            Some(match &failure.hint {
                Some(hint) => finding.help(hint),
                None => finding,
            })
        }
    }
}
