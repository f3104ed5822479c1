//! What a gate that passed states, for whoever applies the release.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::attest::{
    BackupStated, DatabaseStated, FactStated, PendingStated, Release, Statement, Subject,
};
use crate::finding::Verdict;

use super::outcome::Gated;

/// The statement of a gate that passed; none of any other.
pub fn statement(gated: &Gated) -> Option<Statement> {
    if gated.verdict != Verdict::Pass {
        return None;
    }
    let files = gated.pending.iter().flat_map(|it| &it.files);
    let subjects =
        files.map(|it| Subject::new(it.file.to_string_lossy().into_owned(), it.sha256.clone()));
    let made = Timestamp::now();
    let holds = Duration::try_from_secs_f64(gated.holds).unwrap_or_default();
    let holds = SignedDuration::try_from(holds).unwrap_or(SignedDuration::MAX);
    let release = Release {
        schema: 1,
        stairway: env!("CARGO_PKG_VERSION").to_owned(),
        made,
        expires: made.checked_add(holds).unwrap_or(Timestamp::MAX),
        environment: gated.environment.clone(),
        database: DatabaseStated {
            name: gated.database.name.clone(),
            system_identifier: gated.database.system_identifier.clone(),
            server: gated.database.server.clone(),
            applied: gated.database.applied,
        },
        layout: gated.layout.to_owned(),
        pending: gated
            .pending
            .iter()
            .map(|it| PendingStated { revision: it.revision.clone(), digest: it.digest.clone() })
            .collect(),
        backup: gated.backup.as_ref().map(|it| BackupStated {
            file: it.file.to_string_lossy().into_owned(),
            sha256: it.sha256.clone(),
            made: it.made,
        }),
        facts: gated
            .facts
            .iter()
            .map(|it| FactStated {
                name: it.name.to_owned(),
                ended: it.ended.as_str().to_owned(),
                required: it.required,
                // The rest of a difference is for the report.
                detail: it.detail.lines().next().unwrap_or_default().to_owned(),
            })
            .collect(),
    };
    Some(Statement::new(subjects.collect(), release))
}
