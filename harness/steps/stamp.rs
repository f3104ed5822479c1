//! Writing the version table without running anything.

use crate::migrations::{Applied, Migration};
use crate::postgres::{PostgresError, Session};

use super::version_table::Ledger;

/// Makes the version table say that exactly `kept` is applied, base first, in one transaction;
/// `found` is what it says now. Rows that are as they should be stay as they are.
pub async fn stamp(
    session: &mut Session,
    ledger: &Ledger,
    kept: &[Migration],
    found: &[Applied],
) -> Result<(), PostgresError> {
    let fits = |row: &Applied| {
        let of = kept.iter().find(|migration| migration.version == row.version);
        let same = |it: &Migration| row.checksum.is_none() || row.checksum == it.upgrade.recorded;
        row.whole && of.is_some_and(same)
    };
    let mut statements = vec!["BEGIN".to_owned()];
    let own = ledger.stamp(kept);
    match kept.last() {
        _ if own.is_some() => statements.extend(own.into_iter().flatten()),
        None => statements.push(ledger.forget_all()),
        Some(last) if ledger.keeps_last_only() => statements.push(ledger.record(last)),
        Some(_) => {
            let wrong = found.iter().filter(|row| !fits(row));
            statements.extend(wrong.map(|row| ledger.forget(&row.version)));
            let is_there =
                |it: &&Migration| found.iter().any(|row| row.version == it.version && fits(row));
            let missing = kept.iter().filter(|migration| !is_there(migration));
            statements.extend(missing.map(|migration| ledger.record(migration)));
        }
    }
    statements.push("COMMIT".to_owned());
    let done = session.execute(&statements.join(";\n")).await;
    if done.is_err() {
        let _ = session.execute("ROLLBACK").await;
    }
    done
}
