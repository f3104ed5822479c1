//! Sending one script of a migration, and saying where in its file an error came from.

use std::borrow::Cow;
use std::ops::Range;

use crate::finding::Span;
use crate::migrations::{MigrationsError, Program, Script, Wrap};
use crate::postgres::{PostgresError, Session, SqlFailure};
use crate::sql::{self, SplitError, Statement, StatementKind};

use super::program::{self, Inside};

/// A script did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum StepFailure {
    /// The server refused a statement.
    #[error("{failure}")]
    Sql {
        /// What the server said.
        failure: Box<SqlFailure>,
        /// The statement, or the word in it that the server points at.
        span: Option<Box<Span>>,
    },
    /// The script ran, and the version table could not be written.
    #[error("the version table can't be written: {failure}")]
    Record {
        /// What the server said.
        failure: Box<SqlFailure>,
    },
    /// The text can't be cut into statements.
    #[error("{error}")]
    Text {
        /// What is in the way.
        error: SplitError,
        /// Where.
        span: Box<Span>,
    },
    /// A script that is a program raised something that the server did not say.
    #[error("{message}")]
    Program {
        /// Its words.
        message: String,
        /// The type of the exception, if it is known.
        kind: Option<String>,
        /// Where from.
        traceback: Option<String>,
        /// The line of its file.
        span: Option<Box<Span>>,
    },
    /// What runs a script could not get as far as the script: nothing is said about it.
    #[error(transparent)]
    Environment(MigrationsError),
    /// The connection failed: nothing is said about the script.
    #[error(transparent)]
    Postgres(PostgresError),
}

impl StepFailure {
    /// The same without anything of the server's words that may quote a value.
    #[must_use]
    pub fn discreet(self) -> Self {
        match self {
            Self::Sql { failure, span } => {
                Self::Sql { failure: Box::new(failure.discreet()), span }
            }
            Self::Record { failure } => Self::Record { failure: Box::new(failure.discreet()) },
            Self::Postgres(error) => Self::Postgres(error.discreet()),
            // A program may put any value into its words.
            Self::Program { span, kind, .. } => {
                let message = kind.clone().unwrap_or_else(|| "it failed".to_owned());
                Self::Program { message, kind, traceback: None, span }
            }
            Self::Text { .. } | Self::Environment(_) => self,
        }
    }
}

/// Runs `script` and then `record`, which keeps the version table, as the script's wrap demands.
/// After an error nothing is left open on the session; what a script committed before it stays.
pub(super) async fn run(
    session: &mut Session,
    script: &Script,
    record: &str,
) -> Result<(), StepFailure> {
    // What an earlier script set or left in this session is not there in production, where a
    // deployment has a session of its own.
    session.discard_all().await.map_err(StepFailure::Postgres)?;
    match script.wrap() {
        Wrap::Transaction if script.program.is_some() => {
            let result = in_transaction(session, script, record).await;
            // What it did in it is rolled back: it may have another try by itself.
            match &script.program {
                Some(program) if result.is_err() && program.needs_own() => {
                    own(session, script, program).await?;
                    session.execute(record).await.map_err(unrecorded)
                }
                _ => result,
            }
        }
        Wrap::Transaction => in_transaction(session, script, record).await,
        Wrap::OneMessage => in_open_transaction(session, script, record).await,
        Wrap::Statements => {
            match &script.program {
                Some(program) => own(session, script, program).await?,
                None => statements(session, script).await?,
            }
            session.execute(record).await.map_err(unrecorded)
        }
    }
}

/// `script` as one transaction of the caller's, if that does the same: without the BEGIN and COMMIT
/// around all of it, if it has them, and the rest where it was. `None` if a part of it may stay when
/// it fails, or if the server refuses a statement of it in a transaction.
pub(super) fn as_one(script: &Script) -> Option<Cow<'_, Script>> {
    if script.program.is_some() {
        return (script.wrap() != Wrap::Statements).then_some(Cow::Borrowed(script));
    }
    let statements = sql::split(&script.text).ok()?;
    let refuses =
        || statements.iter().any(|it| sql::refuses_transaction(it.text(&script.text)).is_some());
    let bounds = |it: &Statement| {
        let kind = sql::kind(it.text(&script.text));
        kind == StatementKind::Begin || kind.ends_transaction()
    };
    if !statements.iter().any(bounds) {
        let is_one = match script.wrap {
            // What is refused there fails with the tool as well.
            Wrap::Transaction => true,
            Wrap::OneMessage => !refuses(),
            Wrap::Statements => false,
        };
        return is_one.then_some(Cow::Borrowed(script));
    }
    let [first, inner @ .., last] = statements.as_slice() else { return None };
    let is = |it: &Statement, words: &[&str]| {
        let text = it.text(&script.text);
        words.iter().any(|word| text.eq_ignore_ascii_case(word))
    };
    let is_whole = is(first, &["begin", "begin transaction", "begin work", "start transaction"])
        && is(last, &["commit", "end", "commit transaction", "commit work", "end transaction"])
        && !inner.iter().any(bounds)
        && !refuses();
    is_whole.then(|| {
        let mut text = script.text.to_string();
        for bytes in [&first.bytes, &last.bytes] {
            text.replace_range(bytes.clone(), &" ".repeat(bytes.len()));
        }
        Cow::Owned(Script { text: text.into(), ..script.clone() })
    })
}

/// The statements of a script that is sent one by one, and how far back each stays undone if one after
/// it fails: the BEGIN of the transaction that is open there, or the statement itself.
pub(super) fn pieces(script: &Script) -> Result<Vec<Piece>, StepFailure> {
    let mut open = None;
    let mut found = Vec::new();
    for (index, bytes) in cut(script)?.into_iter().enumerate() {
        let kind = sql::kind(script.text.get(bytes.clone()).unwrap_or_default());
        if kind == StatementKind::Begin {
            open = open.or(Some(index));
        }
        found.push(Piece { bytes, from: open.unwrap_or(index) });
        if kind.ends_transaction() {
            open = None;
        }
    }
    Ok(found)
}

/// A statement that is sent alone.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Where it is in the script.
    pub(super) bytes: Range<usize>,
    /// The first statement of its transaction, counted over the script.
    pub(super) from: usize,
}

/// What a script that is sent statement by statement may have left if the last of them that was sent
/// is the one at `reached`, counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The statements that are committed.
    pub done: Vec<String>,
    /// Those of which it can't be told: the last one, or the transaction that it ends.
    pub doubtful: Vec<String>,
}

/// See [`Left`]; `None` if the text can't be cut.
pub fn left_by(script: &Script, reached: usize) -> Option<Left> {
    if script.program.is_some() {
        return None;
    }
    let pieces = pieces(script).ok()?;
    let last = pieces.get(reached)?;
    let text = |piece: &Piece| script.text.get(piece.bytes.clone()).unwrap_or_default();
    let texts = |pieces: &[Piece]| pieces.iter().map(|it| text(it).to_owned()).collect();
    let is_open = last.from < reached && !sql::kind(text(last)).ends_transaction();
    let doubtful = if is_open || sql::kind(text(last)) == StatementKind::Begin {
        Vec::new()
    } else {
        texts(pieces.get(last.from..=reached).unwrap_or_default())
    };
    Some(Left { done: texts(pieces.get(..last.from).unwrap_or_default()), doubtful })
}

/// Whether nothing of `script` stays if it fails.
pub fn is_all_or_nothing(script: &Script) -> bool {
    if script.program.is_some() {
        return script.wrap() != Wrap::Statements;
    }
    let controls = |text: &str| {
        matches!(
            sql::kind(text),
            StatementKind::Begin | StatementKind::Commit | StatementKind::Rollback
        )
    };
    let Ok(statements) = sql::split(&script.text) else { return false };
    script.wrap != Wrap::Statements
        && !statements
            .iter()
            .any(|statement| script.text.get(statement.bytes.clone()).is_some_and(controls))
}

async fn in_transaction(
    session: &mut Session,
    script: &Script,
    record: &str,
) -> Result<(), StepFailure> {
    session.execute("BEGIN").await.map_err(StepFailure::Postgres)?;
    let result = async {
        in_open_transaction(session, script, record).await?;
        // COMMIT is its own message, so that an error in it can be told from one before it.
        session.execute("COMMIT").await.map_err(|error| outside(error, script))
    }
    .await;
    if result.is_err() {
        // If even this fails, the connection is gone and the next step says so.
        let _ = session.execute("ROLLBACK").await;
    }
    result
}

/// Sends the script and then its record into a transaction that is open already.
pub(super) async fn in_open_transaction(
    session: &mut Session,
    script: &Script,
    record: &str,
) -> Result<(), StepFailure> {
    one_message(session, script).await?;
    session.execute(record).await.map_err(unrecorded)
}

/// Runs a program that begins and commits its own transactions.
async fn own(session: &mut Session, script: &Script, program: &Program) -> Result<(), StepFailure> {
    let result = program::run(session, script, program, Inside::Session).await;
    if result.is_err() {
        let _ = session.execute("ROLLBACK").await;
    }
    result
}

pub(super) async fn one_message(session: &mut Session, script: &Script) -> Result<(), StepFailure> {
    if let Some(program) = &script.program {
        let result = program::run(session, script, program, Inside::Transaction).await;
        if result.is_err() {
            let _ = session.execute("ROLLBACK").await;
        }
        return result;
    }
    let (completed, result) = session.execute_counting(&script.text).await;
    let result = result.map_err(|error| located(error, script, completed));
    if result.is_err() {
        // The script may hold a BEGIN of its own.
        let _ = session.execute("ROLLBACK").await;
    }
    result
}

async fn statements(session: &mut Session, script: &Script) -> Result<(), StepFailure> {
    for bytes in cut(script)? {
        let Some(text) = script.text.get(bytes.clone()) else { continue };
        let Err(error) = session.execute(text).await else { continue };
        let _ = session.execute("ROLLBACK").await;
        return Err(of_statement(error, script, bytes));
    }
    Ok(())
}

/// Where the statements of a script are.
fn cut(script: &Script) -> Result<Vec<Range<usize>>, StepFailure> {
    let statements = sql::split(&script.text).map_err(|error| not_text(error, script))?;
    Ok(statements.into_iter().map(|statement| statement.bytes).collect())
}

/// An error of the statement in `bytes`, which was sent alone.
pub(super) fn of_statement(
    error: PostgresError,
    script: &Script,
    bytes: Range<usize>,
) -> StepFailure {
    match error {
        PostgresError::Sql(failure) => {
            let start = bytes.start;
            let word =
                failure.position.map(|at| start + sql::char_to_byte(text_of(script, &bytes), at));
            let bytes = word.map_or(bytes, |at| word_at(&script.text, at));
            let span = Some(Box::new(Span::new(&script.path, &script.text, bytes)));
            StepFailure::Sql { failure, span }
        }
        other => StepFailure::Postgres(other),
    }
}

fn text_of<'s>(script: &'s Script, bytes: &Range<usize>) -> &'s str {
    script.text.get(bytes.clone()).unwrap_or_default()
}

/// An error of a whole file sent as one message: the server's position counts characters of it;
/// where there is none, the number of completed statements tells.
fn located(error: PostgresError, script: &Script, completed: usize) -> StepFailure {
    let PostgresError::Sql(failure) = error else { return StepFailure::Postgres(error) };
    let statements = match sql::split(&script.text) {
        Ok(statements) => statements,
        // The server stumbled over the same thing, and says it less well.
        Err(error) => return not_text(error, script),
    };
    let bytes = match failure.position {
        Some(at) => Some(word_at(&script.text, sql::char_to_byte(&script.text, at))),
        None => statements.get(completed).map(|statement| statement.bytes.clone()),
    };
    let span = bytes.map(|bytes| Box::new(Span::new(&script.path, &script.text, bytes)));
    StepFailure::Sql { failure, span }
}

fn unrecorded(error: PostgresError) -> StepFailure {
    match error {
        PostgresError::Sql(failure) => StepFailure::Record { failure },
        other => StepFailure::Postgres(other),
    }
}

pub(super) fn outside(error: PostgresError, script: &Script) -> StepFailure {
    match error {
        PostgresError::Sql(failure) => {
            // A deferred constraint fails at COMMIT: the last statement is the nearest place.
            let span = if let Some(program) = &script.program {
                program.said().and_then(|said| script.line(said.last()?.line))
            } else {
                let last = sql::split(&script.text).ok().and_then(|mut all| all.pop());
                last.map(|last| Span::new(&script.path, &script.text, last.bytes))
            };
            let span = span.map(Box::new);
            StepFailure::Sql { failure, span }
        }
        other => StepFailure::Postgres(other),
    }
}

fn not_text(error: SplitError, script: &Script) -> StepFailure {
    let at = error.at();
    let span = Box::new(Span::new(&script.path, &script.text, word_at(&script.text, at)));
    StepFailure::Text { error, span }
}

/// The token that begins at or holds the byte `at`.
fn word_at(text: &str, at: usize) -> Range<usize> {
    sql::tokens(text).map(|token| token.bytes).find(|bytes| bytes.contains(&at)).unwrap_or(at..at)
}

#[cfg(test)]
mod tests {
    use super::{Left, as_one, left_by};
    use crate::migrations::{Script, Wrap};

    fn script(text: &str, wrap: Wrap) -> Script {
        Script::of_sql("1.up.sql".into(), text.into(), wrap)
    }

    #[test]
    fn a_script_with_a_transaction_of_its_own_is_one() {
        let text = "-- x\nBEGIN;\nSELECT 1;\nSAVEPOINT a;\nCOMMIT;\n";
        let script = script(text, Wrap::OneMessage);
        let one = as_one(&script).unwrap();
        assert_eq!(&*one.text, "-- x\n     ;\nSELECT 1;\nSAVEPOINT a;\n      ;\n");
    }

    #[test]
    fn what_may_stay_in_part_is_not_one() {
        for text in [
            "BEGIN; SELECT 1; COMMIT; SELECT 2;",
            "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;",
            "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT;",
            "BEGIN; SELECT 1; COMMIT AND CHAIN;",
            "BEGIN; SELECT 1; ROLLBACK;",
            "BEGIN; VACUUM; COMMIT;",
            "CREATE INDEX CONCURRENTLY i ON t (a);",
        ] {
            assert!(as_one(&script(text, Wrap::OneMessage)).is_none(), "{text}");
        }
        assert!(as_one(&script("SELECT 1", Wrap::Statements)).is_none());
        assert!(as_one(&script("SELECT 1; SELECT 2", Wrap::OneMessage)).is_some());
    }

    #[test]
    fn what_is_committed_when_a_script_stops() {
        let script = script("SELECT 0; BEGIN; SELECT 2; COMMIT; SELECT 4", Wrap::Statements);
        let left = |reached| {
            let Left { done, doubtful } = left_by(&script, reached).unwrap();
            (done.len(), doubtful.join("; "))
        };
        assert_eq!(left(0), (0, "SELECT 0".to_owned()));
        assert_eq!(left(1), (1, String::new()));
        assert_eq!(left(2), (1, String::new()));
        assert_eq!(left(3), (1, "BEGIN; SELECT 2; COMMIT".to_owned()));
        assert_eq!(left(4), (4, "SELECT 4".to_owned()));
        assert_eq!(left_by(&script, 5), None);
    }
}
