//! What is pending on the backup: up, all the way back, and up again, with the rows that are there.

use std::collections::BTreeMap;

use crate::finding::{ClaimKind, Severity};
use crate::migrations::{History, MigrationDigest, Move, Place, compare, order, route};
use crate::postgres::{PostgresError, Session};
use crate::schema::SchemaError;
use crate::server::{Database, Template, causes};
use crate::steps::{self, Back, Ledger, Orphans, RehearseError, Rehearsed};

use super::copy::{Copy, discreet, unasked};
use super::outcome::{Fault, Moved, Stop};
use super::queries;
use super::run::Drill;

/// Rehearses what is pending. On a clone if the copy is to stay as it is.
pub(super) async fn climb(
    drill: &mut Drill<'_>,
    copy: &Copy,
    history: Option<&History>,
    stays: bool,
) -> Result<(), Stop> {
    let Some(history) = history else {
        if drill.wants("history") {
            drill.absent("history", "no migrations were read");
        }
        if drill.wants("rehearsal") {
            let folder = drill.options.folder.display();
            let why = format!("there is no folder of migrations {folder}: --migrations names one");
            drill.skipped("rehearsal", why);
        }
        return Ok(());
    };
    drill.begins("rehearse");
    let clone = if stays {
        let cloning = copy.server.create_database(Template::Of(&copy.database)).await;
        let failed = |error| Stop::here(crate::exit::Exit::RehearsalFailed, causes(&error));
        Some(cloning.map_err(failed)?)
    } else {
        None
    };
    let on = clone.as_ref().unwrap_or(&copy.database);
    let climbed = Box::pin(rehearse(drill, copy, history, on)).await;
    if let Some(clone) = clone
        && let Err(error) = copy.server.drop_database(clone).await
    {
        drill.note(format!("the clone for the rehearsal is left: {}", causes(&error)));
    }
    drill.ends();
    climbed
}

async fn rehearse(
    drill: &mut Drill<'_>,
    copy: &Copy,
    history: &History,
    on: &Database,
) -> Result<(), Stop> {
    let asked = |error: &PostgresError| unasked(error);
    let records = &history.records;
    let mut mover =
        steps::connect(records.tool, &on.target, "rehearse").await.map_err(|e| asked(&e))?;
    let mut eye = Session::connect(&on.target, "look").await.map_err(|e| asked(&e))?;
    let ledger = Ledger::ensure(&mut mover, records).await.map_err(|e| asked(&e))?;
    let applied = ledger.read(&mut eye, history).await.map_err(|e| asked(&e))?;
    let mut ordered = history.clone();
    if let Err(error) = order(&mut ordered, &applied, None) {
        drill.skipped("rehearsal", error.to_string());
        return Ok(());
    }
    let history = &ordered;
    let places = applied.iter().filter_map(|row| history.position(&row.version));
    let from = places.max().map_or(0, |last| last + 1);
    let is_sound = fits(drill, history, &applied);
    if !drill.wants("rehearsal") {
        return Ok(());
    }
    if !is_sound {
        drill.skipped("rehearsal", "the version table does not fit the files");
        return Ok(());
    }
    let moves = route(history, Place(from), Place(history.migrations.len()));
    if moves.is_empty() {
        drill.absent("rehearsal", "nothing is pending");
        return Ok(());
    }
    let digests = history.digests();
    drill.drilled.pending = moves.iter().map(|one| moved(one, &digests)).collect();
    let before = Flaws::look(&mut eye).await.map_err(|e| asked(&e))?;
    let major = copy.server.version().major;
    let mut stage = steps::Copy { mover, eye, ledger, major };
    match Box::pin(stage.rehearse(&moves)).await {
        Ok(rehearsed) => {
            for (pending, took) in drill.drilled.pending.iter_mut().zip(&rehearsed.took) {
                pending.seconds = Some(took.as_secs_f64());
            }
            let after = Flaws::look(&mut stage.eye).await.map_err(|e| asked(&e))?;
            judge(drill, &moves, &rehearsed, &before.news(&after));
        }
        Err(RehearseError::Postgres(error) | RehearseError::Schema(SchemaError::Read(error))) => {
            return Err(asked(&error));
        }
        Err(error) => drill.failed("rehearsal", Fault::Migration, told(error)),
    }
    again(drill, &mut stage.eye).await.map_err(|e| asked(&e))?;
    let _ = stage.mover.close().await;
    let _ = stage.eye.close().await;
    Ok(())
}

fn moved(one: &Move<'_>, digests: &[MigrationDigest]) -> Moved {
    let (revision, name) = (one.migration.revision.clone(), one.migration.name.clone());
    let digest = digests.iter().find(|it| it.revision == revision).map(|it| it.digest.clone());
    Moved { revision, name, digest, seconds: None }
}

/// Whether what the version table says fits the files.
fn fits(drill: &mut Drill<'_>, history: &History, applied: &[crate::migrations::Applied]) -> bool {
    if !drill.wants("history") {
        return true;
    }
    if let Some(row) = applied.iter().find(|row| !row.whole) {
        let why = format!("{} was begun and not finished", row.version);
        drill.failed("history", Fault::Migration, why);
        return false;
    }
    let findings = history.findings.iter().cloned().chain(compare(applied, history));
    let mut wrong = findings.filter(|finding| finding.counts(Severity::Error));
    if let Some(first) = wrong.next() {
        let why = format!("{}: {}", first.check, first.message);
        drill.failed("history", Fault::Migration, why);
        return false;
    }
    let (count, all) = (applied.len(), history.migrations.len());
    drill.held("history", format!("{count} of {all} migrations are applied"));
    true
}

/// What a failed rehearsal says, without values of rows.
fn told(error: RehearseError) -> String {
    match error {
        RehearseError::Move { revision, direction, source } => {
            let direction = direction.as_str();
            format!("the {direction} of {revision} fails: {}", causes(&source.discreet()))
        }
        RehearseError::Postgres(error) => discreet(&error),
        other => other.to_string(),
    }
}

/// What can be wrong with a database before and after.
#[derive(Debug)]
struct Flaws {
    orphans: BTreeMap<String, u64>,
    behind: Vec<String>,
    invalid: Vec<String>,
}

impl Flaws {
    async fn look(session: &mut Session) -> Result<Self, PostgresError> {
        let counted = steps::orphans(session).await?;
        let count = |it: Orphans| Some((it.constraint, it.count.ok()?));
        let orphans = counted.into_iter().filter_map(count).collect();
        let behind = steps::behind(session).await?;
        Ok(Self { orphans, behind, invalid: steps::invalid_index_names(session).await? })
    }

    /// What is wrong afterwards and was not before.
    fn news(&self, after: &Self) -> Vec<String> {
        let mut told = Vec::new();
        for (name, count) in &after.orphans {
            if *count > self.orphans.get(name).copied().unwrap_or_default() {
                told.push(format!("{count} rows without a parent in {name}"));
            }
        }
        let news = |before: &[String], after: &[String], word: &str| -> Vec<String> {
            let is_new = |it: &&String| !before.contains(it);
            after.iter().filter(is_new).map(|it| format!("{it} {word}")).collect()
        };
        told.extend(news(&self.behind, &after.behind, "is behind"));
        told.extend(news(&self.invalid, &after.invalid, "is invalid"));
        told
    }
}

/// What the way back is like, and what the migrations leave.
fn judge(drill: &mut Drill<'_>, moves: &[Move<'_>], rehearsed: &Rehearsed, news: &[String]) {
    let claims = |is: fn(&ClaimKind) -> bool| {
        moves.iter().flat_map(|one| &one.migration.claims).any(|claim| is(&claim.kind))
    };
    let is_loss: fn(&ClaimKind) -> bool = |it| {
        matches!(
            it,
            ClaimKind::Lossy | ClaimKind::Deletes(_) | ClaimKind::Backfills(_) | ClaimKind::Inserts
        )
    };
    let count = moves.len();
    let verdict = match &rehearsed.back {
        Back::Sound => Ok(format!("{count} up, back and up again, with all rows")),
        Back::Missing(revision) if claims(|it| matches!(it, ClaimKind::Irreversible)) => {
            Ok(format!("{count} up; {revision} has no way back, as it claims"))
        }
        Back::Missing(revision) => Err(format!("{revision} has no downgrade")),
        Back::Loses(what) if claims(is_loss) => {
            Ok(format!("{count} up, back and up again; as claimed: {}", what.join("; ")))
        }
        Back::Loses(what) => Err(format!("the way back loses data: {}", what.join("; "))),
    };
    match (verdict, news) {
        (Ok(told), []) => drill.held("rehearsal", told),
        (Ok(_), news) => drill.failed("rehearsal", Fault::Migration, news.join("; ")),
        (Err(why), _) => drill.failed("rehearsal", Fault::Migration, why),
    }
}

/// The team's own queries, once more.
async fn again(drill: &mut Drill<'_>, session: &mut Session) -> Result<(), PostgresError> {
    let files = queries::files(drill).unwrap_or_default();
    if files.is_empty() || drill.options.left_out.contains("queries") {
        return Ok(());
    }
    let tests = queries::all(session, &files).await?;
    queries::judge_again(drill, &tests);
    Ok(())
}
