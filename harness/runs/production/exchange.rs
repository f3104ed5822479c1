//! The exchange of a database for a restored one: nobody is let in, nobody is left, what was written is
//! counted once more, and the two change names. Whatever happens, the database is open afterwards, or
//! it is said that nobody knows.

use std::time::Instant;

use crate::postgres::{PostgresError, Session};
use crate::steps;

use super::fallback::{Fallback, admin, session_of};
use super::fence::Fence;
use super::journal::Entry;
use super::loss::{self, Count, Loss, Refusal, Wanted};
use super::request::Request;
use super::run::{Run, discreet};
use super::site::{PAUSE, Site};

/// How often the renames are tried where only the session that makes them is lost.
const TRIES: u32 = 2;

/// The names of the three.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'n> {
    pub(super) database: &'n str,
    /// The new one's, until it has the other name.
    pub(super) restored: &'n str,
    /// What the old one is called then.
    pub(super) kept: &'n str,
}

/// Closes the database, looks once more for writes that came meanwhile, and swaps.
pub(super) async fn swap(
    run: &mut Run<'_>,
    site: &Site<'_>,
    (mut session, admin): (Session, &mut Session),
    wanted: &Wanted<'_>,
    names: Names<'_>,
) -> Fallback {
    let Names { database, restored, kept } = names;
    let entry = Entry::Swapping { from: restored.to_owned(), kept: kept.to_owned() };
    if let Err(error) = run.write(entry) {
        return Fallback::Failed(format!("the journal can't be written: {error}"));
    }
    let closed = close(run, site, (&mut session, admin), wanted, names).await;
    let is_counted = matches!(closed, Ok(None));
    let exchanged = match closed {
        Ok(None) => {
            drop(session);
            exchange(run, site.request, admin, names).await
        }
        Ok(Some((mut refusal, loss))) => {
            if let Err(error) = open(site.request, admin, names).await {
                return unopened(names, &refusal.to_string(), &error);
            }
            loss.export(run, &mut session, wanted, &mut refusal).await;
            return Fallback::Refused(refusal);
        }
        // Nobody knows what would be lost: this is not tried again.
        Err(error) => Err(error),
    };
    let opened = open(site.request, admin, names).await;
    if let Err(error) = exchanged {
        let why = format!("the two databases can't change names: {}", discreet(&error));
        match opened {
            // Only the answer was missing.
            Ok(true) => {}
            Ok(false) if is_counted && (error.may_pass() || is_in_use(&error)) => {
                return Fallback::Unswapped(format!(
                    "{why}; {database} is what the run left, and {restored} beside it is the backup, \
                     restored and proven"
                ));
            }
            Ok(false) => return Fallback::Failed(why),
            Err(error) => return unopened(names, &why, &error),
        }
    } else if let Err(error) = opened {
        run.warn(format!("{kept} lets nobody in: {}", discreet(&error)));
    }
    run.account.kept_database = Some(kept.to_owned());
    run.note(format!("{database} is the restored one; what was there is kept as {kept}"));
    Fallback::Restored
}

/// `object_in_use`: clients came back for as long as the swap was tried.
fn is_in_use(error: &PostgresError) -> bool {
    error.sql().is_some_and(|failure| failure.sqlstate == "55006")
}

fn unopened(names: Names<'_>, why: &str, error: &PostgresError) -> Fallback {
    Fallback::Unknown(format!(
        "{why}; and nobody knows whether {} lets others in: {}",
        names.database,
        discreet(error)
    ))
}

/// From here on nobody can write: what a restore loses is what is counted now.
async fn close(
    run: &mut Run<'_>,
    site: &Site<'_>,
    (session, admin): (&mut Session, &mut Session),
    wanted: &Wanted<'_>,
    Names { database, restored, .. }: Names<'_>,
) -> Result<Option<(Refusal, Loss)>, PostgresError> {
    let fence = run.fence();
    let acl = fence.as_ref().map(Fence::acl);
    steps::allow_connections(admin, database, false).await?;
    steps::keep_others_out(admin, database, session).await?;
    let loss = loss::count(run, site, session, wanted, Count::Last).await?;
    if let Some(refusal) = loss.judge(wanted, site.request.switches.accept_loss) {
        return Ok(Some((refusal, loss)));
    }
    loss.tell(run, wanted);
    let mut sequences = wanted.before(site).map(|before| before.sequences).unwrap_or_default();
    sequences.extend(steps::sequences(session).await?);
    let mut eye = session_of(site.request, restored).await?;
    let moved = steps::carry_on(&mut eye, &sequences).await?;
    eye.close().await?;
    if !moved.is_empty() {
        run.note(format!(
            "numbers given out since the backup are not given out again: {} went on",
            moved.join(", ")
        ));
    }
    for statement in steps::places_of(session, database, acl, restored).await? {
        admin.execute(&statement).await?;
    }
    Ok(None)
}

/// The two renames. Only here is anything tried again: nobody can have written meanwhile.
async fn exchange(
    run: &mut Run<'_>,
    request: &Request,
    admin: &mut Session,
    names: Names<'_>,
) -> Result<(), PostgresError> {
    let Names { database, restored, kept } = names;
    let mut tries = 1;
    loop {
        let Err(error) = steps::swap(admin, database, restored, kept).await else { return Ok(()) };
        if !error.may_pass() || tries == TRIES {
            return Err(error);
        }
        tries += 1;
        // The session that swaps was ended: both renames were done or undone with it.
        *admin = self::admin(request).await?;
        if is_swapped(admin, names).await? {
            return Ok(());
        }
        if !steps::is_closed(admin, database).await? {
            return Err(error);
        }
        run.note("the session that changes the names was ended: they are changed once more");
    }
}

async fn is_swapped(admin: &mut Session, names: Names<'_>) -> Result<bool, PostgresError> {
    Ok(!steps::is_there(admin, names.restored).await? && steps::is_there(admin, names.kept).await?)
}

/// Lets everybody in again, however long the server takes to be there. Gives whether the databases have
/// changed names.
async fn open(
    request: &Request,
    admin: &mut Session,
    names: Names<'_>,
) -> Result<bool, PostgresError> {
    /// lock_not_available, query_canceled, and what a rename that commits just now leads to.
    const SLOW: [&str; 3] = ["55P03", "57014", "XX000"];
    let (start, patience) =
        (Instant::now(), request.patience.timeout.max(request.patience.connect));
    loop {
        let tried = async {
            let is_swapped = is_swapped(admin, names).await?;
            let name = if is_swapped { names.kept } else { names.database };
            steps::allow_connections(admin, name, true).await?;
            Ok::<bool, PostgresError>(is_swapped)
        };
        let error = match tried.await {
            Ok(is_swapped) => return Ok(is_swapped),
            Err(error) => error,
        };
        let is_slow = error.sql().is_some_and(|it| SLOW.contains(&it.sqlstate.as_str()));
        if start.elapsed() >= patience || !(is_slow || error.may_pass()) {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
        if let Ok(another) = self::admin(request).await {
            *admin = another;
        }
    }
}
