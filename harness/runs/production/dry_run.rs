//! Looking without doing: the preflight, and the SQL that would be run.

use std::fmt::Write;

use crate::exit::Exit;
use crate::steps::{self, Ledger};

use super::account::{Account, State};
use super::journal::Journal;
use super::preflight::{REACH, preflight};
use super::recover::Here;
use super::request::Request;
use super::run::{Listener, Run, Stop};

/// Looks at everything that a run looks at first and writes nothing anywhere. Gives the script that
/// would be run, as psql takes it, unless the run would be refused.
pub async fn dry_run(request: &Request, listener: &mut dyn Listener) -> (Account, Option<String>) {
    let mut run = Run::new(request, request.verb.as_str(), listener);
    run.begins("preflight");
    if let Err(stop) = is_settled(request).await {
        let exit = run.trouble(stop);
        return (run.end(State::Before, exit, "an earlier run is not settled"), None);
    }
    let known = match preflight(&mut run, request).await {
        Ok(known) => known,
        Err(stop) => {
            let exit = run.trouble(stop);
            return (run.end(State::Before, exit, "this would be refused"), None);
        }
    };
    let sql = async {
        let mut session = known.site.reader("dry run").await?;
        let (ledger, is_there) = Ledger::find(&mut session, &request.history.records).await?;
        session.close().await?;
        Ok::<_, crate::postgres::PostgresError>((ledger, is_there))
    };
    let sql = match sql.await {
        Ok((ledger, is_there)) => {
            let mut out = String::new();
            // A program makes it itself.
            if !is_there && !request.history.tool.runs_programs() {
                let _ = writeln!(out, "{};\n", ledger.creation());
            }
            for one in &known.way.moves {
                out.push_str(&steps::script_of(&ledger, &request.history, one).await);
            }
            Some(out)
        }
        Err(error) => {
            run.note(super::run::discreet(&error));
            None
        }
    };
    (run.end(State::Before, Exit::Clean, "nothing was changed"), sql)
}

/// A run that was killed is settled first, by the next one; where that leads to is not known before.
async fn is_settled(request: &Request) -> Result<(), Stop> {
    let exit = Exit::PreflightRefused;
    let open = Journal::open_runs(&request.state)
        .map_err(|error| Stop::new(exit, format!("the journals can't be read: {error}")))?;
    let here = Here::find(request, open.iter()).await.map_err(|error| {
        Stop::postgres(exit, "the database can't be reached", &error).help(REACH)
    })?;
    match open.iter().find(|begun| here.is_of(begun)) {
        None => Ok(()),
        Some(begun) => {
            let message = format!("run {} is not settled, or still running", begun.run);
            Err(Stop::new(exit, message)
                .help("`stairway recover` settles it; a run does so before anything else"))
        }
    }
}
