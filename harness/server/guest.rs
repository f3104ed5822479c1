//! Databases on a server that is not ours: each is leased by an advisory lock and carries a
//! comment, and only what carries the comment and has no lock is ever removed.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::database::{self, Database, Template};
use super::keeper::{Keeper, LOCK_CLASS};
use super::spec::{OLDEST, ServerSpec};
use super::{ServerError, lease};
use crate::postgres::{PostgresError, Session, Target, Version, quote_ident, quote_literal};

/// What the comment on each database of ours begins with.
const MARK: &str = "stairway lease";

/// Us on somebody else's server.
#[derive(Debug)]
pub(super) struct Guest {
    admin: Target,
    keeper: Keeper,
    purpose: Option<String>,
    made: Mutex<BTreeSet<String>>,
}

impl Guest {
    /// Checks that the server will do, removes what dead owners left, and takes a session for
    /// leases.
    pub(super) async fn enter(
        admin: &Target,
        spec: &ServerSpec,
    ) -> Result<(Self, Version), ServerError> {
        let doing = || ServerError::postgres(format!("look at {admin}"));
        let mut session = Session::connect(admin, "admin").await.map_err(doing())?;
        let version = session.version().await.map_err(doing())?;
        if let Some(reason) = refusal(&mut session, &version, spec.major).await.map_err(doing())? {
            return Err(ServerError::Refused { target: admin.to_string(), reason });
        }
        reap(&mut session).await.map_err(ServerError::postgres("remove what dead runs left"))?;
        session.close().await.map_err(doing())?;
        let keeper = Keeper::start(admin).await?;
        let (admin, purpose) = (admin.clone(), spec.purpose.clone());
        Ok((Self { admin, keeper, purpose, made: Mutex::default() }, version))
    }

    /// Makes a database with its lease: lock, database, comment, in this order, so that what
    /// carries the comment and has no lock has no owner.
    pub(super) async fn create(&self, template: Template<'_>) -> Result<Database, ServerError> {
        let name = database::new_name()?;
        let doing = || ServerError::postgres(format!("take a lease on the database {name}"));
        let taken = || PostgresError::Unexpected("somebody has its lock".to_owned());
        self.keeper
            .hold(key(&name))
            .await
            .and_then(|held| if held { Ok(()) } else { Err(taken()) })
            .map_err(doing())?;
        let database = database::create(&self.admin, name.clone(), template).await?;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        let mut comment =
            format!("{MARK}: process {} on {}", std::process::id(), lease::host_name());
        if let Some(purpose) = &self.purpose {
            comment = format!("{comment}, {purpose}");
        }
        let sql =
            format!("COMMENT ON DATABASE {} IS {}", quote_ident(&name), quote_literal(&comment));
        let commented = async {
            let mut session = Session::connect(&self.admin, "admin").await?;
            session.execute(&sql).await?;
            session.close().await
        };
        match commented.await {
            Ok(()) => Ok(database),
            Err(error) => {
                self.drop_database(&name).await?;
                Err(doing()(error))
            }
        }
    }

    /// Drops one of our databases, then its lease.
    pub(super) async fn drop_database(&self, name: &str) -> Result<(), ServerError> {
        database::drop(&self.admin, name).await?;
        self.keeper.release(key(name));
        self.made.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }

    /// Leaves one of our databases to whoever wants it.
    pub(super) async fn forget(&self, database: &Database) -> Result<(), ServerError> {
        let name = &database.name;
        let sql = format!("COMMENT ON DATABASE {} IS NULL", quote_ident(name));
        let commented = async {
            let mut session = Session::connect(&self.admin, "admin").await?;
            session.execute(&sql).await?;
            session.close().await
        };
        commented.await.map_err(ServerError::postgres(format!("leave the database {name}")))?;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }

    /// Drops what we made and did not drop yet; the first error, after trying all.
    pub(super) async fn leave(&self) -> Result<(), ServerError> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut result = Ok(());
        for name in made {
            result = result.and(self.drop_database(&name).await);
        }
        result
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        if made.is_empty() {
            return;
        }
        let admin = self.admin.clone();
        // A runtime of its own: we may be inside of one, where blocking on it is not allowed.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            for name in made {
                let _ = runtime.block_on(database::drop(&admin, &name));
            }
        });
        let _ = thread.join();
    }
}

/// The lock of a database: the first eight digits after the underscore.
fn key(name: &str) -> i32 {
    let digits = name.split('_').nth(1).and_then(|digits| digits.get(..8)).unwrap_or_default();
    u32::from_str_radix(digits, 16).unwrap_or_default().cast_signed()
}

/// Why we can't work there.
async fn refusal(
    session: &mut Session,
    version: &Version,
    wanted: Option<u32>,
) -> Result<Option<String>, PostgresError> {
    if version.major < OLDEST {
        return Ok(Some(format!("it is {version}, and {OLDEST} is the oldest that is supported")));
    }
    if let Some(wanted) = wanted.filter(|wanted| *wanted != version.major) {
        return Ok(Some(format!("it is {version}, and {wanted} is wanted")));
    }
    let mut backends = BTreeSet::new();
    for _ in 0..3 {
        backends.insert(session.value("SELECT pg_backend_pid()").await?);
    }
    if backends.len() > 1 {
        let reason =
            "a pooler gives each transaction another session; connect to the server itself";
        return Ok(Some(reason.to_owned()));
    }
    if session.value("SELECT pg_is_in_recovery()").await?.as_deref() == Some("t") {
        return Ok(Some("it is a standby; name the primary".to_owned()));
    }
    let sql = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user";
    if session.value(sql).await?.as_deref() != Some("t") {
        let role = quote_ident(session.target().role());
        return Ok(Some(format!("the role may not create databases; ALTER ROLE {role} CREATEDB")));
    }
    Ok(None)
}

/// Drops databases that carry our comment and whose lock nobody holds.
pub(super) async fn reap(session: &mut Session) -> Result<(), PostgresError> {
    // Locks of all databases: the owner may be connected to another one than we are.
    let sql = format!(
        "SELECT d.datname FROM pg_database d \
         JOIN pg_shdescription c ON c.objoid = d.oid AND c.classoid = 'pg_database'::regclass \
         WHERE d.datname ~ '^stairway_[0-9a-f]{{16}}$' AND c.description LIKE '{MARK}%' \
         AND pg_has_role(d.datdba, 'USAGE') AND NOT EXISTS (SELECT FROM pg_locks l \
           WHERE l.locktype = 'advisory' AND l.classid = {LOCK_CLASS} AND l.objsubid = 2 \
           AND l.objid::bigint = ('x' || substr(d.datname, 10, 8))::bit(32)::bigint)"
    );
    for row in session.rows(&sql).await? {
        if let Some(Some(name)) = row.first() {
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_ident(name));
            session.execute(&sql).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn the_key_of_a_name_is_what_the_server_makes_of_it() {
        assert_eq!(key("stairway_00000001ffffffff"), 1);
        assert_eq!(key("stairway_ffffffff00000000"), -1);
    }
}
