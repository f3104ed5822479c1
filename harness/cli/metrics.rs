//! `--metrics`: how each run ended, in a file for Prometheus.
//!
//! Knows the folder, who is asked for metrics, and what becomes of a run whose metrics can't be written.
//! Must not know what a sample means.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args as Arguments;
use jiff::Timestamp;

use crate::backup::Store;
use crate::config::{Config, Origin, Variables};
use crate::env;
use crate::exit::Exit;
use crate::report::prometheus::{self, JobRun, Samples};

use super::args::Verb;
use super::printer::Printer;
use super::textfile::{self, Textfile};
use super::{Failure, Outcome};

/// Where metrics go.
#[derive(Clone, Debug, Arguments)]
pub(super) struct MetricsArgs {
    /// Write metrics into this folder, which the textfile collector of node_exporter reads [default:
    /// STAIRWAY_METRICS, stairway.toml, none]
    #[arg(long, value_name = "DIR")]
    pub(super) metrics: Option<PathBuf>,
}

/// What a run says to monitors. It is written once, when it is known how the run ended.
#[derive(Debug)]
pub(super) struct Metrics {
    job: &'static str,
    /// `None` if nobody wants any, or they are written.
    folder: Option<PathBuf>,
    /// Whether the command line or the environment names the folder, and not `stairway.toml` alone, which
    /// is the same on machines that have no such folder.
    is_named: bool,
    /// Whether a database is moved: then the metrics are no reason not to begin.
    is_deployment: bool,
    samples: Samples,
    start: Instant,
}

impl Metrics {
    /// Those of what is asked for. A folder that nobody can write to must be known before the work is
    /// done.
    pub(super) fn begin(verb: Option<&Verb>, printer: &mut Printer) -> Result<Self, Failure> {
        let (start, samples) = (Instant::now(), Samples::default());
        let Some((job, args, is_deployment)) = verb.and_then(asked) else {
            let (folder, is_named, is_deployment) = (None, false, false);
            return Ok(Self { job: "", folder, is_named, is_deployment, samples, start });
        };
        let named = args.metrics.clone().or_else(|| env::METRICS.get().map(PathBuf::from));
        let is_named = named.is_some();
        // One that can't be read is an error of the verb's own, which is to be in the metrics.
        let written = || Config::load().ok()?.metrics().map(Path::to_owned);
        let folder = named.or_else(written);
        let mut metrics = Self { job, folder, is_named, is_deployment, samples, start };
        metrics.try_folder(printer)?;
        Ok(metrics)
    }

    /// Takes the folder of `.env.<environment>`, which wins over `stairway.toml`.
    pub(super) fn of_deployment(
        &mut self,
        variables: &Variables,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let found = variables.find(env::METRICS.name).filter(|_| !self.is_named);
        let Some(found) = found.filter(|_| !self.job.is_empty()) else { return Ok(()) };
        let beside = match &found.origin {
            Origin::Dotenv { path, .. } => path.parent().map(Path::to_owned),
            _ => None,
        };
        self.folder = Some(beside.unwrap_or_default().join(found.value));
        self.is_named = true;
        self.try_folder(printer)
    }

    /// The run that they are of, if what is asked for is one.
    pub(super) fn job(&self) -> Option<&'static str> {
        (!self.job.is_empty()).then_some(self.job)
    }

    /// Adds what the run has to say.
    pub(super) fn add(&mut self, samples: Samples) {
        self.samples.extend(samples);
    }

    /// Adds how many backups of a database are in a folder, as far as that can be read.
    pub(super) fn count_backups(&mut self, store: &Store, database: &str) {
        if self.folder.is_none() {
            return;
        }
        if let Ok(listing) = store.list() {
            let of_it = listing.backups.iter().filter(|it| it.manifest.database == database);
            self.samples.extend(prometheus::retained(of_it.count()));
        }
    }

    /// Writes them, for a run that ends so. Gives why they can't be written.
    pub(super) fn write(&mut self, exit: Exit, printer: &mut Printer) -> Result<(), String> {
        let Some(folder) = self.folder.take() else { return Ok(()) };
        let run = JobRun {
            job: self.job,
            exit,
            at: Timestamp::now(),
            seconds: self.start.elapsed().as_secs_f64(),
        };
        let file = Textfile::new(&folder, self.job);
        let replaced = file.replace(|earlier| prometheus::page(&run, &self.samples, earlier));
        if let Some(why) = replaced.map_err(|error| unwritable(&file.path(), &error))? {
            let path = file.path();
            printer.status(&format!(
                "warning: {} was replaced, and with it what an earlier run had left: {why}",
                path.display()
            ));
        }
        Ok(())
    }

    /// The end of a run whose metrics may not be written yet: they are part of what was asked for.
    pub(super) fn end(mut self, outcome: Outcome, printer: &mut Printer) -> Outcome {
        let exit = match &outcome {
            Ok(exit) => *exit,
            Err(failure) => failure.exit,
        };
        match self.write(exit, printer) {
            Ok(()) => outcome,
            Err(why) if exit == Exit::Clean && !self.is_deployment => Err(Failure::usage(why)),
            Err(why) => {
                printer.status(&why);
                if exit == Exit::Clean { Ok(Exit::Undelivered) } else { outcome }
            }
        }
    }

    fn try_folder(&mut self, printer: &mut Printer) -> Result<(), Failure> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let Err(error) = textfile::writable(folder) else { return Ok(()) };
        let why = unwritable(folder, &error);
        if self.is_named && !self.is_deployment {
            return Err(Failure::usage(why).help(
                "--metrics takes a folder that is there: the one of node_exporter's \
                 --collector.textfile.directory",
            ));
        }
        printer.status(&format!("warning: {why}"));
        if !self.is_deployment {
            self.folder = None;
        }
        Ok(())
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    format!("can't write metrics to {}: {error}", path.display())
}

/// The job of a verb that has metrics, where they are to go, and whether it moves a database.
fn asked(verb: &Verb) -> Option<(&'static str, &MetricsArgs, bool)> {
    Some(match verb {
        Verb::Verify(it) if !it.list_checks && it.explain.is_none() => {
            ("verify", &it.metrics, false)
        }
        Verb::Bench(it) => ("bench", &it.metrics, false),
        Verb::Drill(it) => ("drill", &it.metrics, false),
        Verb::Gate(it) => ("gate", &it.metrics, false),
        Verb::Backup(it) if !it.list => ("backup", &it.metrics, false),
        // What would be done is none of what is done.
        Verb::Upgrade(it) if !it.run.dry_run => ("upgrade", &it.run.metrics, true),
        Verb::Downgrade(it) if !it.run.dry_run => ("downgrade", &it.run.metrics, true),
        Verb::Validate(it) => ("validate", &it.run.metrics, true),
        Verb::Restore(it) => ("restore", &it.run.metrics, true),
        Verb::Stamp(it) => ("stamp", &it.run.metrics, true),
        Verb::Recover(it) => ("recover", &it.run.metrics, true),
        _ => return None,
    })
}
