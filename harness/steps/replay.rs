//! One migration forward for the sake of the next ones.

use crate::migrations::Migration;
use crate::postgres::{PostgresError, Session, Target};

use super::program::connect;
use super::script::StepFailure;
use super::version_table::Ledger;

/// Settings that a session gets when it begins.
const SETTINGS: &str = "SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', setdatabase, \
    setrole, setconfig), ',' ORDER BY setdatabase, setrole) FROM pg_catalog.pg_db_role_setting";

/// Runs the upgrade of `migration` in `session`, which is opened again if settings of the database
/// or its roles are others afterwards.
pub async fn replay(
    database: &Target,
    session: &mut Session,
    ledger: &Ledger,
    migration: &Migration,
) -> Result<Result<(), StepFailure>, PostgresError> {
    // Few migrations change settings: most texts say that they can't.
    let may_set = may_set(&migration.upgrade.text);
    let before = if may_set { settings(session).await? } else { None };
    let done = super::apply(session, ledger, migration).await.map(drop);
    if may_set && settings(session).await? != before {
        let fresh = connect(ledger.tool(), database, "climb").await?;
        let old = std::mem::replace(session, fresh);
        // A session that is already lost needs no good-bye.
        let _ = old.close().await;
    }
    Ok(done)
}

/// What sessions begin with, of all databases and roles.
pub(super) async fn settings(session: &mut Session) -> Result<Option<String>, PostgresError> {
    session.value(SETTINGS).await
}

/// Whether the text may change what new sessions begin with: by ALTER DATABASE, ROLE or USER, or
/// by running code whose words are elsewhere.
pub(super) fn may_set(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let says = |word: &&str| text.contains(word);
    (text.contains("alter") && ["database", "role", "user"].iter().any(says))
        || ["select", "call", "execute"].iter().any(says)
        || text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "do")
}
