//! `stairway gate`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as Arguments, ValueEnum};

use crate::attest::{self, SigningKey};
use crate::backup::Level;
use crate::config::{Config, Deployment, DeploymentFlags, GateSettings};
use crate::env;
use crate::finding::CheckId;
use crate::report::{
    ErrorReport, Style, gate_html, gate_html_unfinished, gate_json, gate_json_unfinished,
    gate_markdown, gate_text, prometheus,
};
use crate::runs::gate::{self, FACTS, Gated, Policy, Request, Reviewed};
use crate::runs::{self, Caching};

use super::args::{DatabaseArgs, FolderArgs, MetricsArgs, RowArgs, ServerArgs};
use super::forms::{Form, FormedReports};
use super::monitor::Monitor;
use super::printer::Printer;
use super::progress::Narrator;
use super::reports::{Wanted, cannot_write, put, time, wanted};
use super::{Failure, Outcome, settings};

#[derive(Debug, Arguments)]
#[command(
    after_help = "What is pending is verified on the spot, unless reports say it. The p95 and the drill are taken \
                        from reports. A report counts for the files that it names and for no others.\n\n\
                        Facts: verification, allowances, latency, drill, backup, history, one-head, drift. All are required, \
                        latency only if there is a workload; stairway.toml or --require names others.\n\n\
                        Exit codes: 0 all that is required is so, 2 usage or configuration, 3 no server to verify on, \
                        10 the database can't be looked at, 14 something is not so, 15 nobody can tell.\n\n\
                        Examples:\n  stairway gate --drill drill.json\n  \
                        stairway gate --verification shard-1.json --verification shard-2.json --bench bench.json --drill drills\n  \
                        stairway gate --drill drill.json --attest release.json --key gate.key"
)]
pub(super) struct GateArgs {
    #[command(flatten)]
    pub(super) folder: FolderArgs,
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(flatten)]
    pub(super) rows: RowArgs,
    /// A report of verify as JSON; may be given more than once, for example one of each shard
    #[arg(long, value_name = "FILE")]
    pub(super) verification: Vec<PathBuf>,
    /// A report of bench as JSON; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(super) bench: Vec<PathBuf>,
    /// A report of drill as JSON, or a folder of them: the newest one counts [default: stairway.toml]
    #[arg(long, value_name = "PATH")]
    pub(super) drill: Vec<PathBuf>,
    /// A fact that is required, and no others but those named so; may be given more than once
    /// [default: stairway.toml, all]
    #[arg(long, value_name = "FACT", value_parser = fact)]
    pub(super) require: Vec<&'static str>,
    /// How long ago the newest drill may have ended [default: stairway.toml, 26h]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) drill_max_age: Option<Duration>,
    /// How old the newest backup may be [default: stairway.toml, 26h]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) backup_max_age: Option<Duration>,
    /// The folder of queries whose p95 must have been measured [default: stairway.toml, workload if
    /// it is there]
    #[arg(long, value_name = "DIR")]
    pub(super) workload: Option<PathBuf>,
    /// Write a signed attestation that upgrade can demand into a file, if the gate passes
    #[arg(long, value_name = "FILE")]
    pub(super) attest: Option<PathBuf>,
    /// The private key of Ed25519 that signs it, in PEM [default: STAIRWAY_GATE_KEY]
    #[arg(long, value_name = "FILE", requires = "attest")]
    pub(super) key: Option<PathBuf>,
    /// production, staging or development: reads .env.<name> [default: production]
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,
    /// The folder of .env.<name> and backups [default: DEPLOYMENT_DIR, the current one]
    #[arg(long, value_name = "DIR")]
    pub(super) deployment_dir: Option<PathBuf>,
    /// The folder of backups [default: BACKUP_DIR, backups/migrations in the deployment's folder]
    #[arg(long, value_name = "DIR")]
    pub(super) backup_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) metrics: MetricsArgs,
    /// The form of the report
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    pub(super) format: GateFormat,
    /// Write the report into a file instead of to stdout
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Write another report into a file, in any form of --format; may be given more than once
    #[arg(long, value_name = "FORM=PATH", value_parser = wanted::<GateFormat>)]
    pub(super) report: Vec<Wanted<GateFormat>>,
    /// Say nothing but the report
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GateFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For the summary of a job
    Markdown,
    /// One page that needs no network
    Html,
}

impl Form for GateFormat {
    type Outcome = Gated;

    const FOR_PEOPLE: Self = Self::Text;

    fn text(self, gated: &Gated, _: Style) -> String {
        match self {
            Self::Text => gate_text(gated),
            Self::Json => gate_json(gated),
            Self::Markdown => gate_markdown(gated),
            Self::Html => gate_html(gated),
        }
    }

    fn unfinished(self, error: &ErrorReport, seconds: f64) -> String {
        match self {
            Self::Text => format!("error: {}\n", error.text()),
            Self::Json => gate_json_unfinished(error, seconds),
            Self::Html => gate_html_unfinished(error, seconds),
            Self::Markdown => {
                format!("### Stairway gate: not finished\n\n```text\n{}\n```\n", error.text())
            }
        }
    }
}

/// The name of a fact.
fn fact(name: &str) -> Result<&'static str, String> {
    let names = FACTS.iter().map(|(known, _)| *known);
    names.clone().find(|known| *known == name).ok_or_else(|| {
        let known: Vec<&str> = names.collect();
        format!("no fact is called {name:?}; known are {}", known.join(", "))
    })
}

pub(super) async fn run(args: &GateArgs, monitor: &mut Monitor, printer: &mut Printer) -> Outcome {
    let reports = FormedReports::begin(args.format, args.output.as_deref(), &args.report)?;
    match Box::pin(gated(args, monitor, printer)).await {
        Ok(gated) => {
            monitor.metrics.add(prometheus::gate(&gated));
            monitor.traces.gate(&gated);
            reports.finish(&gated, printer)?;
            Ok(gated.exit)
        }
        Err(failure) => {
            if let Err(unwritten) = reports.fail(&failure, printer) {
                printer.error(unwritten.error.as_ref());
            }
            Err(failure)
        }
    }
}

async fn gated(
    args: &GateArgs,
    monitor: &mut Monitor,
    printer: &mut Printer,
) -> Result<Gated, Failure> {
    let config = Config::load().map_err(Failure::usage)?;
    let signs = signs(args)?;
    let request = request(args, &config)?;
    let mut narrator = Narrator::new(printer, args.quiet).traced(&mut monitor.traces);
    let gated = Box::pin(gate::gate(&request, &mut narrator)).await;
    printer.finish_bar();
    let gated = gated.map_err(|error| Failure::new(error.exit(), error))?;
    if let (Some((key, path)), Some(statement)) = (&signs, gate::statement(&gated)) {
        let text = attest::seal(&statement, key).map_err(Failure::usage)?;
        put(path, &text).map_err(|error| cannot_write(path, error))?;
        printer.status(&format!("attestation: {}, signed with {}", path.display(), key.id()));
    }
    Ok(gated)
}

/// Who signs what. An attestation of an earlier gate goes first: it must not pass for one of this.
fn signs(args: &GateArgs) -> Result<Option<(SigningKey, PathBuf)>, Failure> {
    let Some(path) = &args.attest else { return Ok(None) };
    let named = args.key.clone().or_else(|| env::GATE_KEY.get().map(PathBuf::from));
    let Some(named) = named else {
        return Err(Failure::usage("an attestation is signed, and no key was named").help(
            "give --key FILE or set STAIRWAY_GATE_KEY; `openssl genpkey -algorithm ed25519 -out \
             gate.key` makes one",
        ));
    };
    let key = SigningKey::read(&named).map_err(Failure::usage)?;
    match std::fs::read_to_string(path) {
        Ok(text) if attest::is_envelope(&text) => {
            std::fs::remove_file(path).map_err(|error| cannot_write(path, error))?;
        }
        Ok(_) => {
            let path = path.display();
            let what = format!("{path} is no attestation: it would be overwritten");
            return Err(Failure::usage(what).help("name another file with --attest"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot_write(path, error)),
    }
    Ok(Some((key, path.clone())))
}

fn request(args: &GateArgs, config: &Config) -> Result<Request, Failure> {
    let written = config.gate().map_err(Failure::usage)?;
    let flags = DeploymentFlags {
        environment: args.env.clone(),
        directory: args.deployment_dir.clone(),
        backup_dir: args.backup_dir.clone(),
        database_url: args.database.database_url.clone(),
    };
    let place = Deployment::find(&flags, config).map_err(Failure::usage)?;
    let policy = policy(args, &written)?;
    let drills = if args.drill.is_empty() { written.drills } else { args.drill.clone() };
    Ok(Request {
        target: place.target,
        connect: Duration::from_secs(10),
        environment: place.environment.to_string(),
        verify: verify(args, config, &policy)?,
        verifications: args.verification.clone(),
        benches: args.bench.clone(),
        drills,
        backups: place.backup_dir,
        workload: workload(args, config)?,
        policy,
    })
}

/// How what is pending is verified, where no report says it.
fn verify(args: &GateArgs, config: &Config, policy: &Policy) -> Result<runs::Options, Failure> {
    let mut options = runs::Options::new(settings::folder(&args.folder, config));
    options.tool = settings::tool(&args.folder, config)?;
    options.alembic = config.alembic(&args.folder.x);
    options.server = settings::server(&args.server, config)?;
    options.claims = config.claims().map_err(Failure::usage)?;
    options.rows = settings::rows(&args.rows, config)?;
    options.keep_rows = settings::kept_rows(&args.rows, config, &options.folder);
    options.baseline = settings::usual_baseline(config);
    options.fail_on = policy.fail_on;
    if !env::NO_CACHE.is_on() {
        options.caching = Caching::On;
    }
    Ok(options)
}

fn workload(args: &GateArgs, config: &Config) -> Result<Option<PathBuf>, Failure> {
    let written = config.bench().map_err(Failure::usage)?;
    let named = args.workload.clone().or(written.workload);
    if let Some(folder) = named.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(Failure::usage(format!("there is no workload {}", folder.display())));
    }
    Ok(named.or_else(|| Some(Path::new("workload").to_owned()).filter(|folder| folder.is_dir())))
}

fn policy(args: &GateArgs, written: &GateSettings) -> Result<Policy, Failure> {
    let usual = Policy::default();
    let of_file = |why: String| Failure::usage(format!("stairway.toml: gate: {why}"));
    let require = match (&written.require, args.require.as_slice()) {
        (None, []) => None,
        (Some(names), []) => {
            let names = names.iter().map(|name| fact(name));
            Some(names.collect::<Result<Vec<_>, _>>().map_err(of_file)?)
        }
        (_, named) => Some(named.to_vec()),
    };
    let mut reviewed = Vec::new();
    for it in &written.reviewed {
        let check: CheckId =
            it.check.parse().map_err(|error| of_file(format!("reviewed: {error}")))?;
        reviewed.push(Reviewed {
            revision: it.revision.clone(),
            check: check.to_string(),
            sha256: it.sha256.clone(),
        });
    }
    let level = written.backup_level.map(Level::try_from).transpose().map_err(of_file)?;
    Ok(Policy {
        require,
        fail_on: written.fail_on.unwrap_or(usual.fail_on),
        rows: written.rows.unwrap_or(usual.rows),
        drill_max_age: args.drill_max_age.or(written.drill_max_age).unwrap_or(usual.drill_max_age),
        backup_max_age: args
            .backup_max_age
            .or(written.backup_max_age)
            .unwrap_or(usual.backup_max_age),
        backup_level: level.unwrap_or(usual.backup_level),
        valid_for: written.valid_for.unwrap_or(usual.valid_for),
        reviewed,
    })
}

#[cfg(test)]
mod tests {
    use super::fact;

    #[test]
    fn a_fact_is_called_by_its_name() {
        assert_eq!(fact("one-head"), Ok("one-head"));
        assert!(fact("heads").unwrap_err().contains("one-head"));
    }
}
