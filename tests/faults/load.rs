//! Clients that write while a run is under way, and a witness who remembers what the server said of
//! each row: there, gone, or unknown where no answer came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use stairway::postgres::{PostgresError, Session, Target};
use tokio::runtime::Runtime;

use crate::site::Site;

/// Rows of the witness begin behind those of the site.
const FIRST: u64 = 1_000_000;
/// A client is none that never thinks.
const THINKS: Duration = Duration::from_millis(4);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    There,
    Gone,
    Unknown,
}

#[derive(Default)]
struct Shared {
    rows: Mutex<BTreeMap<u64, Row>>,
    /// Held for reading around each statement, for writing while the rows are compared.
    still: RwLock<()>,
    is_over: AtomicBool,
}

/// Clients at work; they end with this value.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts clients with a role of their own, which a fence keeps out.
    pub(crate) fn start(site: &Site, clients: u64) -> Self {
        site.sql(
            "CREATE ROLE clerk LOGIN; GRANT SELECT, INSERT, DELETE ON orders TO clerk; \
             GRANT SELECT ON users TO clerk; CREATE UNIQUE INDEX orders_amount ON orders (amount)",
        );
        let shared = Arc::new(Shared::default());
        let client = |nth| {
            let (shared, target) = (Arc::clone(&shared), site.target.as_role("clerk"));
            std::thread::spawn(move || work(&shared, &target, nth))
        };
        let clients = (1..=clients).map(client).collect();
        Self { shared, clients }
    }

    /// How many rows the witness knows of.
    pub(crate) fn count(&self) -> usize {
        self.shared.rows.lock().unwrap().len()
    }

    /// While nobody writes: every row that the server said was there is there once, none that it said
    /// was gone, and no other one. What nobody knows is known from now on.
    pub(crate) fn compare(&self, site: &Site) {
        let _still = self.shared.still.write().unwrap();
        let found = site.sql(&format!("SELECT amount FROM orders WHERE amount >= {FIRST}"));
        let found: Vec<u64> =
            found.into_iter().flatten().flatten().map(|text| text.parse().unwrap()).collect();
        let there: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!(found.len(), there.len(), "rows stand there twice");
        let mut rows = self.shared.rows.lock().unwrap();
        let lost: Vec<_> =
            rows.iter().filter(|(key, row)| **row == Row::There && !there.contains(key)).collect();
        assert!(lost.is_empty(), "{} committed rows are lost: {lost:?}", lost.len());
        let back: Vec<_> = there
            .iter()
            .filter(|key| !matches!(rows.get(key), Some(Row::There | Row::Unknown)))
            .collect();
        assert!(back.is_empty(), "rows that were deleted or never written are there: {back:?}");
        for (key, row) in rows.iter_mut() {
            *row = if there.contains(key) { Row::There } else { Row::Gone };
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

fn work(shared: &Shared, target: &Target, nth: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut session = None;
    for count in 0.. {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        {
            let _moving = shared.still.read().unwrap();
            if session.is_none() {
                session = runtime.block_on(Session::connect(target, "test client")).ok();
            }
            if let Some(open) = &mut session {
                let key = FIRST + nth * FIRST + count;
                let is_well = one(shared, &runtime, open, key);
                if !is_well {
                    session = None;
                }
            }
        }
        std::thread::sleep(THINKS);
    }
}

/// Writes a row, and deletes an older one now and then. Gives whether the session still stands.
fn one(shared: &Shared, runtime: &Runtime, session: &mut Session, key: u64) -> bool {
    let insert = format!("INSERT INTO orders (user_id, amount) VALUES (1 + {key} % 1000, {key})");
    let is_well = tell(shared, runtime, session, key, &insert, (Row::There, Row::Gone));
    let old = key - 3;
    if is_well
        && key.is_multiple_of(5)
        && shared.rows.lock().unwrap().get(&old) == Some(&Row::There)
    {
        let delete = format!("DELETE FROM orders WHERE amount = {old}");
        return tell(shared, runtime, session, old, &delete, (Row::Gone, Row::There));
    }
    is_well
}

fn tell(
    shared: &Shared,
    runtime: &Runtime,
    session: &mut Session,
    key: u64,
    sql: &str,
    (done, undone): (Row, Row),
) -> bool {
    shared.rows.lock().unwrap().insert(key, Row::Unknown);
    let result = runtime.block_on(session.execute(sql));
    let (row, is_well) = match &result {
        Ok(()) => (done, true),
        // A session that is ended may have committed before: nobody can tell.
        Err(PostgresError::Sql(failure)) if !failure.sqlstate.starts_with("57") => (undone, true),
        Err(_) => (Row::Unknown, false),
    };
    shared.rows.lock().unwrap().insert(key, row);
    is_well
}
