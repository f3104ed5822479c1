//! One database in the place of another, in one transaction, with nobody in either. Nothing is
//! dropped: the one that was there is kept under another name.

use std::time::{Duration, Instant};

use crate::postgres::{PostgresError, Session, quote_ident, quote_literal};

/// How long clients that come back again and again may keep a database from being renamed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lets nobody into the database any more, or lets them in again. `admin` is in another database.
pub async fn allow_connections(
    admin: &mut Session,
    database: &str,
    allowed: bool,
) -> Result<(), PostgresError> {
    let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS {allowed}", quote_ident(database));
    admin.execute(&sql).await
}

/// Sees that nobody is in a database that lets nobody in any more, but for `own`, a session of ours, so
/// that whatever was written there is there. Fails if somebody does not go.
pub async fn keep_others_out(
    admin: &mut Session,
    database: &str,
    own: &mut Session,
) -> Result<(), PostgresError> {
    await_starting(admin, database).await?;
    let own = own.value("SELECT pg_catalog.pg_backend_pid()").await?.unwrap_or_default();
    // Workers of the server itself, such as autovacuum, are nobody's.
    let others = format!(
        "FROM pg_catalog.pg_stat_activity WHERE datname = {} AND usesysid IS NOT NULL \
         AND pid <> {own} AND pid <> pg_catalog.pg_backend_pid()",
        quote_literal(database)
    );
    let start = Instant::now();
    loop {
        let left = format!("SELECT pid, application_name {others}");
        let Some(row) = admin.rows(&left).await?.into_iter().next() else { return Ok(()) };
        if start.elapsed() > PATIENCE {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let (pid, application) = (next(), next());
            return Err(PostgresError::Unexpected(format!(
                "process {pid} ({application}) is still in {database} and does not end"
            )));
        }
        admin
            .execute(&format!("SELECT pg_catalog.pg_terminate_backend(pid, 1000) {others}"))
            .await?;
    }
}

/// Waits for sessions that were let in before and are not listed yet: until they are, they hold a lock
/// on the database that a rename waits for before it says that the name is taken.
async fn await_starting(admin: &mut Session, database: &str) -> Result<(), PostgresError> {
    let name = quote_ident(database);
    match admin.execute(&format!("ALTER DATABASE {name} RENAME TO {name}")).await {
        // duplicate_database
        Err(PostgresError::Sql(failure)) if failure.sqlstate == "42P04" => Ok(()),
        other => other,
    }
}

/// Whether a database lets nobody in.
pub async fn is_closed(admin: &mut Session, database: &str) -> Result<bool, PostgresError> {
    let sql = format!(
        "SELECT NOT datallowconn FROM pg_catalog.pg_database WHERE datname = {}",
        quote_literal(database)
    );
    Ok(admin.value(&sql).await?.as_deref() == Some("t"))
}

/// Gives `current`'s name to `restored`, and the name `kept` to `current`. Nobody must be let into
/// `current` any more; who is still there is ended.
pub async fn swap(
    admin: &mut Session,
    current: &str,
    restored: &str,
    kept: &str,
) -> Result<(), PostgresError> {
    let names = [current, restored].map(quote_literal).join(", ");
    let end = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity \
         WHERE datname IN ({names}) AND pid <> pg_catalog.pg_backend_pid()"
    );
    let rename = format!(
        "BEGIN; ALTER DATABASE {current} RENAME TO {kept}; ALTER DATABASE {restored} RENAME TO {current}",
        current = quote_ident(current),
        kept = quote_ident(kept),
        restored = quote_ident(restored)
    );
    let start = Instant::now();
    loop {
        admin.execute(&end).await?;
        let renamed = match admin.execute(&rename).await {
            Ok(()) => admin.execute("COMMIT").await,
            Err(error) => Err(error),
        };
        let Err(error) = renamed else { return Ok(()) };
        let _ = admin.execute("ROLLBACK").await;
        // object_in_use: somebody was faster.
        let is_in_use = error.sql().is_some_and(|failure| failure.sqlstate == "55006");
        if !is_in_use || start.elapsed() > PATIENCE {
            return Err(error);
        }
    }
}

/// Whether a database of this name is there.
pub async fn is_there(admin: &mut Session, database: &str) -> Result<bool, PostgresError> {
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = {})",
        quote_literal(database)
    );
    Ok(admin.value(&sql).await?.as_deref() == Some("t"))
}

/// Drops a database that a restore was made into and that never took a place.
pub async fn drop_restored(admin: &mut Session, database: &str) -> Result<(), PostgresError> {
    admin.execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_ident(database))).await
}
