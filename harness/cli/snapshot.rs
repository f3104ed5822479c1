//! `stairway snapshot`

use crate::postgres::Session;
use crate::schema::Snapshot;

use super::args::SnapshotArgs;
use super::printer::Printer;
use super::{Exit, Failure, Outcome, settings};

pub(super) async fn run(args: &SnapshotArgs, printer: &mut Printer) -> Outcome {
    let mut session = settings::database(&args.database, "snapshot").await?;
    let snapshot = read(&mut session).await?;
    session.close().await.map_err(Failure::usage)?;
    let text = if args.digest { snapshot.digest() + "\n" } else { snapshot.render() };
    match &args.output {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Failure::usage(format!("can't write {}: {error}", path.display())))?,
        None => printer.result(&text),
    }
    match snapshot.unmodelled() {
        [] => Ok(Exit::Clean),
        classes => {
            printer.status(&format!("error: not modelled: {}", classes.join(", ")));
            Ok(Exit::Findings)
        }
    }
}

/// The schema of the session's database, version tables of tools included.
pub(super) async fn read(session: &mut Session) -> Result<Snapshot, Failure> {
    let version = session.version().await.map_err(Failure::usage)?;
    Snapshot::read(session, version.major, &[]).await.map_err(Failure::usage)
}
