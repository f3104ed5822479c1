//! `stairway diff`

use crate::schema::Snapshot;

use super::args::DiffArgs;
use super::printer::Printer;
use super::{Exit, Failure, Outcome, settings, snapshot};

pub(super) async fn run(args: &DiffArgs, printer: &mut Printer) -> Outcome {
    let before = open(&args.before).await?;
    let after = open(&args.after).await?;
    for (name, side) in [(&args.before, &before), (&args.after, &after)] {
        if !side.unmodelled().is_empty() {
            let classes = side.unmodelled().join(", ");
            let name = if is_url(name) { "a database" } else { name };
            return Err(Failure::usage(format!("{name} holds what is not modelled: {classes}")));
        }
    }
    let difference = before.diff(&after);
    if difference.is_empty() {
        printer.status("the schemas are equal");
        return Ok(Exit::Clean);
    }
    printer.result(&difference.render());
    Ok(Exit::Findings)
}

fn is_url(name: &str) -> bool {
    name.starts_with("postgres://") || name.starts_with("postgresql://")
}

async fn open(name: &str) -> Result<Snapshot, Failure> {
    if is_url(name) {
        let mut session = settings::session(name, "diff").await?;
        let snapshot = snapshot::read(&mut session).await?;
        session.close().await.map_err(Failure::usage)?;
        return Ok(snapshot);
    }
    let text = std::fs::read_to_string(name)
        .map_err(|error| Failure::usage(format!("can't read {name}: {error}")))?;
    Snapshot::parse(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))
}
