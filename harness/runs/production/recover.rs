//! Settling runs that were killed: what their journals say they were about to do is held against what
//! the database is.

use crate::backup::Store;
use crate::exit::Exit;
use crate::migrations::{Move, Place};
use crate::postgres::{Backend, PostgresError};
use crate::schema::Snapshot;
use crate::server::Server;
use crate::steps;

use super::account::{Account, Ended, State};
use super::fallback;
use super::fence::Fence;
use super::half::Half;
use super::journal::{Begun, Entry, Journal};
use super::prepare::planned;
use super::recipe;
use super::request::Request;
use super::run::{Listener, Run, Stop, discreet};
use super::settle::{Case, Settled};
use super::site::{INVALID_FILE, INVALID_OIDS, Site, Way, schema_file};
use super::validate::Earlier;

/// Settles what earlier runs on this database left. Gives how the last of them ended, if there were
/// any, or if one can't be settled.
pub async fn recover(request: &Request, listener: &mut dyn Listener) -> Account {
    let mut run = Run::new(request, "recover", listener);
    match settle_all(&mut run, request).await {
        Ok((0, exit)) => run.end(State::Before, exit, "there is nothing to settle"),
        Ok((count, exit)) => {
            let state = run.account.state;
            run.end(state, exit, format!("{count} runs are settled"))
        }
        Err(settled) => run.end(settled.state, settled.exit, settled.outcome),
    }
}

/// The first step of every run: settles what earlier ones left. `Some` if that is not possible.
pub(super) async fn earlier(run: &mut Run<'_>, request: &Request) -> Option<Settled> {
    settle_all(run, request).await.err()
}

/// Where a request leads to: runs on other databases and other servers are not its own.
pub(super) struct Here {
    name: String,
    environment: String,
    system_identifier: String,
}

impl Here {
    /// Asks the server, if there is a run on a database of this name. From another database: this
    /// one may let nobody in.
    pub(super) async fn find<'b>(
        request: &Request,
        mut runs: impl Iterator<Item = &'b Begun>,
    ) -> Result<Self, PostgresError> {
        let target = &request.target;
        let name = target.database_name().unwrap_or_else(|| target.role());
        let environment = request.environment.clone();
        let here = Self { name: name.to_owned(), environment, system_identifier: String::new() };
        if !runs.any(|begun| here.is_of(begun)) {
            return Ok(here);
        }
        let mut admin = fallback::admin(request).await?;
        let system_identifier = steps::identity(&mut admin).await?.system_identifier;
        let _ = admin.close().await;
        Ok(Self { system_identifier, ..here })
    }

    pub(super) fn is_of(&self, begun: &Begun) -> bool {
        let of = &begun.database;
        // The role may not have been allowed to ask which server it is.
        let is_server = of.system_identifier == self.system_identifier
            || of.system_identifier.is_empty()
            || self.system_identifier.is_empty();
        let is_environment = begun.environment == self.environment || begun.environment.is_empty();
        of.name == self.name && is_environment && is_server
    }
}

async fn settle_all(run: &mut Run<'_>, request: &Request) -> Result<(usize, Exit), Settled> {
    let unknown =
        |why: String| Settled { state: State::Unknown, exit: Exit::Unknown, outcome: why };
    let found = match Journal::unfinished(&request.state) {
        Ok(found) => found,
        Err(error) => {
            let stop = Stop::new(
                Exit::PreflightRefused,
                format!("the journals in {} can't be read: {error}", request.state.display()),
            );
            let outcome = stop.trouble.message.clone();
            let exit = run.trouble(stop);
            return Err(Settled { state: State::Before, exit, outcome });
        }
    };
    let here = match Here::find(request, found.iter().filter_map(Journal::begun)).await {
        Ok(here) => here,
        Err(error) => {
            run.begins("recover");
            let lead = "a killed run must be settled first, and the server can't be reached";
            let stop = Stop::postgres(Exit::Unknown, lead, &error);
            let outcome = stop.trouble.message.clone();
            let exit = run.trouble(stop);
            return Err(Settled { state: State::Unknown, exit, outcome });
        }
    };
    let found: Vec<Journal> =
        found.into_iter().filter(|it| it.begun().is_some_and(|it| here.is_of(it))).collect();
    if found.is_empty() {
        return Ok((0, Exit::Clean));
    }
    run.begins("recover");
    if let Ok(store) = Store::open(&request.backups) {
        // Whoever wrote them is dead.
        let _ = store.sweep_partials();
    }
    let (mut settled, mut exit) = (0, Exit::Clean);
    for journal in found {
        let Some(begun) = journal.begun().cloned() else { continue };
        run.note(format!("run {} ended at: {}", begun.run, last_word(journal.entries())));
        let own = (run.journal.replace(journal), run.swap_subject(Some(begun.run.clone())));
        let result = one(run, request, &begun).await;
        let unreplicated = std::mem::take(&mut run.doubts).unreplicated;
        if unreplicated {
            exit = Exit::RollbackRefused;
        }
        // A restore by hand moved nothing.
        if let Ok(state) = &result
            && !begun.moves.is_empty()
        {
            let ended = if unreplicated { Exit::RollbackRefused } else { Exit::Clean };
            recipe::record(run, request, &begun, (*state, ended)).await;
        }
        let journal = std::mem::replace(&mut run.journal, own.0);
        run.swap_subject(own.1);
        let result = result.and_then(|state| {
            let mut journal = journal.ok_or_else(|| unknown("the journal is gone".to_owned()))?;
            let entry = Entry::Settled { state: state.as_str().to_owned(), exit: 0 };
            journal
                .write(entry)
                .and_then(|()| journal.write(Entry::Closed))
                .map_err(|error| unknown(format!("the journal can't be written: {error}")))?;
            Ok(state)
        });
        match result {
            Ok(state) => {
                run.note(format!("run {} is settled: {}", begun.run, state.as_str()));
                run.account.state = state;
                settled += 1;
            }
            Err(settled) => {
                run.ends(Ended::Failed);
                run.warn(format!("run {} can't be settled: {}", begun.run, settled.outcome));
                return Err(settled);
            }
        }
    }
    run.ends(Ended::Done);
    Ok((settled, exit))
}

/// Closes the journals of runs that a person has settled, by a restore or a stamp, and opens their
/// fences.
pub(super) async fn close_all(run: &mut Run<'_>, request: &Request, state: State) {
    let found = Journal::unfinished(&request.state).unwrap_or_default();
    let here = match Here::find(request, found.iter().filter_map(Journal::begun)).await {
        Ok(here) => here,
        Err(error) => {
            return run.warn(format!("earlier runs are not closed: {}", discreet(&error)));
        }
    };
    for mut journal in found {
        let begun = journal.begun().filter(|begun| here.is_of(begun)).cloned();
        let Some(begun) = begun else { continue };
        if let Some(fence) = Fence::in_journal(&journal)
            && let Err(error) = open_fence(request, &fence).await
        {
            run.warn(format!("the fence of {} can't be opened: {error}", begun.run));
            continue;
        }
        let entry = Entry::Settled { state: state.as_str().to_owned(), exit: 0 };
        match journal.write(entry).and_then(|()| journal.write(Entry::Closed)) {
            Ok(()) => run.note(format!("run {} is closed with this", begun.run)),
            Err(error) => {
                run.warn(format!("the journal of {} can't be written: {error}", begun.run));
            }
        }
    }
}

/// The last thing that a journal says, in a word.
fn last_word(entries: &[Entry]) -> String {
    let word = entries.last().and_then(|entry| serde_json::to_value(entry).ok());
    let word = word.and_then(|value| Some(value.get("event")?.as_str()?.to_owned()));
    word.unwrap_or_else(|| "nothing".to_owned())
}

/// Settles one run. `Err` if it is neither BEFORE nor AFTER when this ends.
async fn one(run: &mut Run<'_>, request: &Request, begun: &Begun) -> Result<State, Settled> {
    let unknown =
        |why: String| Settled { state: State::Unknown, exit: Exit::Unknown, outcome: why };
    let entries = entries(run);
    let asked = |error: &PostgresError| unknown(discreet(error));
    let is_swapped = finish_swap(request, begun, &entries).await.map_err(|error| asked(&error))?;
    drop_copies(request).await;
    let has_moved = entries.iter().any(|entry| matches!(entry, Entry::Moving { .. }));
    let settled = match (has_moved, is_swapped) {
        (true, _) => moved(run, request, begun, &entries).await,
        // What was asked for was the restore itself.
        (false, true) => Ok(State::After),
        (false, false) => Ok(State::Before),
    };
    // Not before: a restore loses nothing only as long as others are kept out.
    if let Some(fence) = run.fence() {
        open_fence(request, &fence).await.map_err(unknown)?;
        run.write(Entry::Opened).map_err(|error| unknown(error.to_string()))?;
    }
    settled
}

/// Settles a run that began to move the database.
async fn moved(
    run: &mut Run<'_>,
    request: &Request,
    begun: &Begun,
    entries: &[Entry],
) -> Result<State, Settled> {
    let unknown =
        |why: String| Settled { state: State::Unknown, exit: Exit::Unknown, outcome: why };
    let asked = |error: &PostgresError| unknown(discreet(error));
    let (site, mut session) = Site::find(request).await.map_err(|error| asked(&error))?;
    let identity = steps::identity(&mut session).await.map_err(|error| asked(&error))?;
    let _ = session.close().await;
    if identity.system_identifier != begun.database.system_identifier {
        return Err(unknown(format!(
            "the run was on another server: system identifier {}",
            begun.database.system_identifier
        )));
    }
    let way = way(run, request, begun).map_err(unknown)?;
    let store = Store::open(&request.backups).ok();
    let backup = entries.iter().rev().find_map(|entry| match entry {
        Entry::BackedUp { file } => Some(file.clone()),
        _ => None,
    });
    let backup = store.as_ref().zip(backup).and_then(|(store, file)| {
        let listing = store.list().ok()?;
        listing.backups.into_iter().find(|backup| backup.path == file)
    });
    let case = Case {
        site: &site,
        way: &way,
        backend: entries.iter().rev().find_map(worked),
        invalid: kept_lines(run, INVALID_OIDS),
        way_back: entries.iter().rev().find_map(|entry| match entry {
            Entry::Learnt { way_back } => Some(*way_back),
            _ => None,
        }),
        backup: store.as_ref().zip(backup.as_ref()),
        half: Half::of(entries, &way),
    };
    let earlier = run.journal.as_ref().and_then(|journal| journal.kept(Earlier::FILE));
    let earlier = earlier.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let settled = recipe::resume(run, &case, &earlier).await;
    match settled.state {
        State::Unknown => Err(settled),
        state => Ok(state),
    }
}

fn entries(run: &Run<'_>) -> Vec<Entry> {
    run.journal.as_ref().map(|journal| journal.entries().to_vec()).unwrap_or_default()
}

fn worked(entry: &Entry) -> Option<Backend> {
    match entry {
        Entry::Working(backend) => Some(backend.clone()),
        _ => None,
    }
}

/// The lines of a file beside the journal.
fn kept_lines(run: &Run<'_>, name: &str) -> Vec<String> {
    let text = run.journal.as_ref().and_then(|journal| journal.kept(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The way of a run, if the files still say what they said.
fn way<'r>(run: &Run<'_>, request: &'r Request, begun: &Begun) -> Result<Way<'r>, String> {
    let history = &request.history;
    let mut moves = Vec::new();
    for wanted in &begun.moves {
        let at = history.migrations.iter().position(|it| it.revision == wanted.revision);
        let Some((at, migration)) = at.and_then(|at| Some((at, history.migrations.get(at)?)))
        else {
            return Err(format!("{} has no file any more", wanted.revision));
        };
        let before = at.checked_sub(1).and_then(|before| history.migrations.get(before));
        let one = Move { migration, direction: wanted.direction, before };
        if planned(&one) != *wanted {
            return Err(format!("{} was edited after the run", wanted.revision));
        }
        moves.push(one);
    }
    let schema = |made: usize| {
        let text = run.journal.as_ref()?.kept(&schema_file(made))?;
        Snapshot::parse(&text).ok()
    };
    let schemas = (0..=moves.len()).map(schema).collect();
    let invalid = kept_lines(run, INVALID_FILE);
    Ok(Way { from: Place(begun.from), moves, schemas, invalid })
}

/// Brings swaps that were begun to one of their ends: both databases are renamed or none is. Gives
/// whether they are. There are several where whoever settled the run was killed as well.
async fn finish_swap(
    request: &Request,
    begun: &Begun,
    entries: &[Entry],
) -> Result<bool, PostgresError> {
    if !entries.iter().any(|entry| matches!(entry, Entry::Restoring { .. })) {
        return Ok(false);
    }
    let mut admin = fallback::admin(request).await?;
    steps::allow_connections(&mut admin, &begun.database.name, true).await?;
    let mut is_swapped = false;
    for entry in entries {
        match entry {
            Entry::Swapping { kept, .. } if steps::is_there(&mut admin, kept).await? => {
                is_swapped = true;
                steps::allow_connections(&mut admin, kept, true).await?;
            }
            // Where the swap was done nothing has this name any more.
            Entry::Restoring { into } => steps::drop_restored(&mut admin, into).await?,
            _ => {}
        }
    }
    admin.close().await?;
    Ok(is_swapped)
}

/// Drops the copy of a run that had it on the same server; no harm where that is not possible.
async fn drop_copies(request: &Request) {
    if let Ok(mut admin) = fallback::admin(request).await {
        let _ = Server::clear_of_the_dead(&mut admin).await;
        let _ = admin.close().await;
    }
}

/// Lets others in again, from a session of its own.
pub(super) async fn open_fence(request: &Request, fence: &Fence) -> Result<(), String> {
    let (site, session) = Site::find(request).await.map_err(|error| discreet(&error))?;
    let _ = session.close().await;
    let (mut worker, _) = site.worker("fence").await.map_err(|error| discreet(&error))?;
    fence.open(&mut worker).await.map_err(|error| discreet(&error))?;
    let _ = worker.close().await;
    Ok(())
}
