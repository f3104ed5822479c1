//! Looking at the database after the moves. What can't be checked says so.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::postgres::{PostgresError, Session};
use crate::steps::{self, Orphans};

use super::account::{CheckAccount, Ended};
use super::run::Run;
use super::site::{Seen, Site, SiteError, Standing, Way};

/// What was wrong before the first move, which no validation may blame on the run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Earlier {
    /// Foreign keys and how many rows without a parent they had.
    orphans: BTreeMap<String, u64>,
    /// Sequences that were behind.
    behind: Vec<String>,
    /// Foreign keys that could not be counted.
    #[serde(default)]
    unread: Vec<String>,
    /// The versions of extensions that the moves lead to, if the rehearsal began with those that the
    /// database has.
    #[serde(default)]
    extensions: Option<BTreeMap<String, String>>,
}

impl Earlier {
    /// The file beside the journal.
    pub(super) const FILE: &'static str = "wrong-before.json";

    /// Looks at production, but for orphans that the copy has shown already.
    pub(super) async fn look(
        session: &mut Session,
        shown: Option<&[Orphans]>,
    ) -> Result<Self, PostgresError> {
        let counted = match shown {
            Some(shown) => shown.to_vec(),
            None => steps::orphans(session).await?,
        };
        let (mut orphans, mut unread) = (BTreeMap::new(), Vec::new());
        for Orphans { constraint, count } in counted {
            match count {
                Ok(count) => {
                    orphans.insert(constraint, count);
                }
                Err(_) => unread.push(constraint),
            }
        }
        let behind = match steps::behind(session).await {
            Ok(behind) => behind,
            // What may not be read now can't be read afterwards either, and that is said then.
            Err(PostgresError::Sql(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { orphans, behind, unread, extensions: None })
    }

    /// The same, with what the rehearsal showed of extensions.
    pub(super) fn extensions(self, extensions: Option<BTreeMap<String, String>>) -> Self {
        Self { extensions, ..self }
    }
}

/// Looks at everything and gives what is wrong, if anything is.
pub(super) async fn validate(
    run: &mut Run<'_>,
    site: &Site<'_>,
    way: &Way<'_>,
    earlier: &Earlier,
) -> Result<(Seen, Option<String>), SiteError> {
    run.account.validation.clear();
    run.account.orphans = None;
    let mut session = site.reader("validate").await?;
    let seen = site.look().await?;
    expected(run, site, way, &seen);
    invalid(run, way, &seen);
    orphans(run, earlier, &mut session).await?;
    sequences(run, earlier, &mut session).await?;
    extensions(run, earlier, &mut session).await?;
    critical(run, site, &mut session).await?;
    queries(run, site.request.checks.as_deref(), &mut session).await?;
    session.close().await?;
    let failed = run.account.validation.iter().find(|check| check.ended == Ended::Failed);
    let wrong = failed.map(|check| format!("{}: {}", check.name, check.detail));
    Ok((seen, wrong))
}

fn say(run: &mut Run<'_>, name: &str, ended: Ended, detail: impl Into<String>) {
    let detail = detail.into();
    if ended != Ended::Done {
        let word = if ended == Ended::Failed { "failed" } else { "not checked" };
        run.note(format!("{name}: {word}: {detail}"));
    }
    run.account.validation.push(CheckAccount { name: name.to_owned(), ended, detail });
}

fn expected(run: &mut Run<'_>, site: &Site<'_>, way: &Way<'_>, seen: &Seen) {
    match way.standing(seen, &site.request.history) {
        Standing::Made(made) if made == way.moves.len() => {
            let is_learnt = way.schemas.last().is_some_and(Option::is_some);
            let detail = match (is_learnt, way.moves.is_empty()) {
                (true, true) => "as the last run left it",
                (true, false) => "as the rehearsal left the copy",
                (false, true) => {
                    "the version table fits the files; no run says what the schema should be"
                }
                (false, false) => {
                    "the version table is at the target; no rehearsal says what the schema should be"
                }
            };
            let ended = if is_learnt { Ended::Done } else { Ended::Skipped };
            say(run, "schema", ended, detail);
        }
        Standing::Made(made) => {
            let detail = format!("{made} of {} moves are made", way.moves.len());
            say(run, "schema", Ended::Failed, detail);
        }
        Standing::Nowhere(why) => say(run, "schema", Ended::Failed, why),
    }
}

fn invalid(run: &mut Run<'_>, way: &Way<'_>, seen: &Seen) {
    let new: Vec<String> =
        seen.invalid.iter().filter(|name| !way.invalid.contains(name)).cloned().collect();
    if new.is_empty() {
        say(run, "indexes", Ended::Done, "none is newly invalid");
    } else {
        say(run, "indexes", Ended::Failed, format!("invalid: {}", new.join(", ")));
    }
}

async fn orphans(
    run: &mut Run<'_>,
    earlier: &Earlier,
    session: &mut Session,
) -> Result<(), SiteError> {
    let found = steps::orphans(session).await?;
    run.account.orphans = found.iter().map(|it| it.count.as_ref().ok().copied()).sum();
    let before = |name: &str| earlier.orphans.get(name).copied().unwrap_or_default();
    let (mut wrong, mut old, mut unread) = (Vec::new(), 0, Vec::new());
    let mut uncounted = Vec::new();
    for Orphans { constraint, count } in &found {
        match count {
            Ok(count) if *count > before(constraint) => {
                wrong.push(format!("{count} rows without a parent in {constraint}"));
            }
            Ok(count) => old += count,
            // What the role may not read it could not read before either.
            Err(state) if state == "42501" || earlier.unread.contains(constraint) => {
                unread.push(format!("{constraint} (SQLSTATE {state})"));
            }
            Err(state) => uncounted.push(format!("{constraint} (SQLSTATE {state})")),
        }
    }
    if !uncounted.is_empty() {
        wrong.push(format!("not validated: {}", uncounted.join(", ")));
    }
    if !unread.is_empty() {
        say(run, "foreign keys", Ended::Skipped, unread.join(", "));
    }
    let mut detail = format!("{} foreign keys", found.len() - unread.len() - uncounted.len());
    if old > 0 {
        let _ = write!(detail, "; {old} rows were without a parent before");
    }
    if wrong.is_empty() {
        say(run, "foreign keys", Ended::Done, detail);
    } else {
        say(run, "foreign keys", Ended::Failed, wrong.join(", "));
    }
    Ok(())
}

async fn sequences(
    run: &mut Run<'_>,
    earlier: &Earlier,
    session: &mut Session,
) -> Result<(), SiteError> {
    match steps::behind(session).await {
        Ok(found) => {
            let new: Vec<String> =
                found.into_iter().filter(|name| !earlier.behind.contains(name)).collect();
            if new.is_empty() {
                say(run, "sequences", Ended::Done, "none is newly behind its column");
            } else {
                say(run, "sequences", Ended::Failed, format!("behind: {}", new.join(", ")));
            }
        }
        Err(error) => match error.sql() {
            Some(failure) => {
                let detail = format!("SQLSTATE {}", failure.sqlstate);
                say(run, "sequences", Ended::Skipped, detail);
            }
            None => return Err(error.into()),
        },
    }
    Ok(())
}

async fn extensions(
    run: &mut Run<'_>,
    earlier: &Earlier,
    session: &mut Session,
) -> Result<(), SiteError> {
    let found = steps::extensions(session).await?;
    let shown = |all: &BTreeMap<String, String>| {
        all.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
    };
    match &earlier.extensions {
        Some(expected) if *expected != found => {
            let detail = format!("{}; the rehearsal led to {}", shown(&found), shown(expected));
            say(run, "extensions", Ended::Failed, detail);
        }
        _ => say(run, "extensions", Ended::Done, shown(&found)),
    }
    Ok(())
}

async fn critical(
    run: &mut Run<'_>,
    site: &Site<'_>,
    session: &mut Session,
) -> Result<(), SiteError> {
    let tables = &site.request.critical_tables;
    if tables.is_empty() {
        let session = site.reader("access").await?;
        session.close().await?;
        say(run, "accessibility", Ended::Done, "a new session was served");
        return Ok(());
    }
    for table in tables {
        match steps::has_rows(session, table).await {
            Ok(true) => say(run, "critical table", Ended::Done, format!("{table} has rows")),
            Ok(false) => say(run, "critical table", Ended::Failed, format!("{table} is empty")),
            Err(error) => match error.sql() {
                Some(failure) => {
                    let detail = format!("{table} can't be read: SQLSTATE {}", failure.sqlstate);
                    say(run, "critical table", Ended::Failed, detail);
                }
                None => return Err(error.into()),
            },
        }
    }
    Ok(())
}

async fn queries(
    run: &mut Run<'_>,
    folder: Option<&Path>,
    session: &mut Session,
) -> Result<(), SiteError> {
    let Some(folder) = folder else { return Ok(()) };
    let files = match steps::query_files(folder) {
        Ok(files) => files,
        Err(error) => {
            let detail = format!("{} can't be read: {error}", folder.display());
            say(run, "query tests", Ended::Failed, detail);
            return Ok(());
        }
    };
    for file in files {
        for test in steps::query_tests(session, &file).await? {
            let name = format!("query test {}", test.name);
            match test.result {
                Ok(None) => say(run, &name, Ended::Done, "passed"),
                Ok(Some(what)) => say(run, &name, Ended::Failed, what),
                Err(why) => say(run, &name, Ended::Failed, why),
            }
        }
    }
    Ok(())
}
