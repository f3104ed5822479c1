//! The database that a release is for: what is applied, and whether somebody changed it. Reads only.

use crate::finding::{CheckId, Severity};
use crate::migrations::{Applied, History, Place, compare, order};
use crate::postgres::{PostgresError, Session, Version};
use crate::runs::production::revision_at;
use crate::schema::Snapshot;
use crate::steps::{self, Deployed, Identity, Ledger, deployed};

use super::outcome::State;
use super::{GateError, Request, absent, failed, held, unknown};

/// What helps where nothing says what the schema should be.
const STAMP: &str = "look at it; `stairway stamp REV --reason ..` records it as it is now";

/// What was seen.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) version: Version,
    pub(super) identity: Identity,
    /// What the version table says, base first.
    pub(super) applied: Vec<Applied>,
    /// The fact of that name.
    pub(super) drift: State,
}

/// Looks at it, and puts `history` into the order in which it goes.
pub(super) async fn look(request: &Request, history: &mut History) -> Result<Looked, GateError> {
    let said = |error: &PostgresError| GateError::Database(crate::server::causes(error));
    let connecting = Session::connect(&request.target, "gate");
    let mut session = match tokio::time::timeout(request.connect, connecting).await {
        Ok(session) => session.map_err(|error| said(&error))?,
        Err(_) => return Err(GateError::Database("it does not answer".to_owned())),
    };
    let looked = Box::pin(read(&mut session, history)).await.map_err(|error| said(&error))?;
    session.close().await.map_err(|error| said(&error))?;
    // Where its place can't be told, the facts about the history say so.
    let _ = order(history, &looked.applied, None);
    Ok(looked)
}

async fn read(session: &mut Session, history: &History) -> Result<Looked, PostgresError> {
    // All of it is of one moment.
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let version = session.version().await?;
    let identity = steps::identity(session).await?;
    let (ledger, is_there) = Ledger::find(session, &history.records).await?;
    let applied = if is_there { ledger.read(session, history).await? } else { Vec::new() };
    let last =
        if steps::has_audit(session).await? { steps::last_schema(session).await? } else { None };
    session.execute("COMMIT").await?;
    let drift = match last {
        None if applied.is_empty() => absent("nothing is applied"),
        None => unknown("no run of Stairway's says what the schema should be").help(STAMP),
        Some((left, text)) => {
            let now = place(history, &applied);
            if now == left {
                let seen = deployed(session, version.major, &ledger).await;
                drifted(&text, seen.map_err(|error| error.to_string()))
            } else {
                let by = history.tool;
                let moved = format!(
                    "the last run left it at {left}, and {by} or somebody moved it to {now}"
                );
                unknown(moved).help(STAMP)
            }
        }
    };
    Ok(Looked { version, identity, applied, drift })
}

/// The revision that the version table is at, or several where branches have not met.
fn place(history: &History, applied: &[Applied]) -> String {
    let mut there = history.clone();
    there.migrations.retain(|it| applied.iter().any(|row| row.version == it.version));
    let all = there.migrations.len();
    revision_at(&there, Place(all))
}

/// Whether the schema is what the last run left.
fn drifted(last: &str, seen: Result<Deployed, String>) -> State {
    let seen = match seen {
        Ok(Deployed { schema, .. }) => schema,
        Err(why) => return unknown(format!("the schema can't be read: {why}")),
    };
    let last = match Snapshot::parse(last) {
        Ok(last) => last,
        Err(error) => return unknown(format!("what the last run left can't be read: {error}")),
    };
    if last.major() != seen.major() {
        return unknown(format!(
            "the last run was on {}, and the server is {} now",
            last.major(),
            seen.major()
        ))
        .help(STAMP);
    }
    if last == seen {
        return held("the schema is as the last run left it");
    }
    failed(format!("somebody changed it since the last run:\n{}", last.diff(&seen).render()))
        .help("take it back, or write it down as a migration")
}

/// Whether the version table fits the files.
pub(super) fn history(history: &History, looked: &Looked) -> State {
    if let Some(row) = looked.applied.iter().find(|row| !row.whole) {
        return failed(format!("{} was begun and not finished (dirty)", row.version))
            .help("`stairway upgrade --dry-run` says what to do about it");
    }
    // How many heads there are is a fact of its own.
    let is_sound = |it: &crate::finding::Finding| {
        it.check == CheckId::MultipleHeads || !it.counts(Severity::Error)
    };
    let findings = history.findings.iter().cloned().chain(compare(&looked.applied, history));
    match findings.filter(|it| !is_sound(it)).collect::<Vec<_>>().as_slice() {
        [] => held(format!("{} applied", looked.applied.len())),
        [first, ..] => failed(format!("{}: {}", first.check, first.message))
            .help("`stairway history` and `stairway current` show both sides"),
    }
}

/// Whether it has one head.
pub(super) fn one_head(history: &History) -> State {
    if let Some(finding) = history.findings.iter().find(|it| it.check == CheckId::MultipleHeads)
        && !history.tool.knows_parents()
    {
        return failed(finding.message.clone());
    }
    match history.heads(history.migrations.len()).as_slice() {
        [head] => held((*head).to_owned()),
        heads => failed(format!("{} heads: {}", heads.len(), heads.join(", ")))
            .help("merge them, or leave one-head out of what [gate] requires"),
    }
}
