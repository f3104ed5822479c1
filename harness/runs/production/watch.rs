//! Work of a session that may take for hours, watched from another one: nothing else tells a long
//! statement from a network that fell silent.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::postgres::{Backend, PostgresError, Session};

use super::fallback;
use super::request::Request;

/// Between two looks.
const PULSE: Duration = Duration::from_secs(5);

/// Waits for `work`, which the server process `backend` does, as long as that is there and the server
/// can be asked. The process ends when its server can't reach us any more.
pub(super) async fn over<T>(
    request: &Request,
    backend: &Backend,
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    let mut work = std::pin::pin!(work);
    let mut eye: Option<Session> = None;
    let mut seen = Instant::now();
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(PULSE) => {}
        }
        let look = look(request, &mut eye, backend);
        let looked = tokio::select! {
            biased;
            done = &mut work => return done,
            looked = look => looked,
        };
        match looked {
            Ok(true) => seen = Instant::now(),
            Ok(false) => return Err(lost()),
            Err(_) if seen.elapsed() > request.patience.timeout => return Err(lost()),
            Err(_) => eye = None,
        }
    }
}

async fn look(
    request: &Request,
    eye: &mut Option<Session>,
    backend: &Backend,
) -> Result<bool, PostgresError> {
    let session = match eye {
        Some(session) => session,
        None => eye.insert(fallback::admin(request).await?),
    };
    backend.is_alive(session).await
}

fn lost() -> PostgresError {
    PostgresError::Lost(std::io::Error::from(std::io::ErrorKind::TimedOut).into())
}
