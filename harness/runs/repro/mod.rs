//! Scripts that show a finding again with psql, without Stairway.

mod rows;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::finding::{CheckId, Finding};
use crate::migrations::{History, Migration, Script, Wrap};
use crate::sql;

use super::RunError;
use super::outcome::Verification;

/// Writes `<folder>/<revision>-<check>.sql` for each finding that counts and can be shown, and
/// notes the path in the finding.
pub(super) fn write(
    folder: &Path,
    history: &History,
    pending: &[&Migration],
    backup: Option<&Path>,
    verification: &mut Verification,
) -> Result<(), RunError> {
    let failed: Vec<String> = verification
        .migrations
        .iter()
        .filter(|judged| judged.findings.iter().any(|at| at.check == CheckId::UpgradeFailed))
        .map(|judged| judged.revision.clone())
        .collect();
    for judged in &mut verification.migrations {
        let Some(at) = pending.iter().position(|other| other.revision == judged.revision) else {
            continue;
        };
        let Some((migration, before)) = pending.get(..=at).and_then(|upto| upto.split_last())
        else {
            continue;
        };
        let before: Vec<&&Migration> =
            before.iter().filter(|other| !failed.contains(&other.revision)).collect();
        let mut names: Vec<String> = Vec::new();
        for finding in judged.findings.iter_mut().filter(|finding| can_be_shown(finding)) {
            let name = format!("{}-{}", judged.revision, finding.check);
            let same = names.iter().filter(|other| **other == name).count();
            let file =
                if same == 0 { format!("{name}.sql") } else { format!("{name}-{}.sql", same + 1) };
            names.push(name);
            let path = folder.join(&file);
            let text = script(finding, &file, migration, &before, history, backup);
            put(&path, &text)?;
            finding.repro = Some(path);
        }
    }
    Ok(())
}

fn can_be_shown(finding: &Finding) -> bool {
    let climbed = matches!(
        finding.check,
        CheckId::UpgradeFailed
            | CheckId::DowngradeFailed
            | CheckId::ReupgradeFailed
            | CheckId::SchemaDrift
            | CheckId::ColumnOrder
            | CheckId::ReupgradeDrift
            | CheckId::InvalidIndex
            | CheckId::BrokenObject
    );
    (climbed || rows::is_about_rows(finding.check)) && finding.allowed.is_none()
}

fn put(path: &PathBuf, text: &str) -> Result<(), RunError> {
    let written = path
        .parent()
        .map_or(Ok(()), |folder| {
            std::fs::create_dir_all(folder)?;
            // The folder is made to be thrown away: it must not end up in a commit.
            std::fs::write(folder.join(".gitignore"), "*\n")
        })
        .and_then(|()| std::fs::write(path, text));
    written.map_err(|source| RunError::Write { path: path.clone(), source })
}

fn script(
    finding: &Finding,
    file: &str,
    migration: &Migration,
    before: &[&&Migration],
    history: &History,
    backup: Option<&Path>,
) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = head(&mut out, finding, file, migration, history, backup);
    for other in before {
        part(&mut out, "up", other, &other.upgrade);
    }
    if rows::is_about_rows(finding.check) {
        rows::show(&mut out, finding, migration);
        return out;
    }
    compare(&mut out, "before");
    part(&mut out, "up", migration, &migration.upgrade);
    compare(&mut out, "upgraded");
    let goes_back = !matches!(
        finding.check,
        CheckId::UpgradeFailed | CheckId::InvalidIndex | CheckId::BrokenObject
    );
    if let (true, Some(downgrade)) = (goes_back, &migration.downgrade) {
        part(&mut out, "down", migration, downgrade);
        compare(&mut out, "downgraded");
        out.push_str("\\echo == before against downgraded\n\\! diff before.dump downgraded.dump\n");
        if matches!(finding.check, CheckId::ReupgradeFailed | CheckId::ReupgradeDrift) {
            part(&mut out, "up again", migration, &migration.upgrade);
            compare(&mut out, "reupgraded");
            out.push_str("\\echo == first against second upgrade\n");
            out.push_str("\\! diff upgraded.dump reupgraded.dump\n");
        }
    }
    out
}

fn head(
    out: &mut String,
    finding: &Finding,
    file: &str,
    migration: &Migration,
    history: &History,
    backup: Option<&Path>,
) -> std::fmt::Result {
    writeln!(out, "-- {}: {}", finding.check, finding.message.lines().next().unwrap_or_default())?;
    writeln!(out, "-- {} {} ({})", migration.revision, migration.name, history.tool)?;
    writeln!(out, "--")?;
    writeln!(out, "-- In an empty folder, with a server at hand:")?;
    writeln!(out, "--   createdb stairway_repro")?;
    if let Some(backup) = backup {
        writeln!(out, "--   pg_restore -d stairway_repro {}", backup.display())?;
    }
    writeln!(out, "--   psql -X -d stairway_repro -f {file}")?;
    writeln!(out, "\\set ON_ERROR_STOP on")?;
    writeln!(out, "\\setenv PGDATABASE :DBNAME")
}

fn part(out: &mut String, way: &str, migration: &Migration, script: &Script) {
    let (begin, commit) =
        if own_transactions(script) { ("", "") } else { ("BEGIN;\n", "COMMIT;\n") };
    let text = text(script);
    let _ = write!(
        out,
        "\n\\echo == {way} {} {}\nDISCARD ALL;\n{begin}{text}{commit}",
        migration.revision, migration.name
    );
}

/// What psql can run of a script.
fn text(script: &Script) -> String {
    let Some(program) = &script.program else {
        let text = script.text.trim();
        let end = if text.ends_with(';') { "" } else { "\n;" };
        return format!("{text}{end}\n");
    };
    let file = script.path.display();
    match program.said() {
        Some(_) => format!("-- What {file} sent when it ran last.\n{}", program.sql()),
        None => format!("-- {file} did not run this time: here Alembic has to.\n"),
    }
}

/// Whether a script is not run in one transaction.
fn own_transactions(script: &Script) -> bool {
    let sql = script.sql();
    let statements = sql::split(&sql).unwrap_or_default();
    let refused = statements.iter().any(|it| sql::refuses_transaction(it.text(&sql)).is_some());
    script.wrap == Wrap::Statements || refused
}

fn compare(out: &mut String, name: &str) {
    // pg_dump since 2025 writes a random word, which would make every two dumps differ.
    let _ = writeln!(
        out,
        "\\! pg_dump --schema-only | grep -v -e '^.restrict' -e '^.unrestrict' > {name}.dump"
    );
}
