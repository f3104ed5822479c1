//! `models-differ`: what the application's models say is not the schema at head.

use crate::finding::{CheckId, Finding};
use crate::migrations::Models;

/// As many lines as a finding shows.
const SHOWN: usize = 30;

/// The finding about what was compared, if it differs, and why it could not be compared, if it could not.
pub fn models_differ(models: &Models) -> Option<Finding> {
    let lines = match models {
        Models::Unknown | Models::Agree => return None,
        Models::Failed(why) => {
            let message = format!("the models were not compared with the schema at head: {why}");
            return Some(
                Finding::new(CheckId::ModelsDiffer, message)
                    .help("`alembic check` does the same where the application runs"),
            );
        }
        Models::Differ(lines) => lines,
    };
    let mut detail = lines.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    if lines.len() > SHOWN {
        detail.push_str("\n..");
    }
    Some(
        Finding::new(CheckId::ModelsDiffer, "the models and the schema at head are not the same")
            .detail(detail)
            .help(
                "these operations would bring the schema to the models: `alembic revision --autogenerate` writes \
                 them down; or change the models",
            ),
    )
}
