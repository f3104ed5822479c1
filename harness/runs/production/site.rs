//! The database that a run is about: how to reach it, and what it is, seen by looking.

use std::time::{Duration, Instant};

use crate::migrations::{Applied, History, Move, Place, compare};
use crate::postgres::{Backend, PostgresError, SYNC_REP, Session, Target, Version};
use crate::schema::{SchemaError, Snapshot};
use crate::steps::{self, Deployed, Ledger, deployed, is_pooled};

use super::request::Request;

/// Between two tries to connect, and between two looks.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Production can't be looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum SiteError {
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

impl SiteError {
    /// The server's report, if this is one.
    pub(super) fn postgres(&self) -> Option<&PostgresError> {
        match self {
            Self::Postgres(error) | Self::Schema(SchemaError::Read(error)) => Some(error),
            Self::Schema(_) => None,
        }
    }
}

/// What a database is at one moment.
#[derive(Debug)]
pub(super) struct Seen {
    /// What its version table says, base first.
    pub(super) applied: Vec<Applied>,
    /// Its schema, without what is ours and the tool's.
    pub(super) schema: Snapshot,
    /// Indexes that are invalid.
    pub(super) invalid: Vec<String>,
    /// Its version table, or where it would be.
    pub(super) ledger: Ledger,
}

/// How to reach the database of a request.
#[derive(Debug)]
pub(super) struct Site<'r> {
    pub(super) request: &'r Request,
    pub(super) version: Version,
}

impl<'r> Site<'r> {
    /// Reaches it for the first time, read-only. Tries again for a while where nobody answers, but
    /// not where somebody says no. Fails where sessions share server processes.
    pub(super) async fn find(request: &'r Request) -> Result<(Self, Session), PostgresError> {
        let mut session = connect(request, "preflight", request.patience.connect).await?;
        let mut other = connect(request, "preflight", request.patience.connect).await?;
        // Before anything is set: a pooler would hand that to whoever has the process next.
        if is_pooled(&mut session, &mut other).await? {
            return Err(PostgresError::Pooled);
        }
        let _ = other.close().await;
        let version = session.version().await?;
        let site = Self { request, version };
        request.patience.profile(true).take(&mut session).await?;
        Ok((site, session))
    }

    /// A session that changes nothing.
    pub(super) async fn reader(&self, purpose: &str) -> Result<Session, PostgresError> {
        let mut session = connect(self.request, purpose, self.request.patience.connect).await?;
        self.request.patience.profile(true).take(&mut session).await?;
        Ok(session)
    }

    /// The same, which waits for a server that starts again.
    pub(super) async fn patient_reader(&self, purpose: &str) -> Result<Session, PostgresError> {
        let patience = self.request.patience.timeout.max(self.request.patience.connect);
        let mut session = connect(self.request, purpose, patience).await?;
        self.request.patience.profile(true).take(&mut session).await?;
        Ok(session)
    }

    /// A session that may change things, and the process that serves it. Waits for a server that
    /// starts again.
    pub(super) async fn worker(&self, run: &str) -> Result<(Session, Backend), PostgresError> {
        let purpose = format!("{} {run}", self.request.verb.as_str());
        let patience = self.request.patience.timeout.max(self.request.patience.connect);
        let start = Instant::now();
        let mut session = loop {
            let left = patience.saturating_sub(start.elapsed());
            let Request { target, history, .. } = self.request;
            let one = || steps::connect(history.tool, target, &purpose);
            let mut session = until(left, target, one).await?;
            let standby = session.value("SELECT pg_catalog.pg_is_in_recovery()").await?;
            if standby.as_deref() != Some("t") {
                break session;
            }
            // One that is about to take over, perhaps.
            if start.elapsed() > patience {
                let answers = "a standby answers: it can't be changed, and may not be up to date";
                return Err(PostgresError::Unexpected(answers.to_owned()));
            }
            tokio::time::sleep(PAUSE).await;
        };
        self.request.patience.profile(false).take(&mut session).await?;
        let backend = Backend::of(&mut session).await?;
        Ok((session, backend))
    }

    /// The version table, and whether it is there.
    pub(super) async fn ledger(
        &self,
        session: &mut Session,
    ) -> Result<(Ledger, bool), PostgresError> {
        Ledger::find(session, &self.request.history.records).await
    }

    /// Looks at the version table and the schema.
    pub(super) async fn look(&self) -> Result<Seen, SiteError> {
        let mut session = self.reader("look").await?;
        let (ledger, is_there) = self.ledger(&mut session).await?;
        let applied = if is_there {
            ledger.read(&mut session, &self.request.history).await?
        } else {
            Vec::new()
        };
        let Deployed { schema, invalid } =
            deployed(&mut session, self.version.major, &ledger).await?;
        session.close().await?;
        Ok(Seen { applied, schema, invalid, ledger })
    }

    /// Waits until a server process has ended; ends it after half of the time.
    pub(super) async fn outlast(&self, backend: &Backend) -> Result<Outlasted, PostgresError> {
        let patience = self.request.patience.timeout.max(Duration::from_secs(10));
        let mut session = self.patient_reader("settle").await?;
        let start = Instant::now();
        let (mut is_told, mut unreplicated) = (false, false);
        while backend.is_alive(&mut session).await? {
            // Nobody else sees what it has committed before it has ended: that is no BEFORE.
            unreplicated |= backend.waits_for(&mut session).await?.as_deref() == Some(SYNC_REP);
            if start.elapsed() > patience {
                return Ok(Outlasted { has_ended: false, unreplicated });
            }
            // A client that has gone is noticed within moments; what still works then waits for
            // something else.
            if !is_told && start.elapsed() > Duration::from_secs(2).min(patience / 2) {
                is_told = true;
                // The role may be another one's; then it is waited for.
                let _ = backend.terminate(&mut session).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Outlasted { has_ended: true, unreplicated: unreplicated && is_told })
    }
}

/// What became of a server process that was waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlasted {
    pub(super) has_ended: bool,
    /// It had committed, and waited for standbys when it was ended.
    pub(super) unreplicated: bool,
}

async fn connect(
    request: &Request,
    purpose: &str,
    patience: Duration,
) -> Result<Session, PostgresError> {
    reach(&request.target, purpose, patience).await
}

/// Connects to any database, for as long as `patience` where nobody answers.
pub(super) async fn reach(
    target: &Target,
    purpose: &str,
    patience: Duration,
) -> Result<Session, PostgresError> {
    until(patience, target, || Session::connect(target, purpose)).await
}

async fn until<F>(
    patience: Duration,
    target: &Target,
    connect: impl Fn() -> F,
) -> Result<Session, PostgresError>
where
    F: Future<Output = Result<Session, PostgresError>>,
{
    let start = Instant::now();
    loop {
        let left = patience.saturating_sub(start.elapsed()).max(PAUSE);
        let error = match tokio::time::timeout(left, connect()).await {
            Ok(Ok(session)) => return Ok(session),
            Ok(Err(error)) if !error.may_pass() => return Err(error),
            Ok(Err(error)) => error,
            Err(_) => PostgresError::silent(target),
        };
        if start.elapsed() >= patience {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Where a run stands, by the version table and the schema together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// So many of its moves are made, and nothing else is different. 0 is BEFORE, all is AFTER.
    Made(usize),
    /// Neither of the places that the run knows.
    Nowhere(String),
}

/// The places that a run can come to: `schemas` are those before and after each move as far as they
/// are known.
#[derive(Debug)]
pub(super) struct Way<'h> {
    pub(super) from: Place,
    pub(super) moves: Vec<Move<'h>>,
    pub(super) schemas: Vec<Option<Snapshot>>,
    /// Indexes that were invalid before.
    pub(super) invalid: Vec<String>,
}

impl Way<'_> {
    /// Where the database stands.
    pub(super) fn standing(&self, seen: &Seen, history: &History) -> Standing {
        if let Some(row) = seen.applied.iter().find(|row| !row.whole) {
            return Standing::Nowhere(format!("{} was begun and not finished", row.version));
        }
        if let Some(finding) = compare(&seen.applied, history).into_iter().next() {
            return Standing::Nowhere(finding.message);
        }
        if let Some(index) = seen.invalid.iter().find(|index| !self.invalid.contains(index)) {
            return Standing::Nowhere(format!("index {index} is invalid"));
        }
        let count = seen.applied.len();
        let first = history.migrations.get(..count).unwrap_or_default();
        if let Some(row) =
            seen.applied.iter().find(|row| first.iter().all(|it| it.version != row.version))
        {
            return Standing::Nowhere(format!(
                "{} is applied, which was not on the way of this run",
                row.version
            ));
        }
        let Some(made) = (0..=self.moves.len()).find(|made| self.place(*made).0 == count) else {
            return Standing::Nowhere(format!("{count} migrations are applied"));
        };
        match self.schemas.get(made).and_then(Option::as_ref) {
            Some(expected) if *expected != seen.schema => {
                let difference = expected.diff(&seen.schema).render();
                Standing::Nowhere(format!(
                    "the schema is not the one to be expected:\n{difference}"
                ))
            }
            _ => Standing::Made(made),
        }
    }

    /// Whether the schema after so many moves is known, so that standing there is no guess.
    pub(super) fn is_exact(&self, made: usize) -> bool {
        self.schemas.get(made).is_some_and(Option::is_some)
    }

    /// The place after so many moves.
    pub(super) fn place(&self, made: usize) -> Place {
        let is_up = self
            .moves
            .first()
            .is_none_or(|one| one.direction == crate::migrations::Direction::Upgrade);
        Place(if is_up { self.from.0 + made } else { self.from.0.saturating_sub(made) })
    }
}

/// The revision at a place, or several where branches have not met.
pub(in crate::runs) fn revision_at(history: &History, place: Place) -> String {
    let mut heads = history.heads(place.0);
    heads.sort_unstable();
    if heads.is_empty() { "base".to_owned() } else { heads.join(", ") }
}

/// Where a journal keeps which indexes were invalid before, a line each.
pub(super) const INVALID_FILE: &str = "invalid-indexes.txt";

/// The same by oid.
pub(super) const INVALID_OIDS: &str = "invalid-indexes-by-oid.txt";

/// The schema that a journal keeps for a number of moves.
pub(super) fn schema_file(made: usize) -> String {
    format!("schema-{made}.txt")
}
