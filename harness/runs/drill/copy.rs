//! The copy: a backup restored where it can speak to nobody, and asked the first thing that an
//! application would ask.
//!
//! Knows servers and what a restore says. Must not judge what is in the copy.

use std::time::Instant;

use crate::backup::{Archive, Backup, BackupError, Lease, is_starved};
use crate::exit::Exit;
use crate::postgres::{PostgresError, Session};
use crate::runs::Event;
use crate::server::{
    Backend, Chosen, Database, Profile, Server, ServerError, ServerSpec, Template, causes,
};
use crate::steps::{self, RestoreError, Restored, Restoring};

use super::candidates::{Candidate, Source};
use super::outcome::{Fault, Rto, Stop, Where};
use super::outside::{archive_major, old, opened, verified};
use super::physical;
use super::queries;
use super::room::{self, Filling};
use super::run::Drill;

/// A backup, restored.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) server: Server,
    pub(super) database: Database,
    /// The backup with its manifest, if it is one of ours.
    pub(super) ours: Option<Backup>,
    /// Whether it is the data directory of another server, and not restored from a dump.
    pub(super) is_physical: bool,
    /// Roles that were made for it.
    roles: Vec<String>,
    /// Nobody deletes it meanwhile.
    #[expect(dead_code, reason = "it is held")]
    lease: Option<Lease>,
}

impl Copy {
    pub(super) fn of_physical(server: Server, database: Database) -> Self {
        let (ours, roles, lease) = (None, Vec::new(), None);
        Self { server, database, ours, is_physical: true, roles, lease }
    }

    pub(super) fn backup(&self) -> Option<Backup> {
        self.ours.clone()
    }

    /// A session in it.
    pub(super) async fn session(&self, purpose: &str) -> Result<Session, Stop> {
        Session::connect(&self.database.target, purpose).await.map_err(|error| unasked(&error))
    }

    /// Ends the server, or drops what was made on it.
    pub(super) async fn close(self, drill: &mut Drill<'_>) {
        let Self { server, database, roles, .. } = self;
        let (is_ours, admin) = (server.backend() != Backend::Existing, server.admin().clone());
        let dropped = if is_ours { Ok(()) } else { server.drop_database(database).await };
        let ended = dropped.and(Box::pin(server.stop()).await);
        if let Err(error) = ended {
            drill.note(format!("the copy's server was not cleaned: {}", causes(&error)));
        }
        if !is_ours {
            forget(drill, &admin, &roles).await;
        }
    }

    /// Its parts, for whoever ends the server otherwise; the roles are to be forgotten then.
    pub(super) fn into_parts(self) -> (Server, Database, Vec<String>) {
        (self.server, self.database, self.roles)
    }
}

/// Drops roles that were made on somebody's server.
pub(super) async fn forget(
    drill: &mut Drill<'_>,
    admin: &crate::postgres::Target,
    roles: &[String],
) {
    let dropped = async {
        let mut session = Session::connect(admin, "admin").await?;
        steps::forget_roles(&mut session, roles).await?;
        session.close().await
    };
    if let Err(error) = dropped.await {
        let roles = roles.join(", ");
        drill.note(format!("{roles} are left on the copy's server: {}", discreet(&error)));
    }
}

/// The copy's server does not answer.
pub(super) fn unasked(error: &PostgresError) -> Stop {
    let reason = format!("the copy can't be asked: {}", discreet(error));
    let is_full = error.sql().is_some_and(crate::postgres::SqlFailure::is_out_of_resources);
    let stop = Stop::here(Exit::RehearsalFailed, reason);
    if is_full {
        return stop.help("the copy's server ran out of something: make room where it runs");
    }
    stop
}

/// What a session's error says, without values of rows.
pub(super) fn discreet(error: &PostgresError) -> String {
    match error {
        PostgresError::Sql(failure) => failure.discreet().to_string(),
        other => causes(other),
    }
}

/// Restores a candidate; `None` if it is bad, which a check says then. From `begun` on time is counted
/// that an application would wait.
pub(super) async fn stand(
    drill: &mut Drill<'_>,
    candidate: &Candidate,
    begun: Option<Instant>,
) -> Result<Option<Copy>, Stop> {
    let is_physical = matches!(candidate.source, Source::Physical);
    // What WAL brings is as young as its last transaction.
    if begun.is_some() && !(is_physical && drill.options.fetch_wal.is_some()) {
        old(drill, candidate.made);
    }
    drill.begins("verify");
    if is_physical {
        return Box::pin(physical::stand(drill, candidate, begun)).await;
    }
    let Ok(lease) = verified(drill, candidate).await else { return Ok(None) };
    let Some((archive, _scratch)) = Box::pin(opened(drill, candidate)).await? else {
        return Ok(None);
    };
    drill.begins("server");
    let about = archive_major(drill, candidate, &archive).await?;
    let Some(major) = about else { return Ok(None) };
    let server = Box::pin(acquire(drill, major)).await?;
    if begun.is_some() {
        place(drill, &server);
    }
    let database = server.create_database(Template::Empty).await.map_err(|it| unmade(&it))?;
    let ours = match &candidate.source {
        Source::Ours(backup) => Some(backup.as_ref().clone()),
        _ => None,
    };
    let (is_physical, roles) = (false, Vec::new());
    let mut copy = Copy { server, database, ours, is_physical, roles, lease };
    let done = Box::pin(filled(drill, &mut copy, &archive, begun)).await;
    if !matches!(done, Ok(true)) {
        copy.close(drill).await;
        return done.map(|_| None);
    }
    drill.ends();
    Ok(Some(copy))
}

/// Restores, isolates, analyzes and asks. False if it does not restore.
async fn filled(
    drill: &mut Drill<'_>,
    copy: &mut Copy,
    archive: &Archive,
    begun: Option<Instant>,
) -> Result<bool, Stop> {
    if !Box::pin(restored(drill, copy, archive)).await? {
        return Ok(false);
    }
    answer(drill, copy, begun).await.map(|()| true)
}

/// Says where the newest one's copy is.
pub(super) fn place(drill: &mut Drill<'_>, server: &Server) {
    drill.drilled.server = Some(Where {
        version: server.version().to_string(),
        backend: server.backend().as_str(),
        cut_off: server.is_cut_off(),
    });
}

/// Isolates, analyzes and asks.
pub(super) async fn answer(
    drill: &mut Drill<'_>,
    copy: &Copy,
    begun: Option<Instant>,
) -> Result<(), Stop> {
    let mut session = copy.session("drill").await?;
    silenced(drill, copy, &mut session).await?;
    drill.begins("analyze");
    steps::analyse(&mut session).await.map_err(|error| unasked(&error))?;
    drill.begins("query");
    let query = queries::first(drill, &mut session).await.map_err(|error| unasked(&error))?;
    if let Some(begun) = begun {
        drill.drilled.rto = Some(Rto { seconds: begun.elapsed().as_secs_f64(), query });
    }
    session.close().await.map_err(|error| unasked(&error))
}

/// What server a backup of this major version asks for.
pub(super) fn spec(drill: &Drill<'_>, major: Option<u32>) -> ServerSpec {
    let options = drill.options;
    ServerSpec {
        major: options.major.or(major).or(options.server.major),
        // Times are reported.
        profile: Profile::Faithful,
        purpose: Some(format!("drill {}", drill.drilled.run)),
        cut_off: true,
        ..options.server.clone()
    }
}

/// The server of the backup's own major version, unless another one was named.
async fn acquire(drill: &mut Drill<'_>, major: Option<u32>) -> Result<Server, Stop> {
    let spec = spec(drill, major);
    let none = |error: ServerError| {
        // One that is there and does not come up says nothing of what could be had.
        let exit = match error {
            ServerError::NoServer(_) | ServerError::TooOld(_) => Exit::NoServer,
            _ => Exit::RehearsalFailed,
        };
        Stop::here(exit, causes(&error))
            .help("`stairway doctor` shows what was looked for; --postgres names another major")
    };
    let chosen = Chosen::find(&spec).await.map_err(none)?;
    let server = chosen.start().await.map_err(none)?;
    drill.event(Event::Server(server.reason()));
    if let Some(major) = major.filter(|major| *major > server.version().major) {
        let reason =
            format!("the backup is of PostgreSQL {major}, the server of {}", server.version());
        return Err(Stop::here(Exit::NoServer, reason).help("name a newer one with --postgres"));
    }
    Ok(server)
}

fn unmade(error: &ServerError) -> Stop {
    Stop::here(Exit::RehearsalFailed, causes(error))
}

/// Restores it. False if it does not restore as it should.
async fn restored(drill: &mut Drill<'_>, copy: &mut Copy, archive: &Archive) -> Result<bool, Stop> {
    drill.begins("restore");
    let name = copy.database.target.database_name().unwrap_or_default().to_owned();
    let filling = Filling::database(copy.server.admin(), &name, copy.server.data());
    let how = Restoring {
        jobs: drill.options.jobs,
        roles: drill.roles.clone(),
        outward: copy.server.is_cut_off() || drill.options.allow_network,
    };
    let restoring = steps::restore_by(&copy.server, &copy.database, &archive.path, &how);
    let restored = match Box::pin(room::watched(drill, filling, restoring)).await? {
        Ok(restored) => restored,
        Err(RestoreError::Outward(what)) => return Err(outward(&what)),
        Err(RestoreError::Backup(error @ BackupError::Program { .. })) => {
            return Err(Stop::here(Exit::NoServer, causes(&error)));
        }
        Err(error @ RestoreError::Backup(_)) => {
            drill.failed("restore", Fault::Backup, error.discreet());
            return Ok(false);
        }
        Err(RestoreError::Postgres(error)) => return Err(unasked(&error)),
        Err(error @ RestoreError::NoPrograms { .. }) => {
            return Err(Stop::here(Exit::NoServer, error.to_string()));
        }
        Err(error @ RestoreError::Connects { .. }) => {
            return Err(Stop::here(Exit::RehearsalFailed, error.to_string()));
        }
    };
    copy.roles.clone_from(&restored.roles);
    said(drill, &restored)
}

fn outward(what: &[String]) -> Stop {
    let what = what.join(", ");
    let reason = format!("the backup could speak to other machines when it is restored: {what}");
    Stop::here(Exit::RehearsalFailed, reason).help(
        "take a server of installed binaries on a system with network namespaces, which is cut off \
         from the network, or accept it with --allow-network",
    )
}

/// What came of the restore.
fn said(drill: &mut Drill<'_>, restored: &Restored) -> Result<bool, Stop> {
    if let Some(starving) = restored.problems.iter().find(|it| is_starved(&it.message)) {
        let reason = format!("the copy's server ran out of room: {}", starving.message);
        return Err(Stop::here(Exit::RehearsalFailed, reason).help(
            "make room where it runs (STAIRWAY_RUNTIME), or name another one with --server",
        ));
    }
    if drill.wants("roles") {
        let unknown = restored.unknown_roles.join(", ");
        if unknown.is_empty() {
            let made = match restored.roles.as_slice() {
                [] => "it names none that a new server lacks".to_owned(),
                roles => format!("{} made without a login", roles.join(", ")),
            };
            drill.held("roles", made);
        } else {
            let why =
                format!("the backup names {unknown}, which the file of globals does not make");
            drill.failed("roles", Fault::Backup, why);
        }
    }
    let missing = &restored.missing_extensions;
    if let Some(first) = missing.first() {
        // What else fails does so for want of it.
        let why = format!("the server does not have {}", missing.join(", "));
        drill.failed("extensions", Fault::Environment, why.clone());
        return Err(Stop::here(Exit::NoServer, format!("extensions: {why}"))
            .help(format!("install {first} for the server, or name another one with --server")));
    }
    if let Some(unloaded) = restored.problems.iter().find(|it| wants_loading(&it.message)) {
        let what = unloaded.entry.as_deref().unwrap_or("an extension");
        let why = format!("{what}: its library is not loaded when the server starts");
        drill.failed("extensions", Fault::Environment, why.clone());
        return Err(Stop::here(Exit::NoServer, format!("extensions: {why}")).help(
            "name a server that has it in shared_preload_libraries with --server, and runs no jobs",
        ));
    }
    let Some(first) = restored.problems.first() else {
        drill.held("restore", format!("without an error, in {:.1} s", restored.took.as_secs_f64()));
        return Ok(true);
    };
    let more = match restored.problems.len() - 1 {
        0 => String::new(),
        more => format!(" ({more} more errors)"),
    };
    drill.failed("restore", Fault::Backup, format!("{}{more}", first.discreet()));
    Ok(false)
}

/// Whether CREATE EXTENSION failed because the server has not loaded its library, which says nothing of
/// the backup.
fn wants_loading(message: &str) -> bool {
    // Of timescaledb, pg_cron and others of their kind.
    const SAID: [&str; 4] = [
        "shared_preload_libraries",
        "must be preloaded",
        "can only create extension in database",
        "unrecognized configuration parameter \"cron.database_name\"",
    ];
    SAID.iter().any(|it| message.contains(it))
}

/// Takes away what could speak to others, and passwords.
async fn silenced(drill: &mut Drill<'_>, copy: &Copy, session: &mut Session) -> Result<(), Stop> {
    let is_ours = matches!(copy.server.backend(), Backend::Local | Backend::Container);
    let silenced = steps::silence(session, is_ours).await.map_err(|error| unasked(&error))?;
    let alone = if copy.server.is_cut_off() {
        "no network"
    } else if drill.options.allow_network {
        "--allow-network: the server could not be cut off from the network"
    } else {
        "the server could not be cut off from the network, and nothing in the backup speaks to one"
    };
    let mut told = vec![alone.to_owned()];
    told.extend(silenced.told());
    if silenced.refused.is_empty() {
        drill.held("isolation", told.join(", "));
    } else {
        let refused = silenced.refused.join(", ");
        let told = told.join(", ");
        if copy.server.is_cut_off() {
            drill.held("isolation", format!("{told}; not changed: {refused}"));
        } else {
            drill.failed("isolation", Fault::Environment, format!("{told}; refused: {refused}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::wants_loading;

    #[test]
    fn a_library_that_is_not_loaded_is_no_fault_of_the_backup() {
        // As pg_cron and timescaledb say it.
        for said in [
            "pg_cron can only be loaded via shared_preload_libraries",
            "extension \"timescaledb\" must be preloaded",
            "unrecognized configuration parameter \"cron.database_name\"",
        ] {
            assert!(wants_loading(said), "{said}");
        }
        assert!(!wants_loading("unrecognized configuration parameter \"app.tenant\""));
        assert!(!wants_loading("relation \"shared\" does not exist"));
    }
}
