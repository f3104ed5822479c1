//! What an application asks: a team's own query tests, before and after the pending migrations.

use std::path::PathBuf;

use crate::postgres::{PostgresError, Session};
use crate::steps::{self, QueryTest};

use super::outcome::{Ended, Fault};
use super::run::Drill;

/// The files of query tests, or why there are none.
pub(super) fn files(drill: &Drill<'_>) -> Result<Vec<PathBuf>, String> {
    match &drill.options.queries {
        None => Ok(Vec::new()),
        Some(folder) => steps::query_files(folder)
            .map_err(|error| format!("{} can't be read: {error}", folder.display())),
    }
}

/// Asks the first thing that an application would; gives what it was.
pub(super) async fn first(
    drill: &Drill<'_>,
    session: &mut Session,
) -> Result<String, PostgresError> {
    if let Some(file) = files(drill).ok().and_then(|files| files.into_iter().next()) {
        let tests = steps::query_tests(session, &file).await?;
        let named = tests.into_iter().next().map(|test| test.name);
        return Ok(named.unwrap_or_else(|| file.display().to_string()));
    }
    Ok(match steps::largest_table(session).await? {
        Some(table) => {
            steps::has_rows(session, &table).await?;
            format!("a row of {table}")
        }
        None => "nothing: there is no table".to_owned(),
    })
}

/// Makes all of them.
pub(super) async fn all(
    session: &mut Session,
    files: &[PathBuf],
) -> Result<Vec<QueryTest>, PostgresError> {
    let mut tests = Vec::new();
    for file in files {
        tests.extend(steps::query_tests(session, file).await?);
    }
    Ok(tests)
}

/// Says what came of them on the backup as it is.
pub(super) fn judge(drill: &mut Drill<'_>, tests: &[QueryTest]) {
    match wrong(tests) {
        Some(why) => drill.failed("queries", Fault::Backup, why),
        None => drill.held("queries", format!("{} passed", tests.len())),
    }
}

/// The first one that does not pass, and why.
pub(super) fn wrong(tests: &[QueryTest]) -> Option<String> {
    tests.iter().find_map(|test| match &test.result {
        Ok(None) => None,
        Ok(Some(why)) | Err(why) => Some(format!("{}: {why}", test.name)),
    })
}

/// Says what came of them after the pending migrations: what passed before and does not any more is the
/// migrations' fault, and what passes only now was written for them.
pub(super) fn judge_again(drill: &mut Drill<'_>, after: &[QueryTest]) {
    let Some(check) = drill.exam.checks.iter_mut().find(|it| it.name == "queries") else { return };
    match (check.ended, wrong(after)) {
        (Ended::Skipped, None) => {
            check.ended = Ended::Held;
            check.detail = format!("{} pass after the pending migrations", after.len());
        }
        (Ended::Skipped, Some(why)) => {
            (check.ended, check.fault) = (Ended::Failed, Some(Fault::Backup));
            check.detail = format!("before and after the pending migrations: {why}");
        }
        (Ended::Held, Some(why)) => {
            (check.ended, check.fault) = (Ended::Failed, Some(Fault::Migration));
            check.detail = format!("after the pending migrations: {why}");
        }
        _ => {}
    }
}
