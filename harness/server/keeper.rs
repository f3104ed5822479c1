//! A session that holds locks for as long as we live, on a thread of its own: whatever happens to
//! the caller's runtime, the session stays, and when we are killed the server sees it go.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::ServerError;
use crate::postgres::{PostgresError, Session, Target};

/// The first half of every advisory lock of ours; the second says which lease.
pub(super) const LOCK_CLASS: i32 = 0x0057_A125;
/// How often the session is checked, and made again if it was lost.
const PULSE: Duration = Duration::from_secs(2);

/// The thread and its session; the locks go when this is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Hold(i32, oneshot::Sender<Result<bool, PostgresError>>),
    Release(i32),
}

impl Keeper {
    /// Connects to `target`.
    pub(super) async fn start(target: &Target) -> Result<Self, ServerError> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (started, begun) = oneshot::channel();
        let to = target.clone();
        let thread = std::thread::Builder::new()
            .name("stairway lease".to_owned())
            .spawn(move || keep(&to, inbox, started))
            .map_err(ServerError::io("start a thread"))?;
        let keeper = Self { orders: Some(orders), thread: Some(thread) };
        let doing = || ServerError::postgres(format!("take a lease on {target}"));
        begun.await.map_err(|_| lost()).and_then(|begun| begun).map_err(doing())?;
        Ok(keeper)
    }

    /// Takes the lock `key` of our class; false if somebody else has it.
    pub(super) async fn hold(&self, key: i32) -> Result<bool, PostgresError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.orders.as_ref().map(|orders| orders.send(Order::Hold(key, answer)));
        if sent.is_none_or(|sent| sent.is_err()) {
            return Err(lost());
        }
        answered.await.map_err(|_| lost())?
    }

    /// Lets go of the lock `key`.
    pub(super) fn release(&self, key: i32) {
        if let Some(orders) = &self.orders {
            // Without a thread there is no lock either.
            let _ = orders.send(Order::Release(key));
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lost() -> PostgresError {
    PostgresError::Unexpected("the lease's session ended".to_owned())
}

/// The thread: a small runtime with nothing but the session.
fn keep(
    target: &Target,
    mut inbox: mpsc::UnboundedReceiver<Order>,
    started: oneshot::Sender<Result<(), PostgresError>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(PostgresError::Unexpected(error.to_string())));
            return;
        }
    };
    runtime.block_on(async move {
        let mut session = match connect(target).await {
            Ok(session) => session,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(Ok(()));
        let mut held = Vec::new();
        loop {
            match tokio::time::timeout(PULSE, inbox.recv()).await {
                Ok(None) => break,
                Ok(Some(Order::Hold(key, answer))) => {
                    let got = lock(&mut session, key).await;
                    if matches!(got, Ok(true)) {
                        held.push(key);
                    }
                    let _ = answer.send(got);
                }
                Ok(Some(Order::Release(key))) => {
                    held.retain(|known| *known != key);
                    let sql = format!("SELECT pg_advisory_unlock({LOCK_CLASS}, {key})");
                    let _ = session.execute(&sql).await;
                }
                Err(_) => {
                    if session.execute("SELECT 1").await.is_err() {
                        session = again(target, session, &held).await;
                    }
                }
            }
        }
        let _ = session.close().await;
    });
}

async fn connect(target: &Target) -> Result<Session, PostgresError> {
    let mut session = Session::connect(target, "lease").await?;
    // Nobody may end it for idleness; a broken network is to be noticed in half a minute.
    let settings = "SET idle_session_timeout = 0; SET statement_timeout = 0; \
                    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
                    SET tcp_keepalives_count = 4";
    session.execute(settings).await?;
    Ok(session)
}

async fn lock(session: &mut Session, key: i32) -> Result<bool, PostgresError> {
    let sql = format!("SELECT pg_try_advisory_lock({LOCK_CLASS}, {key})");
    Ok(session.value(&sql).await?.as_deref() == Some("t"))
}

/// After the server restarted all of its sessions: a new one with the same locks, or the lost one
/// if the server is still not back.
async fn again(target: &Target, lost: Session, held: &[i32]) -> Session {
    let Ok(mut session) = connect(target).await else { return lost };
    for key in held {
        let _ = lock(&mut session, *key).await;
    }
    session
}
