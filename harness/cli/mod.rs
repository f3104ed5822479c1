//! The command line: one file per verb.
//!
//! Knows words, streams and exit codes. Only the printer prints, and nothing here judges.

mod args;
mod backup;
mod baseline;
mod bell;
mod bench;
mod cache;
mod completions;
mod current;
mod diff;
mod doctor;
mod drill;
mod dry_run;
mod forms;
mod gate;
mod history;
mod hoist;
mod init;
mod log;
mod man;
mod metrics;
mod monitor;
mod printer;
mod production;
mod progress;
mod reports;
mod run_args;
mod settings;
mod signals;
mod snapshot;
mod textfile;
mod traces;
mod verify;
mod workload;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::exit::Exit;
use crate::runs::production::Signal;

use args::{Args, Verb};
use monitor::Monitor;
use printer::Printer;
use signals::Signals;

/// Why a verb ended early, as a person reads it, and with which code.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    error: Box<dyn std::error::Error>,
    help: Option<&'static str>,
}

impl Failure {
    fn new(exit: Exit, error: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self { exit, error: error.into(), help: None }
    }

    fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    fn usage(error: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self::new(Exit::Usage, error)
    }
}

type Outcome = Result<Exit, Failure>;

/// Reads the command line of this process, does what it says and gives the exit code.
pub fn main() -> ExitCode {
    let args = match Args::try_parse_from(hoist::hoist(std::env::args_os())) {
        Ok(args) => args,
        Err(error) => {
            // clap knows the stream: help goes to stdout, errors to stderr with code 2.
            let _ = error.print();
            return if error.use_stderr() { exit(Exit::Usage) } else { exit(Exit::Clean) };
        }
    };
    let mut printer = Printer::new(args.colour);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(interruptible(args, &mut printer)),
        Err(error) => Err(Failure::usage(error)),
    };
    match outcome {
        Ok(code) => exit(code),
        Err(failure) => {
            printer.error(failure.error.as_ref());
            if let Some(help) = failure.help {
                printer.status(&format!("  help: {help}"));
            }
            exit(failure.exit)
        }
    }
}

fn exit(code: Exit) -> ExitCode {
    ExitCode::from(code.code())
}

/// Runs the verb until it ends or a signal comes; dropping it stops its server or its dump.
async fn interruptible(args: Args, printer: &mut Printer) -> Outcome {
    let Ok(mut signals) = Signals::listen() else {
        return Err(Failure::usage("signals can't be listened to"));
    };
    let mut monitor = Monitor::begin(args.verb.as_ref(), printer)?;
    // These end only when they know what the database is: they hear of a signal themselves.
    let args = match production::Asked::of(args) {
        Ok(asked) => {
            let signal = Box::pin(async move { signals.next().await });
            let outcome = Box::pin(production::run(asked, signal, &mut monitor, printer)).await;
            return monitor.end(outcome, printer);
        }
        Err(args) => args,
    };
    let undone = match &args.verb {
        Some(Verb::Backup(_)) => "what was written of the backup is removed",
        Some(Verb::Workload(_)) => "nothing was written",
        Some(Verb::Init(_) | Verb::Man(_)) => "what was written stays",
        _ => "the server is stopped and removed",
    };
    let outcome = tokio::select! {
        outcome = dispatch(args, &mut monitor, printer) => outcome,
        signal = signals.next() => Err(match signal {
            Signal::Interrupt => {
                Failure::new(Exit::Interrupted, format!("interrupted; {undone}"))
            }
            Signal::Terminate => Failure::new(Exit::Terminated, format!("terminated; {undone}")),
        }),
    };
    monitor.end(outcome, printer)
}

async fn dispatch(args: Args, monitor: &mut Monitor, printer: &mut Printer) -> Outcome {
    let Some(verb) = args.verb else {
        printer.result(&Args::command().render_long_help().to_string());
        return Ok(Exit::Usage);
    };
    match verb {
        Verb::Init(args) => init::run(&args, printer).await,
        Verb::Verify(args) => verify::run(*args, monitor, printer).await,
        Verb::Baseline(args) => baseline::run(*args, printer).await,
        Verb::Bench(args) => bench::run(*args, monitor, printer).await,
        Verb::Drill(args) => drill::run(&args, monitor, printer).await,
        Verb::Gate(args) => gate::run(&args, monitor, printer).await,
        Verb::Workload(args) => workload::run(&args, printer).await,
        // Those are led to their ends elsewhere.
        Verb::Upgrade(_)
        | Verb::Downgrade(_)
        | Verb::Validate(_)
        | Verb::Restore(_)
        | Verb::Stamp(_)
        | Verb::Recover(_) => Ok(Exit::Usage),
        Verb::History(args) => history::run(&args, printer),
        Verb::Current(args) => current::run(&args, printer).await,
        Verb::Snapshot(args) => snapshot::run(&args, printer).await,
        Verb::Diff(args) => diff::run(&args, printer).await,
        Verb::Backup(args) => backup::run(&args, monitor, printer).await,
        Verb::Doctor(args) => doctor::run(&args, printer).await,
        Verb::Cache(args) => cache::run(&args, printer),
        Verb::Completions(args) => Ok(completions::run(&args, printer)),
        Verb::Man(args) => man::run(&args, printer),
    }
}
