//! What a version table says, compared with the files.

use crate::finding::{CheckId, Finding};

use super::history::{History, Migration};

/// One applied migration as the version table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The version as the table has it.
    pub version: String,
    /// The checksum as [`super::Script::recorded`] has it, if the tool records one.
    pub checksum: Option<String>,
    /// False for a migration that was begun and not finished (`dirty`, `success = false`).
    pub whole: bool,
}

/// Reads the rows of [`super::VersionTable::read`].
pub fn parse_applied(rows: &[Vec<Option<String>>]) -> Vec<Applied> {
    let cell = |row: &Vec<Option<String>>, at: usize| row.get(at).cloned().flatten();
    rows.iter()
        .filter_map(|row| {
            Some(Applied {
                version: cell(row, 0)?,
                checksum: cell(row, 1),
                whole: cell(row, 2).as_deref() == Some("t"),
            })
        })
        .collect()
}

/// Judges what is applied against the files: `unknown-revision`, `checksum-mismatch`,
/// `out-of-order`.
pub fn compare(applied: &[Applied], history: &History) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in applied {
        match history.position(&row.version).and_then(|at| history.migrations.get(at)) {
            None => findings.push(unknown(&row.version)),
            Some(migration) => findings.extend(edited(row, migration)),
        }
    }
    findings.extend(skipped(applied, history));
    findings
}

fn unknown(version: &str) -> Finding {
    Finding::new(
        CheckId::UnknownRevision,
        format!("the version table names {version}, which has no file"),
    )
    .help("bring the file back, or check that this is the right folder and database")
}

fn edited(row: &Applied, migration: &Migration) -> Option<Finding> {
    let recorded = row.checksum.as_ref()?;
    let found = migration.upgrade.recorded.as_ref()?;
    (recorded != found).then(|| {
        Finding::new(
            CheckId::ChecksumMismatch,
            format!("{} was edited after it was applied", migration.revision),
        )
        .in_file(&migration.upgrade.path)
        .detail(format!("recorded {recorded}\nfound    {found}"))
        .help("put the file back and say the change in a new migration")
    })
}

fn skipped(applied: &[Applied], history: &History) -> Vec<Finding> {
    if history.tool.knows_parents() {
        // Whatever one comes after is applied with it, and branches may be applied one without the other.
        return Vec::new();
    }
    let is_applied =
        |migration: &Migration| applied.iter().any(|row| row.version == migration.version);
    let Some(last) = history.migrations.iter().rposition(is_applied) else { return Vec::new() };
    let last_revision = history.migrations.get(last).map(|migration| migration.revision.as_str());
    let skipped = history.migrations.iter().take(last).filter(|migration| !is_applied(migration));
    skipped
        .map(|migration| {
            let message = format!(
                "{} is pending, but {} after it is applied",
                migration.revision,
                last_revision.unwrap_or_default()
            );
            Finding::new(CheckId::OutOfOrder, message)
                .in_file(&migration.upgrade.path)
                .help("give it a version after the applied ones")
        })
        .collect()
}
