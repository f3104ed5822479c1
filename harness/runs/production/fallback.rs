//! The last way back: the backup restored into a new database, proven, and put in the place of the
//! one that failed. Never over it, and never where it would lose what others wrote.

use crate::backup::{self, Archive, Backup};
use crate::postgres::{Backend, PostgresError, Profile, Session};
use crate::server::client_programs;
use crate::steps::{self, LockError};

use super::exchange::{self, Names};
use super::growth;
use super::journal::Entry;
use super::loss::{self, Count, Refusal, Wanted};
use super::prepare::AT_LEAST;
use super::request::Request;
use super::run::{Run, discreet};
use super::settle::Case;
use super::site::{Site, reach};
use super::watch;

/// How a restore ended.
#[derive(Debug)]
pub(super) enum Fallback {
    /// The database is what it was when the backup was made.
    Restored,
    /// It was not made, since it would lose something. The database is as it was before.
    Refused(Refusal),
    /// It can't be done, or went wrong. The database is as it was before.
    Failed(String),
    /// The restored database is there and proven, and could not be put in the place of the other.
    /// Both have their names.
    Unswapped(String),
    /// Nobody knows whether the database is as it was before, or whether it is open.
    Unknown(String),
}

/// So many bytes may the names of databases have.
const LONGEST: usize = 63;

/// Names that go with a run.
fn names(database: &str, run: &str) -> (String, String) {
    let run = run.to_lowercase();
    let name = |word: &str| {
        let end = format!("_{word}_{run}");
        let room = LONGEST.saturating_sub(end.len());
        let fits = |(at, char): &(usize, char)| at + char.len_utf8() <= room;
        let stem = database.char_indices().take(20).take_while(fits).map(|(_, char)| char);
        stem.collect::<String>() + &end
    };
    (name("restore"), name("failed"))
}

/// Restores the backup of a run in place of its database.
pub(super) async fn restore(run: &mut Run<'_>, case: &Case<'_, '_>) -> Fallback {
    run.begins("restore");
    let Some((store, backup)) = case.backup else {
        return Fallback::Failed("there is no backup to restore".to_owned());
    };
    let wanted = Wanted { store, backup, foreign: None, by_hand: false };
    let failed = |error: &PostgresError| {
        Fallback::Failed(format!("the restore failed: {}", discreet(error)))
    };
    let mut session = match case.site.reader("restore").await {
        Ok(session) => session,
        Err(error) => return failed(&error),
    };
    // The session that had the lock is gone, and another run must not begin meanwhile.
    match steps::lock(&mut session, AT_LEAST).await {
        Ok(()) => {}
        Err(LockError::Postgres(error)) => return failed(&error),
        Err(held) => return Fallback::Failed(held.to_string()),
    }
    let fallback = Box::pin(put_back(run, case.site, &wanted, session)).await;
    let fallback = fallback.unwrap_or_else(|error| failed(&error));
    if let Fallback::Refused(refusal) = &fallback {
        run.note(format!("help: {}", refusal.help));
    }
    fallback
}

/// A session in the server's maintenance database.
pub(super) async fn admin(request: &Request) -> Result<Session, PostgresError> {
    let own = request.target.database_name().unwrap_or_else(|| request.target.role());
    session_of(request, if own == "postgres" { "template1" } else { "postgres" }).await
}

/// A session in a database of the server, which may change things and does not wait without end: nor
/// for a lock, nor for an answer.
pub(super) async fn session_of(
    request: &Request,
    database: &str,
) -> Result<Session, PostgresError> {
    let target = request.target.database(database);
    let mut session = reach(&target, "restore", request.patience.connect).await?;
    bound(request, &mut session);
    let most = request.patience.timeout.max(request.patience.connect);
    let usual = request.patience.profile(false);
    let profile = Profile { lock_timeout: most, statement_timeout: most, ..usual };
    profile.take(&mut session).await?;
    Ok(session)
}

/// The server's own limit comes first.
fn bound(request: &Request, session: &mut Session) {
    let most = request.patience.timeout.max(request.patience.connect);
    session.give_up_after(most + request.patience.connect.min(most));
}

/// Restores what is wanted into a new database, proves it and swaps. `session` looks at the database
/// and has the lock. The database is as it was before unless this gives [`Fallback::Restored`].
pub(super) async fn put_back(
    run: &mut Run<'_>,
    site: &Site<'_>,
    wanted: &Wanted<'_>,
    mut session: Session,
) -> Result<Fallback, PostgresError> {
    let failed = |why: String| Ok(Fallback::Failed(why));
    let Wanted { store, backup, .. } = wanted;
    if let Err(error) = store.verify(backup).await {
        return failed(format!("the backup can't be used: {error}"));
    }
    let Ok(lease) = store.hold(backup) else {
        return failed("the backup can't be held".to_owned());
    };
    bound(site.request, &mut session);
    let loss = loss::count(run, site, &mut session, wanted, Count::First).await?;
    if let Some(mut refusal) = loss.judge(wanted, site.request.switches.accept_loss) {
        loss.export(run, &mut session, wanted, &mut refusal).await;
        return Ok(Fallback::Refused(refusal));
    }
    let database = steps::identity(&mut session).await?.name;
    let (restored, kept) = names(&database, &run.id());
    let mut admin = admin(site.request).await?;
    let written = run.write(Entry::Restoring { into: restored.clone() });
    if let Err(error) = written {
        return failed(format!("the journal can't be written: {error}"));
    }
    let made = make(run, site, (&mut session, &mut admin), backup, &restored).await;
    let result = match made {
        Ok(()) => {
            let names = Names { database: &database, restored: &restored, kept: &kept };
            exchange::swap(run, site, (session, &mut admin), wanted, names).await
        }
        Err(why) => Fallback::Failed(why),
    };
    if matches!(result, Fallback::Refused(_) | Fallback::Failed(_)) {
        let dropped = steps::drop_restored(&mut admin, &restored).await;
        if let Err(error) = dropped {
            run.warn(format!("{restored} is left: {}", discreet(&error)));
        }
    }
    drop(lease);
    Ok(result)
}

/// Makes the new database and proves that it holds what was backed up.
async fn make(
    run: &mut Run<'_>,
    site: &Site<'_>,
    (session, admin): (&mut Session, &mut Session),
    backup: &Backup,
    into: &str,
) -> Result<(), String> {
    let major = site.version.major;
    let asked = |error: PostgresError| discreet(&error);
    let programs = client_programs(major).map_err(|error| error.to_string())?;
    let create = steps::creation_of(session, major, into).await.map_err(asked)?;
    admin.execute(&create).await.map_err(asked)?;
    admin.execute(&steps::kept_private(into)).await.map_err(asked)?;
    let target = site.request.target.database(into);
    let archive = Archive::open(&backup.path).map_err(|error| error.to_string())?;
    let restoring = backup::restore(&archive, &target, &programs.folder);
    let of = steps::size(session).await.map_err(asked)?;
    let problems = growth::told(run, (admin.target(), into, of), restoring).await;
    let problems = problems.map_err(|error| error.to_string())?;
    if let Some(first) = problems.first() {
        // What the server said may quote values of rows.
        let entry = first.entry.as_deref().unwrap_or("its beginning");
        return Err(format!("the backup does not restore at {entry} ({} errors)", problems.len()));
    }
    for statement in steps::settings_of(session, into, true).await.map_err(asked)? {
        admin.execute(&statement).await.map_err(asked)?;
    }
    let mut eye = reach(&target, "restore", site.request.patience.connect).await.map_err(asked)?;
    let unlimited = Profile {
        statement_timeout: std::time::Duration::ZERO,
        ..site.request.patience.profile(false)
    };
    unlimited.take(&mut eye).await.map_err(asked)?;
    let backend = Backend::of(&mut eye).await.map_err(asked)?;
    let proving = prove(site, &mut eye, backup);
    let wrong = watch::over(site.request, &backend, proving).await.map_err(asked)?;
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    eye.close().await.map_err(asked)?;
    run.note(format!(
        "{} tables with {} rows are as they were backed up, and analyzed",
        backup.manifest.contents.tables.len(),
        backup.manifest.contents.rows()
    ));
    Ok(())
}

/// Holds the restored database behind `eye` against what was backed up. Gives what is wrong.
async fn prove(
    site: &Site<'_>,
    eye: &mut Session,
    backup: &Backup,
) -> Result<Option<String>, PostgresError> {
    let differences = steps::compare_copy(eye, &backup.manifest, &[]).await?;
    if let Some(first) = differences.first() {
        return Ok(Some(format!("{first} ({} differences)", differences.len())));
    }
    eye.execute("ANALYZE").await?;
    let (ledger, _) = site.ledger(eye).await?;
    let found = match steps::deployed(eye, site.version.major, &ledger).await {
        Ok(found) => found,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let wanted = &backup.manifest.schema_digest;
    let is_other = wanted.as_ref().is_some_and(|wanted| *wanted != found.schema.digest());
    Ok(is_other.then(|| "the restored schema is not the one that was backed up".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, names};

    const RUN: &str = "20260131T120000000Z-ab12";

    #[test]
    fn names_fit_whatever_the_database_is_called() {
        for name in [
            "shop",
            "a-very-long-name-of-a-database-that-goes-on-and-on",
            "магазин-товаров-и-услуг",
            "店店店店店店店店店店店店店店店店店店店店店",
            "",
        ] {
            let (restored, kept) = names(name, RUN);
            assert!(restored.len() <= LONGEST && kept.len() <= LONGEST, "{restored} {kept}");
            assert!(restored.ends_with(&RUN.to_lowercase()) && kept.ends_with(&RUN.to_lowercase()));
            assert_ne!(restored, kept);
        }
        assert_eq!(names("shop", RUN).0, "shop_restore_20260131t120000000z-ab12");
    }
}
