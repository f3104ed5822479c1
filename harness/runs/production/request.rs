//! What is asked of a run that touches production.

use std::path::PathBuf;
use std::time::Duration;

use crate::migrations::{Direction, History};
use crate::postgres::{Profile, Target};
use crate::server::ServerSpec;

use super::attested::Demand;

/// A run that is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which way.
    pub verb: Direction,
    /// A revision word: `head`, `-1`, an id or its unique prefix.
    pub goal: String,
    /// The database.
    pub target: Target,
    /// The migrations.
    pub history: History,
    /// Where the copy for the rehearsal is made.
    pub copy: ServerSpec,
    /// The folder of backups.
    pub backups: PathBuf,
    /// The folder of journals.
    pub state: PathBuf,
    /// `production`, `staging` or `development`, for reports.
    pub environment: String,
    /// What is left out or accepted.
    pub switches: Switches,
    /// How long things may take.
    pub patience: Patience,
    /// How many jobs dump into a folder; `None` for one file.
    pub jobs: Option<u32>,
    /// Tables that must be there and readable afterwards.
    pub critical_tables: Vec<String>,
    /// The folder of query tests, if there is one.
    pub checks: Option<PathBuf>,
    /// Whose attestation is demanded before anything is applied.
    pub attestation: Option<Demand>,
}

/// What is left out or accepted for one run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Switches {
    /// No backup, so no rehearsal and no restore either.
    pub skip_backup: bool,
    /// No rehearsal on a copy.
    pub skip_test: bool,
    /// Go on although the rehearsal failed.
    pub force: bool,
    /// Keep other roles out while it runs.
    pub fence: bool,
    /// Go on although somebody changed the schema since the last run.
    pub allow_drift: bool,
    /// Only look, and write nothing anywhere.
    pub dry_run: bool,
    /// What may be lost by a restore of that which was written since the backup.
    pub accept_loss: Option<Accepted>,
    /// A restore may take the backup of another server.
    pub from_other_server: bool,
}

/// What somebody accepts to lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// So many row versions, counted.
    Rows(u64),
    /// Everything, also what nobody can count.
    All,
}

impl Accepted {
    /// How many row versions that is.
    pub fn rows(accepted: Option<Self>) -> u64 {
        match accepted {
            None => 0,
            Some(Self::Rows(most)) => most,
            Some(Self::All) => u64::MAX,
        }
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the moves, and as long again for their rehearsal.
    pub timeout: Duration,
    /// For the server to answer.
    pub connect: Duration,
    /// For another runner to end.
    pub runner: Duration,
    /// Older transactions of others refuse the run.
    pub transaction: Duration,
    /// How long the first try waits for a lock, and the longest one.
    pub lock: (Duration, Duration),
    /// How many tries.
    pub tries: u32,
    /// The longest pause between two tries.
    pub pause: Duration,
    /// How long a transaction of ours may stand open without work.
    pub idle: Duration,
}

impl Patience {
    /// The settings of a session that works on the database.
    pub(super) fn profile(&self, read_only: bool) -> Profile {
        Profile {
            lock_timeout: self.lock.1,
            statement_timeout: self.timeout,
            idle_in_transaction: self.idle,
            read_only,
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(5),
            connect: Duration::from_secs(10),
            runner: Duration::from_secs(10),
            transaction: Duration::from_mins(5),
            lock: (Duration::from_millis(100), Duration::from_secs(2)),
            tries: 20,
            pause: Duration::from_secs(15),
            idle: Duration::from_mins(1),
        }
    }
}
