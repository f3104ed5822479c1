//! A physical backup: a server is started on a copy of it and replays what was written while it was made,
//! and after that, if there is a command that brings archived WAL.

use std::path::Path;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::backup::{Physical, Segment, Verified, fetch_wal, tablespaces_made};
use crate::exit::Exit;
use crate::postgres::{PostgresError, Session};
use crate::server::{
    BaseBackup, Chosen, Database, Scratch, Server, ServerError, causes, client_programs,
};

use super::candidates::Candidate;
use super::copy::{self, Copy, unasked};
use super::outcome::{Fault, Stop};
use super::outside::old;
use super::room::{self, Filling};
use super::run::Drill;

/// Starts a server on a copy of it; `None` if it is bad, which a check says then.
pub(super) async fn stand(
    drill: &mut Drill<'_>,
    candidate: &Candidate,
    begun: Option<Instant>,
) -> Result<Option<Copy>, Stop> {
    let Some(backup) = Physical::open(&candidate.path) else {
        drill.failed("restore", Fault::Backup, "it is no data directory any more");
        return Ok(None);
    };
    if let Some(tried) = drill.drilled.tried.last_mut() {
        tried.kind = Some("physical".to_owned());
    }
    if let Some(space) = backup.tablespaces.iter().find(|it| !it.is_there) {
        let reason = format!("its tablespace {} is not at {}", space.oid, space.path.display());
        return Err(Stop::here(Exit::Usage, reason)
            .help("bring its files as well, and have pg_tblspc lead to them"));
    }
    if !verified(drill, &backup).await? {
        return Ok(None);
    }
    let Ok(wal) = Box::pin(following(drill, &backup)).await? else { return Ok(None) };
    drill.begins("restore");
    let has_wal = wal.is_some();
    let Some(server) = Box::pin(start(drill, candidate, &backup, wal)).await? else {
        return Ok(None);
    };
    if begun.is_some() {
        copy::place(drill, &server);
    }
    let database = match chosen(drill, &server).await {
        Ok(database) => database,
        Err(stop) => {
            let _ = Box::pin(server.stop()).await;
            return Err(stop);
        }
    };
    let copy = Copy::of_physical(server, database);
    let done = Box::pin(ready(drill, &copy, candidate, has_wal, begun)).await;
    if let Err(stop) = done {
        copy.close(drill).await;
        return Err(stop);
    }
    drill.ends();
    Ok(Some(copy))
}

/// Brings the WAL that follows it, if there is a command for that. Fails if it is bad. One that is not whole
/// without needs a command.
async fn following(
    drill: &mut Drill<'_>,
    backup: &Physical,
) -> Result<Result<Option<Scratch>, ()>, Stop> {
    let Some(first) = backup.first_wal else { return Ok(Ok(None)) };
    let Some(command) = drill.options.fetch_wal.as_deref() else {
        if backup.lacks_wal {
            let reason = "the WAL that it needs is not in it, and nothing says how to bring it";
            return Err(Stop::here(Exit::Usage, reason).help(
                "name the command that brings a file of it with --fetch-wal, or take the backup with \
                 --wal-method=stream",
            ));
        }
        harmless(backup, &backup.path.join("pg_wal"), first).await?;
        return Ok(Ok(None));
    };
    drill.begins("wal");
    let scratch = Scratch::make();
    let scratch = scratch.map_err(|it| Stop::here(Exit::RehearsalFailed, causes(&it)))?;
    let filling = Filling::folder("fetched", scratch.folder());
    let fetching = fetch_wal(command, first, &backup.path, scratch.folder());
    let fetched = match room::watched(drill, filling, fetching).await? {
        Ok(fetched) => fetched,
        Err(error) => {
            return Err(Stop::here(Exit::Usage, causes(&error))
                .help("run the command by hand: it is to bring the file %f to the path %p"));
        }
    };
    if fetched.segments == 0 && backup.lacks_wal {
        let why = format!("the archive has not the WAL that it begins with{}", fetched.said);
        drill.failed("restore", Fault::Backup, why);
        return Ok(Err(()));
    }
    let count = fetched.segments;
    let last = fetched.last.map(|last| format!(", up to {last}")).unwrap_or_default();
    let s = if count == 1 { "" } else { "s" };
    // Whoever reads it can tell the end of an archive from a command that failed.
    drill.note(format!(
        "{count} segment{s} of WAL fetched{last}; the command brought no more{}",
        fetched.said
    ));
    harmless(backup, scratch.folder(), first).await?;
    Ok(Ok(Some(scratch)))
}

/// Whether its WAL can be replayed here: a tablespace is made where it was, which may be one in use.
async fn harmless(backup: &Physical, wal: &Path, first: Segment) -> Result<(), Stop> {
    let Some(major) = backup.major else { return Ok(()) };
    // Without programs of its major version no server is started either.
    let programs =
        client_programs(major).map_err(|it| Stop::here(Exit::NoServer, it.to_string()))?;
    let made = tablespaces_made(&programs.folder, wal, first).await;
    let made = made.map_err(|it| Stop::here(Exit::NoServer, causes(&it)))?;
    let Some(first) = made.first() else { return Ok(()) };
    let reason = format!("its WAL makes a tablespace at {first}, and would do so on this machine");
    Err(Stop::here(Exit::RehearsalFailed, reason)
        .help("drill a backup that was begun after the tablespace was made"))
}

/// Whether its files are what `pg_basebackup` wrote.
async fn verified(drill: &mut Drill<'_>, backup: &Physical) -> Result<bool, Stop> {
    if !drill.wants("digest") {
        return Ok(true);
    }
    if !backup.has_manifest {
        drill.absent("digest", "there is no backup_manifest: nothing says what was written");
        return Ok(true);
    }
    let is_whole = drill.options.fetch_wal.is_none() && !backup.lacks_wal;
    let programs = backup.major.map(client_programs);
    let Some(Ok(programs)) = programs else {
        drill.skipped("digest", "there is no pg_verifybackup of its major version");
        return Ok(true);
    };
    match backup.verify(&programs.folder, is_whole).await {
        Ok(Verified::Whole) => drill.held("digest", "pg_verifybackup finds all files as written"),
        Ok(Verified::Damaged(what)) => {
            drill.failed("digest", Fault::Backup, what);
            return Ok(false);
        }
        Ok(Verified::Unable(why)) => drill.skipped("digest", why),
        Err(error) => return Err(Stop::here(Exit::NoServer, causes(&error))),
    }
    Ok(true)
}

async fn start(
    drill: &mut Drill<'_>,
    candidate: &Candidate,
    backup: &Physical,
    wal: Option<Scratch>,
) -> Result<Option<Server>, Stop> {
    let spec = copy::spec(drill, backup.major);
    let found = Chosen::find(&spec).await;
    let found = found.map_err(|error| Stop::here(Exit::NoServer, causes(&error)))?;
    if let Some(folder) = found.data_root() {
        room::for_copy(&folder, candidate.bytes + backup.elsewhere())?;
    }
    let role = drill.options.superuser.clone();
    let spaces = backup.tablespaces.iter().map(|it| (it.oid.clone(), it.path.clone()));
    let base = BaseBackup {
        folder: backup.path.clone(),
        superuser: role.clone(),
        tablespaces: spaces.collect(),
        wal: wal.as_ref().map(|it| it.folder().to_owned()),
    };
    let started = found.start_on_backup(base).await;
    let server = match started {
        Ok(Some(server)) => server,
        Ok(None) => {
            let reason =
                "a physical backup takes a server of installed binaries of its major version";
            return Err(Stop::here(Exit::NoServer, reason).help("name one with --server local"));
        }
        Err(ServerError::Start { what, .. }) if what.contains(&format!("role \"{role}\"")) => {
            let reason = format!("the server of the backup lets nobody in: {what}");
            return Err(Stop::here(Exit::Usage, reason)
                .help("name a superuser that it has with --superuser"));
        }
        Err(ServerError::Start { what, log, .. }) => {
            let last = last_words(&log);
            drill.failed("restore", Fault::Backup, format!("the server {what}: {last}"));
            return Ok(None);
        }
        Err(error) => return Err(Stop::here(Exit::RehearsalFailed, causes(&error))),
    };
    drill.held("restore", "a server has come up on a copy of it");
    if !server.is_cut_off() && !drill.options.allow_network {
        let _ = Box::pin(server.stop()).await;
        let reason = "the server of a physical backup could speak to other machines";
        return Err(Stop::here(Exit::RehearsalFailed, reason)
            .help("take a system with network namespaces, or accept it with --allow-network"));
    }
    Ok(Some(server))
}

/// The database that is meant: the only one, or the one that was named.
async fn chosen(drill: &Drill<'_>, server: &Server) -> Result<Database, Stop> {
    let asked = |error: &PostgresError| unasked(error);
    let mut session = Session::connect(server.admin(), "look").await.map_err(|e| asked(&e))?;
    let sql = "SELECT datname FROM pg_catalog.pg_database WHERE NOT datistemplate AND datallowconn \
               ORDER BY 1";
    let rows = session.rows(sql).await.map_err(|e| asked(&e))?;
    let names: Vec<String> = rows.into_iter().flatten().flatten().collect();
    session.close().await.map_err(|e| asked(&e))?;
    let own: Vec<&String> = names.iter().filter(|name| *name != "postgres").collect();
    let name = match (&drill.options.database, own.as_slice()) {
        (Some(name), _) if names.contains(name) => name.clone(),
        (Some(name), _) => {
            let reason = format!("there is no database {name} in it, but {}", names.join(", "));
            return Err(Stop::here(Exit::Usage, reason).help("say which one is meant with --of"));
        }
        (None, [one]) => (*one).clone(),
        (None, []) => "postgres".to_owned(),
        (None, _) => {
            let reason = format!("it has several databases: {}", names.join(", "));
            return Err(Stop::here(Exit::Usage, reason).help("say which one is meant with --of"));
        }
    };
    Ok(Database { target: server.admin().database(&name), name })
}

async fn ready(
    drill: &mut Drill<'_>,
    copy: &Copy,
    candidate: &Candidate,
    has_wal: bool,
    begun: Option<Instant>,
) -> Result<(), Stop> {
    if drill.wants("roles") {
        drill.absent("roles", "a physical backup brings its own");
    }
    let mut session = copy.session("drill").await?;
    if has_wal {
        let recovered = recovered(&mut session).await.map_err(|error| unasked(&error))?;
        if let Some(tried) = drill.drilled.tried.last_mut() {
            tried.recovered = recovered;
        }
    }
    if begun.is_some() && drill.options.fetch_wal.is_some() {
        let recovered = drill.drilled.tried.last().and_then(|tried| tried.recovered);
        old(drill, recovered.max(candidate.made));
    }
    let missing = "SELECT extname FROM pg_catalog.pg_extension WHERE extname NOT IN \
                   (SELECT name FROM pg_catalog.pg_available_extensions) ORDER BY 1";
    let missing = session.rows(missing).await.map_err(|error| unasked(&error))?;
    let missing: Vec<String> = missing.into_iter().flatten().flatten().collect();
    if let Some(first) = missing.first() {
        let reason = format!("extensions: the server does not have {}", missing.join(", "));
        return Err(
            Stop::here(Exit::NoServer, reason).help(format!("install {first} for the server"))
        );
    }
    session.close().await.map_err(|error| unasked(&error))?;
    copy::answer(drill, copy, begun).await
}

/// When the last transaction ended that was replayed, if there was one.
async fn recovered(session: &mut Session) -> Result<Option<Timestamp>, PostgresError> {
    let sql = "SELECT extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp())";
    let seconds = session.value(sql).await?.and_then(|it| it.parse::<f64>().ok());
    let since = seconds.and_then(|it| SignedDuration::try_from_secs_f64(it).ok());
    Ok(since.and_then(|it| Timestamp::from_duration(it).ok()))
}

/// What a server that ended said last, but for what it says to those who ask while it comes up.
fn last_words(log: &str) -> &str {
    let fatal = |line| {
        let at = ["FATAL:  ", "PANIC:  "].iter().find_map(|word| str::find(line, word))?;
        line.get(at..).filter(|words| !words.contains("the database system is"))
    };
    log.lines().rev().find_map(fatal).map(str::trim).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_last_words_say_why_it_ended() {
        let log = "  2026-11-24 03:53:23 UTC [7] FATAL:  could not locate required checkpoint record\n\
                   2026-11-24 03:53:23 UTC [7] HINT:  If you are restoring from a backup, touch ..\n\
                   2026-11-24 03:53:23 UTC [8] FATAL:  the database system is starting up\n\
                   2026-11-24 03:53:23 UTC [1] LOG:  shutting down\n";
        let words = "FATAL:  could not locate required checkpoint record";
        assert_eq!(super::last_words(log), words);
        assert_eq!(super::last_words("LOG:  nothing"), "");
    }
}
