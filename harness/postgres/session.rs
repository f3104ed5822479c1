//! A session: text in, rows of text out, over the simple query protocol.
//!
//! The simple protocol is what migration tools and psql use: many statements in one message,
//! results as the server prints them, nothing prepared that DDL could make stale.

use std::future::Future;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgValueFormat};
use sqlx::{AssertSqlSafe, Connection, Either, Row, ValueRef};

use super::batch::{Answers, Batch};
use super::relay::Line;
use super::{PostgresError, Target, Version, quote_ident};

/// The rows of one statement; a cell is `None` where SQL says NULL.
pub type ResultSet = Vec<Vec<Option<String>>>;

/// One connection to one database.
#[derive(Debug)]
pub struct Session {
    connection: PgConnection,
    target: Target,
    /// The role that it has become.
    role: Option<String>,
    /// How long an answer may take.
    limit: Option<Duration>,
    /// No answer came in time: what comes now may be the answer to something else.
    is_silent: bool,
    /// What it goes through, if it can be lent.
    line: Option<Arc<Line>>,
}

impl Session {
    /// Connects; `purpose` is shown in `pg_stat_activity` as `stairway <purpose>`.
    pub async fn connect(target: &Target, purpose: &str) -> Result<Self, PostgresError> {
        let options = target.0.clone().application_name(&application(purpose));
        let connection = PgConnection::connect_with(&options)
            .await
            .map_err(|source| PostgresError::Connect { target: target.to_string(), source })?;
        let target = target.clone();
        Ok(Self { connection, target, role: None, limit: None, is_silent: false, line: None })
    }

    /// Connects so that the session can be lent to other programs (see [`super::Door`]).
    pub async fn connect_to_lend(target: &Target, purpose: &str) -> Result<Self, PostgresError> {
        let failed = |source| PostgresError::Connect { target: target.to_string(), source };
        let (line, near, folder) =
            Line::open(target).await.map_err(|error| failed(error.into()))?;
        let options = near.application_name(&application(purpose));
        let connection = PgConnection::connect_with(&options).await.map_err(failed)?;
        // Connected: nobody needs its place in the file system any more.
        drop(folder);
        let target = target.clone();
        let line = Some(line);
        Ok(Self { connection, target, role: None, limit: None, is_silent: false, line })
    }

    /// What it goes through, if it can be lent.
    pub(super) fn line(&self) -> Option<Arc<Line>> {
        self.line.clone()
    }

    /// Gives up on a server that has not answered a message within `limit`: nothing else notices a
    /// network that falls silent. The session is lost then.
    pub fn give_up_after(&mut self, limit: Duration) {
        self.limit = Some(limit);
    }

    /// Does something with its connection, for as long as an answer may take.
    pub(super) async fn limited<'s, F>(
        &'s mut self,
        work: impl FnOnce(&'s mut PgConnection) -> F,
    ) -> Result<(), PostgresError>
    where
        F: Future<Output = Result<(), PostgresError>>,
    {
        let work = work(&mut self.connection);
        within(self.limit, &mut self.is_silent, work).await.and_then(|done| done)
    }

    /// Where this session is connected to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Makes it a session of `role`, as if that had connected. Takes a superuser.
    pub async fn become_role(&mut self, role: &str) -> Result<(), PostgresError> {
        self.execute(&format!("SET SESSION AUTHORIZATION {}", quote_ident(role))).await?;
        self.role = Some(role.to_owned());
        Ok(())
    }

    /// Makes it as it was when it began, but for the role that it has become.
    pub async fn discard_all(&mut self) -> Result<(), PostgresError> {
        self.execute("DISCARD ALL").await?;
        match self.role.take() {
            Some(role) => self.become_role(&role).await,
            None => Ok(()),
        }
    }

    /// Sends `sql`, any number of statements, as one message and drops their rows.
    pub async fn execute(&mut self, sql: &str) -> Result<(), PostgresError> {
        let connection = &mut self.connection;
        let sent = async {
            let mut answers = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
            while answers.try_next().await?.is_some() {}
            Ok::<(), PostgresError>(())
        };
        within(self.limit, &mut self.is_silent, Box::pin(sent)).await.and_then(|done| done)
    }

    /// Like [`Session::execute`], and tells after how many statements an error came: what the
    /// server's position does not say of errors such as "relation already exists".
    pub async fn execute_counting(&mut self, sql: &str) -> (usize, Result<(), PostgresError>) {
        let mut answers = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut self.connection);
        let mut completed = 0;
        loop {
            match answers.try_next().await {
                Ok(Some(Either::Left(_))) => completed += 1,
                Ok(Some(Either::Right(_))) => {}
                Ok(None) => return (completed, Ok(())),
                Err(error) => return (completed, Err(error.into())),
            }
        }
    }

    /// Sends `sql` as one message and gives one set of rows for each statement in it, in order;
    /// a statement without rows gives an empty set.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<ResultSet>, PostgresError> {
        let (sets, result) = self.query_so_far(sql).await;
        result.map(|()| sets)
    }

    /// Like [`Session::query`], and gives the sets of the statements before an error as well.
    pub async fn query_so_far(&mut self, sql: &str) -> (Vec<ResultSet>, Result<(), PostgresError>) {
        let asked = Box::pin(answers(&mut self.connection, sql));
        match within(self.limit, &mut self.is_silent, asked).await {
            Ok(answered) => answered,
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    /// Sends a batch and gives the answers of the statements before an error as well.
    pub async fn send_so_far(&mut self, batch: &Batch) -> (Answers, Result<(), PostgresError>) {
        if batch.count() == 0 {
            return (Answers::default(), Ok(()));
        }
        let (sets, result) = self.query_so_far(batch.text()).await;
        (Answers::new(sets), result)
    }

    /// Sends lines in the text form of COPY to `statement`, a `COPY .. FROM STDIN`. Gives how many
    /// rows it took.
    pub async fn copy_in(&mut self, statement: &str, lines: &str) -> Result<u64, PostgresError> {
        let mut copy = self.connection.copy_in_raw(statement).await?;
        match copy.send(lines.as_bytes()).await {
            Ok(_) => Ok(copy.finish().await?),
            Err(error) => {
                copy.abort("the client gave up").await?;
                Err(error.into())
            }
        }
    }

    /// Writes what `statement`, a `COPY .. TO STDOUT`, gives into a new file that only its owner may
    /// read.
    pub async fn copy_out(&mut self, statement: &str, file: &Path) -> Result<(), PostgresError> {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .map_err(|error| PostgresError::Lost(error.into()))?;
        let connection = &mut self.connection;
        let copied = async {
            let mut pieces = connection.copy_out_raw(statement).await?;
            while let Some(piece) = pieces.try_next().await? {
                file.write_all(&piece).map_err(|error| PostgresError::Lost(error.into()))?;
            }
            file.sync_all().map_err(|error| PostgresError::Lost(error.into()))
        };
        within(self.limit, &mut self.is_silent, copied).await?
    }

    /// The rows of the last statement of `sql`.
    pub async fn rows(&mut self, sql: &str) -> Result<ResultSet, PostgresError> {
        Ok(self.query(sql).await?.pop().unwrap_or_default())
    }

    /// The first cell of the last statement's first row; `None` for no row and for NULL.
    pub async fn value(&mut self, sql: &str) -> Result<Option<String>, PostgresError> {
        Ok(self
            .rows(sql)
            .await?
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next().flatten()))
    }

    /// The server's version.
    pub async fn version(&mut self) -> Result<Version, PostgresError> {
        let text = self.value("SHOW server_version").await?.unwrap_or_default();
        Version::parse(&text).ok_or(PostgresError::Unexpected(text))
    }

    /// Says goodbye and waits until the server has taken note.
    pub async fn close(mut self) -> Result<(), PostgresError> {
        let closed = self.connection.close();
        let closed = within(self.limit, &mut self.is_silent, closed).await?;
        closed.map_err(PostgresError::from)
    }
}

/// What a session for `purpose` is called by the server.
pub fn application(purpose: &str) -> String {
    format!("stairway {purpose}")
}

/// All rows of all statements of `sql`, those before an error as well.
async fn answers(
    connection: &mut PgConnection,
    sql: &str,
) -> (Vec<ResultSet>, Result<(), PostgresError>) {
    let mut answers = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
    let mut sets = Vec::new();
    let mut rows = ResultSet::new();
    loop {
        match answers.try_next().await {
            Ok(Some(Either::Left(_))) => sets.push(std::mem::take(&mut rows)),
            Ok(Some(Either::Right(row))) => {
                match (0..row.len()).map(|at| cell(&row, at)).collect() {
                    Ok(row) => rows.push(row),
                    Err(error) => return (sets, Err(error)),
                }
            }
            Ok(None) => return (sets, Ok(())),
            Err(error) => return (sets, Err(error.into())),
        }
    }
}

/// Waits for `work` as long as it may take, and never again after it took longer.
async fn within<T>(
    limit: Option<Duration>,
    is_silent: &mut bool,
    work: impl Future<Output = T>,
) -> Result<T, PostgresError> {
    let silence = || PostgresError::Lost(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
    let Some(limit) = limit else { return Ok(work.await) };
    if *is_silent {
        return Err(silence());
    }
    tokio::time::timeout(limit, work).await.map_err(|_| {
        *is_silent = true;
        silence()
    })
}

fn cell(row: &sqlx::postgres::PgRow, at: usize) -> Result<Option<String>, PostgresError> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(None);
    }
    if value.format() != PgValueFormat::Text {
        return Err(PostgresError::Unexpected("a value in binary form".to_owned()));
    }
    let text = value.as_str().map_err(|error| PostgresError::Unexpected(error.to_string()))?;
    Ok(Some(text.to_owned()))
}
