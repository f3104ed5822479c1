//! Keeping other roles out of the database, and letting them in again.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::postgres::{PostgresError, Session, quote_ident, quote_literal};

use crate::steps;

use super::journal::{Entry, Journal};
use super::run::{Run, Stop};

/// How long sessions that are told to end may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks whether they have.
const PAUSE: Duration = Duration::from_millis(50);

/// A closed fence: what it was like before.
#[derive(Clone, Debug)]
pub(super) struct Fence {
    database: String,
    acl: Option<String>,
}

/// Why a fence does not hold.
#[derive(Debug)]
enum Gap {
    Postgres(PostgresError),
    /// What is wrong, and what helps.
    Open(String, &'static str),
}

impl From<PostgresError> for Gap {
    fn from(error: PostgresError) -> Self {
        Self::Postgres(error)
    }
}

impl Fence {
    /// Takes the right to connect from everybody but the run's role and superusers, ends their
    /// sessions, and sees that nobody is left who could write. The journal says so before
    /// anything is taken, so that whoever ends the run opens the fence also if this fails or is given up.
    pub(super) async fn close(run: &mut Run<'_>, worker: &mut Session) -> Result<(), Stop> {
        let exit = Exit::PreflightRefused;
        let asked =
            |error: &PostgresError| Stop::postgres(exit, "the fence can't be closed", error);
        let sql = "SELECT datname, datacl::text FROM pg_catalog.pg_database \
                   WHERE datname = pg_catalog.current_database()";
        let row = worker.rows(sql).await.map_err(|e| asked(&e))?.into_iter().next();
        let mut cells = row.unwrap_or_default().into_iter();
        let database = cells.next().flatten().unwrap_or_default();
        let fence = Self { database, acl: cells.next().flatten() };
        run.journal(Entry::Fencing { acl: fence.acl.clone() })?;
        match fence.keep_out(worker).await {
            Ok(()) => {
                run.note("other roles are kept out until the run has ended");
                Ok(())
            }
            Err(Gap::Open(why, help)) => {
                Err(Stop::new(exit, format!("the fence would not hold: {why}")).help(help))
            }
            Err(Gap::Postgres(error)) => Err(asked(&error).help(
                "a fence takes the ownership of the database, and pg_signal_backend or membership \
                 to end the sessions of other roles",
            )),
        }
    }

    /// As a journal has it, if the run closed one and did not open it again.
    pub(super) fn in_journal(journal: &Journal) -> Option<Self> {
        let database = journal.begun()?.database.name.clone();
        journal.entries().iter().rev().find_map(|entry| match entry {
            Entry::Opened => Some(None),
            Entry::Fencing { acl } => {
                Some(Some(Self { database: database.clone(), acl: acl.clone() }))
            }
            _ => None,
        })?
    }

    /// The privileges of before.
    pub(super) fn acl(&self) -> Option<&str> {
        self.acl.as_deref()
    }

    async fn keep_out(&self, worker: &mut Session) -> Result<(), Gap> {
        // A superuser's session would be back as soon as it was ended.
        stranger(worker).await?;
        let name = quote_ident(&self.database);
        // The owner too: it has the right by the same list. It may still give it back to itself,
        // which nobody does by chance.
        let roles = "SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' \
                       ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END \
                     FROM pg_catalog.pg_database d, \
                       pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a \
                     WHERE d.datname = pg_catalog.current_database() AND a.privilege_type = 'CONNECT' \
                       AND a.grantee <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)";
        let roles: Vec<String> =
            worker.rows(roles).await?.into_iter().flatten().flatten().collect();
        // A role that may connect through PUBLIC alone must be able to go on itself.
        let mut message = format!("GRANT CONNECT ON DATABASE {name} TO SESSION_USER");
        for role in roles {
            let _ = write!(message, "; REVOKE CONNECT ON DATABASE {name} FROM {role}");
        }
        worker.execute(&message).await?;
        // Where the role may not, the server only warns; and who is a member of a role that may
        // connect may do so as well.
        if let Some(role) = worker.value(MAY_CONNECT).await? {
            let why = format!("role {role} may still connect");
            let help = "run it as the owner of the database, and let no application be a member of \
                        the run's role or get the right to connect from somebody else than the owner";
            return Err(Gap::Open(why, help));
        }
        empty(worker).await?;
        stranger(worker).await
    }

    /// Gives everybody back what they had.
    pub(super) async fn open(&self, session: &mut Session) -> Result<(), PostgresError> {
        let name = quote_ident(&self.database);
        let acl = match &self.acl {
            Some(acl) => format!("{}::aclitem[]", quote_literal(acl)),
            None => "pg_catalog.acldefault('d', d.datdba)".to_owned(),
        };
        let grants =
            steps::grants_of(session, &self.database, Some(self.acl()), &self.database).await?;
        let own = format!(
            "SELECT quote_ident(session_user) WHERE NOT EXISTS (SELECT FROM \
             pg_catalog.pg_database d, pg_catalog.aclexplode({acl}) a WHERE d.datname = {} AND a.grantee \
             = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))",
            quote_literal(&self.database)
        );
        let mut message = String::from("BEGIN");
        // What the fence gave to the run's own role, unless it had it before.
        if let Some(role) = session.value(&own).await? {
            let _ = write!(message, "; REVOKE CONNECT ON DATABASE {name} FROM {role}");
        }
        for grant in grants {
            message.push_str("; ");
            message.push_str(&grant);
        }
        message.push_str("; COMMIT");
        session.execute(&message).await
    }
}

/// A role that may still come in. Superusers always may: their sessions are looked at.
const MAY_CONNECT: &str = "SELECT rolname FROM pg_catalog.pg_roles \
    WHERE rolcanlogin AND NOT rolsuper AND rolname <> session_user \
    AND pg_catalog.has_database_privilege(oid, pg_catalog.current_database(), 'CONNECT') \
    ORDER BY 1 LIMIT 1";

/// Sessions of others in this database, whatever the role may see of them beyond that.
const OTHERS: &str = "FROM pg_catalog.pg_stat_activity s \
    WHERE s.datname = pg_catalog.current_database() AND s.pid <> pg_catalog.pg_backend_pid() \
    AND s.usename <> session_user";

/// Sessions that are on the way in hold this lock until they can be seen; they may have been let in
/// just before the right was taken.
const COMING: &str = "FROM pg_catalog.pg_locks l \
    WHERE l.locktype = 'object' AND l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass \
    AND l.objid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
    AND l.mode = 'RowExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid()";

/// Fails if somebody is in the database whom no fence keeps out: a superuser, an application with the
/// role of the run, a subscription that writes by itself.
async fn stranger(worker: &mut Session) -> Result<(), Gap> {
    let sql = "SELECT s.pid, s.application_name, s.usename, s.usename = session_user FROM pg_catalog.pg_stat_activity s \
         JOIN pg_catalog.pg_roles r ON r.oid = s.usesysid \
         WHERE s.datname = pg_catalog.current_database() AND s.pid <> pg_catalog.pg_backend_pid() \
           AND CASE WHEN s.usename = session_user THEN s.application_name NOT LIKE 'stairway%' \
             ELSE r.rolsuper END ORDER BY s.pid LIMIT 1";
    if let Some(row) = worker.rows(sql).await?.into_iter().next() {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let who = format!("process {} ({}, role {})", next(), next(), next());
        return Err(if next() == "t" {
            let help = "give migrations a role that no application has";
            Gap::Open(format!("{who} has this run's role: a fence can't keep it out"), help)
        } else {
            let help = "end it, and give applications roles that are no superusers";
            Gap::Open(format!("{who} is a superuser's: a fence can't keep it out"), help)
        });
    }
    let sql = "SELECT subname FROM pg_catalog.pg_subscription WHERE subenabled AND subdbid = \
         (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) LIMIT 1";
    match worker.value(sql).await? {
        None => Ok(()),
        Some(name) => {
            let why = format!("subscription {name} writes into this database");
            Err(Gap::Open(why, "ALTER SUBSCRIPTION .. DISABLE it until the run has ended"))
        }
    }
}

/// Ends the sessions of other roles and waits until they are gone.
async fn empty(worker: &mut Session) -> Result<(), Gap> {
    let coming = format!("SELECT pg_catalog.array_agg(l.pid) {COMING}");
    let coming = worker.value(&coming).await?.unwrap_or_else(|| "{}".to_owned());
    let still_coming = format!(
        "SELECT EXISTS (SELECT {COMING} AND l.pid = ANY ({}::int[]))",
        quote_literal(&coming)
    );
    let end = format!("SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(s.pid)) {OTHERS}");
    let left =
        format!("SELECT s.pid, s.application_name, s.usename {OTHERS} ORDER BY s.pid LIMIT 1");
    let start = Instant::now();
    loop {
        let is_coming = worker.value(&still_coming).await?.as_deref() == Some("t");
        worker.execute(&end).await?;
        let left = worker.rows(&left).await?.into_iter().next();
        if left.is_none() && !is_coming {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            let mut cells = left.unwrap_or_default().into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let why = format!("process {} ({}, role {}) does not end", next(), next(), next());
            return Err(Gap::Open(why, "end it by hand, then run again"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
