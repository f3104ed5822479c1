//! A restored copy that may speak to nobody: what a backup brings with it to reach other machines is
//! taken away, and so is every password.
//!
//! Knows the catalogs. Must not know whether the server could reach anybody at all.

use crate::postgres::{PostgresError, Session};

/// What was taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silenced {
    /// Subscriptions that are disabled now, and without an address.
    pub subscriptions: Vec<String>,
    /// Foreign servers that have no address any more.
    pub servers: Vec<String>,
    /// User mappings that have no secret any more, as `role at server`.
    pub mappings: Vec<String>,
    /// Roles that have no password any more.
    pub passwords: Vec<String>,
    /// Jobs of pg_cron that are in a table of its, where nobody runs them.
    pub jobs: u64,
    /// What could not be taken away, and the SQLSTATE.
    pub refused: Vec<String>,
}

const SUBSCRIPTIONS: &str = "SELECT subname, pg_catalog.format('ALTER SUBSCRIPTION %1$I DISABLE; \
    ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); \
    ALTER SUBSCRIPTION %1$I CONNECTION ''host=/nowhere dbname=nothing''', subname) \
    FROM pg_catalog.pg_subscription WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database \
      WHERE datname = pg_catalog.current_database()) ORDER BY 1";
/// libpq would rather go by these two than by the host.
const SERVERS: &str = "SELECT s.srvname, pg_catalog.format('ALTER SERVER %I OPTIONS (%s)', s.srvname, \
      pg_catalog.string_agg(CASE WHEN o.option_name IN ('hostaddr', 'service') \
        THEN pg_catalog.format('DROP %I', o.option_name) \
        ELSE pg_catalog.format('SET %I %L', o.option_name, '/nowhere') END, ', ')) \
    FROM pg_catalog.pg_foreign_server s \
    CROSS JOIN LATERAL pg_catalog.pg_options_to_table(s.srvoptions) o \
    WHERE o.option_name IN ('host', 'hostaddr', 'service', 'server', 'servername', 'dbserver', \
      'address', 'url', 'uri', 'endpoint', 'program', 'filename') GROUP BY s.srvname ORDER BY 1";
const MAPPINGS: &str = "SELECT pg_catalog.format('%s at %s', m.usename, m.srvname), \
      pg_catalog.format('ALTER USER MAPPING FOR %s SERVER %I OPTIONS (%s)', \
        CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(m.usename) END, m.srvname, \
        pg_catalog.string_agg(pg_catalog.format('DROP %I', o.option_name), ', ')) \
    FROM pg_catalog.pg_user_mappings m \
    CROSS JOIN LATERAL pg_catalog.pg_options_to_table(m.umoptions) o \
    WHERE o.option_name ~* 'pass|pwd|secret|token|key|cert' \
    GROUP BY m.umuser, m.usename, m.srvname ORDER BY 1";
/// By a network, as in a container, we come with a password of our own, which no backup has, and need it again.
const PASSWORDS: &str = "SELECT rolname, pg_catalog.format('ALTER ROLE %I PASSWORD NULL', rolname) \
    FROM pg_catalog.pg_authid WHERE rolpassword IS NOT NULL \
      AND NOT (rolname = SESSION_USER AND pg_catalog.inet_client_addr() IS NOT NULL) ORDER BY 1";
const HAS_JOBS: &str = "SELECT pg_catalog.to_regclass('cron.job') IS NOT NULL";
const JOBS: &str = "SELECT count(*) FROM cron.job";

/// Takes it all away from the database behind `session`, a superuser's; passwords only where the
/// whole server is ours.
pub async fn silence(session: &mut Session, is_ours: bool) -> Result<Silenced, PostgresError> {
    let mut silenced = Silenced::default();
    let refused = &mut silenced.refused;
    silenced.subscriptions = each(session, SUBSCRIPTIONS, refused).await?;
    silenced.servers = each(session, SERVERS, refused).await?;
    silenced.mappings = each(session, MAPPINGS, refused).await?;
    if is_ours {
        silenced.passwords = each(session, PASSWORDS, refused).await?;
    }
    if session.value(HAS_JOBS).await?.as_deref() == Some("t") {
        let jobs = session.value(JOBS).await?;
        silenced.jobs = jobs.and_then(|count| count.parse().ok()).unwrap_or_default();
    }
    Ok(silenced)
}

/// Does what a query says is to be done to what, and gives to what it was done.
async fn each(
    session: &mut Session,
    query: &str,
    refused: &mut Vec<String>,
) -> Result<Vec<String>, PostgresError> {
    let mut done = Vec::new();
    for row in session.rows(query).await? {
        let mut cells = row.into_iter().flatten();
        let (Some(name), Some(statement)) = (cells.next(), cells.next()) else { continue };
        match session.execute(&statement).await {
            Ok(()) => done.push(name),
            Err(PostgresError::Sql(it)) => refused.push(format!("{name} ({})", it.sqlstate)),
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

impl Silenced {
    /// What was done, in words; empty for nothing.
    pub fn told(&self) -> Vec<String> {
        let counted = [
            (self.subscriptions.len(), "subscription", "disabled"),
            (self.servers.len(), "foreign server", "without an address"),
            (self.mappings.len(), "user mapping", "without its secret"),
            (self.passwords.len(), "role", "without a password"),
        ];
        let told = counted.iter().filter(|(count, ..)| *count > 0).map(|(count, what, how)| {
            format!("{count} {what}{} {how}", if *count == 1 { "" } else { "s" })
        });
        let jobs = (self.jobs > 0).then(|| format!("{} jobs that nobody runs", self.jobs));
        told.chain(jobs).collect()
    }
}
