//! Running a script that is a program of its tool's, in our session: it speaks there as a guest.
//!
//! Must not know which tool it is.

use crate::finding::Span;
use crate::migrations::{
    Call, DriverError, Migration, Models, Program, Script, Statement, Tool, Wrap,
};
use crate::postgres::{
    Door, Manner, PostgresError, Session, SqlFailure, Target, quote_ident, quote_literal,
};
use crate::sql;

use super::script::{StepFailure, one_message};
use super::trial::in_transaction;

/// `active_sql_transaction`: what was sent works outside of a transaction only.
const OUTSIDE: &str = "25001";
/// `in_failed_sql_transaction`.
const ABORTED: &str = "25P02";
/// As much of a statement as a finding quotes, in characters.
const QUOTED: usize = 600;

/// Connects to run scripts of `tool`.
pub async fn connect(tool: Tool, target: &Target, purpose: &str) -> Result<Session, PostgresError> {
    if tool.runs_programs() {
        Session::connect_to_lend(target, purpose).await
    } else {
        Session::connect(target, purpose).await
    }
}

/// Where a program speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// In a session without a transaction: it begins and commits its own.
    Session,
    /// In a transaction that is open; what it commits is not committed yet.
    Transaction,
}

/// Runs `program`, which is `script`'s.
pub(super) async fn run(
    session: &mut Session,
    script: &Script,
    program: &Program,
    inside: Inside,
) -> Result<(), StepFailure> {
    let lost = |error: std::io::Error| StepFailure::Postgres(PostgresError::Lost(error.into()));
    let manner = match inside {
        Inside::Session => Manner::own(),
        // What leaves the transaction where it can leaves out here what only works outside of one.
        Inside::Transaction if script.wrap() == Wrap::Statements => {
            Manner { edit: fit_statement, ..Manner::inside() }
        }
        Inside::Transaction => Manner::inside(),
    };
    let door = Door::open().await.map_err(lost)?;
    let lease = door.lend(session, manner).ok_or_else(|| StepFailure::Postgres(not_lent()))?;
    let host = door.address().ip().to_string();
    let told = program.run(&call(&door, &host, session.target())).await;
    let heard = lease.end().await;
    let Err(error) = told.map_err(StepFailure::Environment)? else {
        return is_recorded(session, script, program).await;
    };
    if inside == Inside::Transaction && heard.refused.iter().any(|(it, _)| it.sqlstate == OUTSIDE) {
        program.see_own();
    }
    // The connection may be what failed: nothing is said about the script then.
    session.execute("").await.or_else(|error| match error {
        PostgresError::Sql(_) => Ok(()),
        other => Err(StepFailure::Postgres(other)),
    })?;
    Err(failure(script, error, heard.refused))
}

fn not_lent() -> PostgresError {
    PostgresError::Unexpected("the session was not made to be lent".to_owned())
}

fn call<'a>(door: &'a Door, host: &'a str, target: &'a Target) -> Call<'a> {
    Call {
        host,
        port: door.address().port(),
        word: door.word(),
        user: target.role(),
        database: target.database_name().unwrap_or_else(|| target.role()),
    }
}

/// Compares the models of `program`'s application with the schema that `session` is at.
pub async fn compare_models(
    session: &mut Session,
    program: &Program,
) -> Result<Models, PostgresError> {
    let lost = |error: std::io::Error| PostgresError::Lost(error.into());
    let door = Door::open().await.map_err(lost)?;
    let lease = door.lend(session, Manner::own()).ok_or_else(not_lent)?;
    let host = door.address().ip().to_string();
    let models = program.compare_models(&call(&door, &host, session.target())).await;
    lease.end().await;
    session.execute("").await?;
    Ok(models)
}

/// Whether the version table says what the tool would have it say: else what was done was done elsewhere, or
/// was rolled back in the end.
async fn is_recorded(
    session: &mut Session,
    script: &Script,
    program: &Program,
) -> Result<(), StepFailure> {
    let (version, is_there) = program.leaves();
    let name = program.version_table().name;
    let places = format!(
        "SELECT relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class WHERE relname = {} AND relkind = 'r'",
        quote_literal(&name)
    );
    let places = session.rows(&places).await.map_err(StepFailure::Postgres)?;
    let places: Vec<String> = places.into_iter().flatten().flatten().collect();
    let name = quote_ident(&name);
    let queries = places.iter().map(|schema| {
        format!("SELECT FROM {schema}.{name} WHERE version_num = {}", quote_literal(version))
    });
    let found = queries.collect::<Vec<_>>().join(" UNION ALL ");
    let found = if found.is_empty() { "SELECT WHERE false".to_owned() } else { found };
    let found = session.value(&format!("SELECT EXISTS ({found})")).await;
    if (found.map_err(StepFailure::Postgres)?.as_deref() == Some("t")) == is_there {
        return Ok(());
    }
    let message = "its tool says that it ran, and the version table of this database does not: its environment \
                   rolled it back in the end (did nothing commit?), or worked on another database"
        .to_owned();
    let (first, _) = program.lines();
    let span = script.line(first).map(Box::new);
    Err(StepFailure::Program { message, kind: None, traceback: None, span })
}

/// Has the programs of `migration` run in a transaction that is rolled back, for what they say: nobody
/// else can tell what is worth trying. Nothing happens where scripts are texts, or have been heard.
pub async fn listen(session: &mut Session, migration: &Migration) -> Result<(), StepFailure> {
    let scripts = std::iter::once(&migration.upgrade).chain(&migration.downgrade);
    let unheard: Vec<_> = scripts
        .filter(|script| script.program.as_ref().is_some_and(|it| it.said().is_none()))
        .collect();
    if unheard.is_empty() {
        return Ok(());
    }
    session.execute("BEGIN").await.map_err(StepFailure::Postgres)?;
    let mut result = Ok(());
    for script in std::iter::once(&migration.upgrade).chain(&migration.downgrade) {
        result = one_message(session, script).await;
        if result.is_err() {
            break;
        }
    }
    session.execute("ROLLBACK").await.map_err(StepFailure::Postgres)?;
    result
}

/// What went wrong, with the line of the file: the server's words where it refused something.
fn failure(script: &Script, error: DriverError, refused: Vec<(SqlFailure, String)>) -> StepFailure {
    let (message, kind, traceback, statements) = match error {
        DriverError::Raised { message, kind, traceback, statements, .. } => {
            (message, kind, traceback, statements)
        }
        DriverError::Gone(why) => {
            let message = format!("the process that runs it ended: {why}");
            return StepFailure::Program { message, kind: None, traceback: None, span: None };
        }
    };
    let raised = traceback.as_deref().and_then(|text| line_in(text, script));
    // What the server refused is what was raised, unless the script went on after it.
    let is_raised = |it: &(SqlFailure, String)| message.contains(&it.0.message);
    // A transaction that has failed refuses all that comes after it: the first one says why.
    let follows = |it: &(SqlFailure, String)| it.0.sqlstate == ABORTED;
    let raised_one = refused.iter().rposition(is_raised);
    let which = raised_one.map(|at| if refused.get(at).is_some_and(follows) { 0 } else { at });
    if let Some((mut failure, statement)) = which.and_then(|at| refused.into_iter().nth(at)) {
        let span = raised.or_else(|| last_line(script, &statements)).map(Box::new);
        failure.position = None;
        let statement = statement.trim();
        let cut: String = statement.chars().take(QUOTED).collect();
        let more = if cut.len() < statement.len() { " .." } else { "" };
        let context = failure.context.take().map(|it| format!("{it}\n")).unwrap_or_default();
        failure.context = Some(format!("{context}statement: {cut}{more}"));
        return StepFailure::Sql { failure: Box::new(failure), span };
    }
    let message = match &kind {
        Some(kind) if *kind != message => format!("{kind}: {message}"),
        _ => message,
    };
    StepFailure::Program { message, kind, traceback, span: raised.map(Box::new) }
}

/// The line of the script that a traceback ends in.
fn line_in(traceback: &str, script: &Script) -> Option<Span> {
    let file = format!("File \"{}\", line ", script.path.display());
    let line = traceback.lines().rev().find_map(|line| line.trim().strip_prefix(&file))?;
    let digits = line.split(|letter: char| !letter.is_ascii_digit()).next()?;
    script.line(digits.parse().ok()?)
}

fn last_line(script: &Script, statements: &[Statement]) -> Option<Span> {
    script.line(statements.last()?.line)
}

/// A statement without what a transaction refuses.
fn fit_statement(text: &str) -> Option<String> {
    let statements = sql::split(text).ok()?;
    let refused = |it: &sql::Statement| sql::refuses_transaction(it.text(text)).is_some();
    statements.iter().any(refused).then(|| in_transaction(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::fit_statement;

    #[test]
    fn what_a_transaction_refuses_is_left_out_of_a_statement() {
        let fit = fit_statement("CREATE INDEX CONCURRENTLY i ON t (a)");
        assert_eq!(fit.as_deref(), Some("CREATE INDEX              i ON t (a)"));
        assert_eq!(fit_statement("CREATE INDEX i ON t (a)"), None);
    }
}
