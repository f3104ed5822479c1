//! Threads, each with a connection of its own and nothing else to do.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::postgres::{Session, Target};
use crate::workload::WorkloadError;

use super::gone;

/// A server that does not answer those who only look for so long is gone.
const SILENCE: Duration = Duration::from_mins(1);

/// A thread, and whether it is connected.
pub(super) type Begun = (JoinHandle<()>, oneshot::Receiver<Result<(), WorkloadError>>);

/// Begins a thread that connects, tells so or why not, and works.
pub(super) fn begin<S>(
    name: String,
    connect: impl AsyncFnOnce() -> Result<S, WorkloadError> + Send + 'static,
    work: impl AsyncFnOnce(S) + Send + 'static,
) -> Result<Begun, WorkloadError> {
    let (tell, told) = oneshot::channel();
    let failed = |error: std::io::Error| WorkloadError::Threads(error.to_string());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let all = async move || match connect().await {
        Ok(connected) => {
            // Nobody may wait for it any more.
            let _ = tell.send(Ok(()));
            work(connected).await;
        }
        Err(error) => {
            let _ = tell.send(Err(error));
        }
    };
    let thread = std::thread::Builder::new().name(name);
    let thread = thread.spawn(move || runtime.block_on(all())).map_err(failed)?;
    Ok((thread, told))
}

/// One that looks at what others do; gives when it is connected.
pub(super) async fn beside(
    name: &'static str,
    target: &Target,
    work: impl AsyncFnOnce(Session) + Send + 'static,
) -> Result<JoinHandle<()>, WorkloadError> {
    let target = target.clone();
    let connect = async move || {
        let mut session = Session::connect(&target, name).await?;
        session.give_up_after(SILENCE);
        Ok(session)
    };
    let (thread, told) = begin(name.to_owned(), connect, work)?;
    told.await.map_err(|_| gone())??;
    Ok(thread)
}
