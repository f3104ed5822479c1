//! What can be seen of a database before anything is done to it. Reads only.

use serde::{Deserialize, Serialize};

use crate::postgres::{PostgresError, Session};

/// Which database of which server: another one by the same name is another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// Its oid; a restored one that took its place has another.
    pub oid: String,
    /// Of the server, the same on its standbys; empty where the role may not ask.
    pub system_identifier: String,
    /// Which history of the server its log belongs to, as in the names of the log's files: another
    /// one since a standby took over. Empty on a standby.
    #[serde(default)]
    pub timeline: String,
    /// When the server was started.
    #[serde(default)]
    pub started: String,
}

/// What became of a server between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Nothing.
    Same,
    /// It was started again: no session of before lives.
    Restarted,
    /// Another one took its place, perhaps without the last that was committed. Its numbers of
    /// transactions are not those of the first one.
    Elsewhere,
}

impl Identity {
    /// What became of the server by the time it was `now`.
    pub fn since(&self, now: &Self) -> Since {
        let differs = |was: &str, is: &str| !was.is_empty() && !is.is_empty() && was != is;
        if differs(&self.system_identifier, &now.system_identifier)
            || differs(&self.timeline, &now.timeline)
        {
            Since::Elsewhere
        } else if differs(&self.started, &now.started) {
            Since::Restarted
        } else {
            Since::Same
        }
    }

    fn of(cells: &mut impl Iterator<Item = Option<String>>) -> Self {
        let mut next = || cells.next().flatten().unwrap_or_default();
        Self {
            name: next(),
            oid: next(),
            system_identifier: next(),
            timeline: next(),
            started: next(),
        }
    }
}

/// What a database and its role are like.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Which one.
    pub identity: Identity,
    /// A standby, which can't be changed.
    pub in_recovery: bool,
    /// In bytes.
    pub size: u64,
    /// The role of the session.
    pub role: String,
    /// Where it looks for names, with its own name for `$user`.
    pub search_path: String,
    /// The role that the database belongs to.
    pub owner: String,
    /// Whether it is a superuser.
    pub is_superuser: bool,
    /// Whether it may make databases.
    pub may_create_databases: bool,
    /// Whether it owns this one, or is a member of the role that does.
    pub owns_database: bool,
    /// Whether it may end the sessions of every role that may connect here, but for superusers'.
    pub may_end_sessions: bool,
    /// Whether it sees what sessions of other roles do.
    pub sees_sessions: bool,
    /// Whether it may make schemas here.
    pub may_create_schemas: bool,
    /// Tables that it may not read, so that a dump fails: schema and name.
    pub unreadable: Vec<String>,
    /// Tables whose rows it sees only some of: a dump would fail.
    pub row_secured: Vec<String>,
    /// Names of transactions prepared for a second phase here: they hold their locks.
    pub prepared: Vec<String>,
    /// Standbys that COMMIT has to wait for, as the setting says.
    pub synchronous: String,
    /// Whether any standby that it could wait for is connected.
    pub has_synchronous: bool,
    /// How far behind in bytes the slowest standby is.
    pub lag: u64,
    /// Where the server's files are, if the role may know.
    pub data_directory: Option<String>,
    /// Where the database's own are, if that is another place.
    pub tablespace: Option<String>,
    /// Indexes that the server calls invalid: schema and name, and their tables'.
    pub invalid_indexes: Vec<(String, String)>,
}

impl Facts {
    /// What the role lacks to put a restored database in the place of this one; nothing if it can.
    pub fn lacks_for_restore(&self) -> Option<String> {
        let wanted = [
            (self.may_create_databases, "CREATEDB"),
            (self.owns_database, "the ownership of the database"),
            (self.may_end_sessions, "pg_signal_backend, to end the sessions of other roles"),
        ];
        let missing = wanted.iter().filter(|(has, _)| !has).map(|(_, what)| *what);
        let missing: Vec<&str> = missing.collect();
        (!self.is_superuser && !missing.is_empty()).then(|| missing.join(" and "))
    }

    /// Whether the role can keep others out of this database.
    pub fn may_fence(&self) -> bool {
        self.is_superuser || self.owns_database
    }
}

/// Another session in this database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// The server process.
    pub pid: i32,
    /// Its role.
    pub role: String,
    /// What it calls itself.
    pub application: String,
    /// `active`, `idle in transaction` and so on.
    pub state: String,
    /// For how many seconds a transaction has been open; `None` if there is none.
    pub transaction: Option<u64>,
    /// Whether the role may not see what it does: state and transaction say nothing then.
    #[serde(default)]
    pub hidden: bool,
}

const DATABASE: &str = "SELECT d.datname, d.oid, \
    (SELECT s.system_identifier FROM pg_catalog.pg_control_system() s), \
    CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN \
      pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8) END, \
    pg_catalog.to_char(pg_catalog.pg_postmaster_start_time() AT TIME ZONE 'UTC', \
      'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), \
    pg_catalog.pg_is_in_recovery(), pg_catalog.pg_database_size(d.oid), current_user, \
    r.rolsuper, r.rolcreatedb, pg_catalog.pg_has_role(d.datdba, 'USAGE'), \
    pg_catalog.pg_get_userbyid(d.datdba), \
    pg_catalog.pg_has_role('pg_signal_backend', 'USAGE') OR NOT EXISTS (\
      SELECT FROM pg_catalog.pg_roles o WHERE o.rolcanlogin AND NOT o.rolsuper \
      AND pg_catalog.has_database_privilege(o.oid, d.oid, 'CONNECT') \
      AND NOT pg_catalog.pg_has_role(o.oid, 'USAGE')), \
    pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE'), \
    pg_catalog.has_database_privilege(d.oid, 'CREATE'), \
    pg_catalog.current_setting('synchronous_standby_names'), \
    pg_catalog.replace(pg_catalog.current_setting('search_path'), '\"$user\"', \
      pg_catalog.quote_ident(current_user)) \
    FROM pg_catalog.pg_database d, pg_catalog.pg_roles r \
    WHERE d.datname = pg_catalog.current_database() AND r.rolname = current_user";
const UNREADABLE: &str = "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'm', 'S') AND c.relpersistence <> 't' \
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
    AND NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') ORDER BY 1";
const ROW_SECURED: &str = "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE pg_catalog.row_security_active(c.oid) ORDER BY 1";
const PREPARED: &str =
    "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()";
const STANDBYS: &str = "SELECT coalesce(pg_catalog.bool_or(sync_state IN ('sync', 'quorum')), false), \
    coalesce(pg_catalog.max(CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 ELSE \
      pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn) END), 0)::bigint \
    FROM pg_catalog.pg_stat_replication";
const FOLDERS: &str = "SELECT (SELECT setting FROM pg_catalog.pg_settings \
      WHERE name = 'data_directory'), \
    nullif(pg_catalog.pg_tablespace_location(dattablespace), '') \
    FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
const INVALID: &str = "SELECT n.nspname || '.' || c.relname, t.relname FROM pg_catalog.pg_index i \
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1";
const OTHERS: &str = "SELECT pid, usename, application_name, state, \
    CASE WHEN xact_start IS NOT NULL THEN \
      pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - xact_start)) END, \
    backend_type IS NULL \
    FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database() \
    AND pid <> pg_catalog.pg_backend_pid() AND usename IS NOT NULL \
    AND coalesce(backend_type, 'client backend') = 'client backend' ORDER BY xact_start, pid";

/// Which database `session` is in.
pub async fn identity(session: &mut Session) -> Result<Identity, PostgresError> {
    let mut cells = first(session.rows(DATABASE).await?).into_iter();
    Ok(Identity::of(&mut cells))
}

/// How large the database of `session` is on disk, in bytes.
pub async fn size(session: &mut Session) -> Result<u64, PostgresError> {
    let sql = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())";
    let size = session.value(sql).await?;
    Ok(size.and_then(|size| size.parse().ok()).unwrap_or_default())
}

/// Looks around; some seconds on a large catalog.
pub async fn facts(session: &mut Session) -> Result<Facts, PostgresError> {
    let row = first(session.rows(DATABASE).await?);
    let mut cells = row.into_iter();
    let identity = Identity::of(&mut cells);
    let mut next = || cells.next().flatten().unwrap_or_default();
    let is = |cell: &str| cell == "t";
    let mut facts = Facts {
        identity,
        in_recovery: is(&next()),
        size: next().parse().unwrap_or_default(),
        role: next(),
        is_superuser: is(&next()),
        may_create_databases: is(&next()),
        owns_database: is(&next()),
        owner: next(),
        may_end_sessions: is(&next()),
        sees_sessions: is(&next()),
        may_create_schemas: is(&next()),
        synchronous: next(),
        search_path: next(),
        ..Facts::default()
    };
    facts.unreadable = list(session, UNREADABLE).await?;
    facts.row_secured = list(session, ROW_SECURED).await?;
    facts.prepared = list(session, PREPARED).await?;
    let mut standbys = first(session.rows(STANDBYS).await?).into_iter().flatten();
    facts.has_synchronous = standbys.next().as_deref() == Some("t");
    facts.lag = standbys.next().and_then(|lag| lag.parse().ok()).unwrap_or_default();
    let mut folders = first(session.rows(FOLDERS).await?).into_iter();
    facts.data_directory = folders.next().flatten();
    facts.tablespace = folders.next().flatten();
    let pair = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().flatten();
        Some((cells.next()?, cells.next()?))
    };
    facts.invalid_indexes = session.rows(INVALID).await?.into_iter().filter_map(pair).collect();
    Ok(facts)
}

/// Who else is in this database, the longest transaction first.
pub async fn others(session: &mut Session) -> Result<Vec<Other>, PostgresError> {
    let other = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter();
        let mut next = || cells.next().flatten();
        Some(Other {
            pid: next()?.parse().ok()?,
            role: next().unwrap_or_default(),
            application: next().unwrap_or_default(),
            state: next().unwrap_or_default(),
            transaction: next().and_then(|seconds| seconds.parse().ok()),
            hidden: next().as_deref() == Some("t"),
        })
    };
    Ok(session.rows(OTHERS).await?.into_iter().filter_map(other).collect())
}

/// Whether something stands between us and the server that gives a session's statements to whatever
/// server process is free: two sessions that are both open then share one, or one changes its own.
///
/// Tries it out on `session` and on `other`, a second one to the same place; neither may stand in a
/// transaction.
pub async fn is_pooled(session: &mut Session, other: &mut Session) -> Result<bool, PostgresError> {
    const PID: &str = "SELECT pg_catalog.pg_backend_pid()";
    let mine = session.value(PID).await?;
    for _ in 0..4 {
        // The transaction keeps its process to itself; a pooler gives it the one that we had.
        let theirs = other.value(&format!("BEGIN; {PID}")).await?;
        // Not asked again where it would wait for the only process there is.
        let is_shared = theirs == mine || session.value(PID).await? != mine;
        other.execute("COMMIT").await?;
        if is_shared {
            return Ok(true);
        }
    }
    Ok(false)
}

fn first(rows: Vec<Vec<Option<String>>>) -> Vec<Option<String>> {
    rows.into_iter().next().unwrap_or_default()
}

async fn list(session: &mut Session, sql: &str) -> Result<Vec<String>, PostgresError> {
    Ok(session.rows(sql).await?.into_iter().flatten().flatten().collect())
}
