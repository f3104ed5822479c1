//! How far a restore is, seen by the size of the database that it fills.

use std::time::Duration;

use crate::postgres::{Session, Target, quote_literal};

use super::run::{Amount, Run};

/// Between two looks.
const PULSE: Duration = Duration::from_secs(1);

/// Waits for `work`, which fills the database `name`, and tells meanwhile how large that is; `of` bytes
/// are about what it will be. `admin` is another database of the same server. Where that can't be asked
/// nothing is told.
pub(super) async fn told<T>(
    run: &mut Run<'_>,
    (admin, name, of): (&Target, &str, u64),
    work: impl Future<Output = T>,
) -> T {
    let mut eye = Session::connect(admin, "look").await.ok();
    let size = format!("SELECT pg_catalog.pg_database_size({})", quote_literal(name));
    let mut pulse = tokio::time::interval(PULSE);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = pulse.tick() => {}
        }
        let Some(session) = &mut eye else { continue };
        // The work goes on while the server answers.
        let asked = tokio::select! {
            biased;
            done = &mut work => return done,
            asked = session.value(&size) => asked,
        };
        match asked {
            Ok(bytes) => {
                let bytes = bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or_default();
                run.amount(Amount { word: "restored", bytes, of: Some(of) });
            }
            Err(_) => eye = None,
        }
    }
}
