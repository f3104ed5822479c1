//! `stairway upgrade`, `downgrade`, `validate`, `restore`, `stamp` and `recover`: runs on a database that matters. They end when it is
//! known what the database is, also after a signal.

use std::fs::{DirBuilder, OpenOptions};
use std::future::Future;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::alert::Channel;
use crate::attest::TrustedKey;
use crate::backup::Store;
use crate::config::{Config, Deployment, DeploymentFlags, Setting};
use crate::env;
use crate::exit::Exit;
use crate::migrations::Direction;
use crate::postgres::Target;
use crate::report;
use crate::runs::production::{self, Account, Demand, Patience, Request, Signal, Switches};
use crate::secret::{Scrubber, Secret};
use crate::server::{Choice, ServerSpec};

use super::args::{AccountFormat, Args, AttestationArgs, RunArgs, Verb};
use super::bell::Bell;
use super::log::Log;
use super::monitor::Monitor;
use super::printer::Printer;
use super::{Failure, Outcome, dry_run, settings};

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    what: What,
    args: RunArgs,
    attestation: AttestationArgs,
}

#[derive(Debug)]
enum What {
    Move(Direction, String),
    Validate,
    /// Which one, and whether it may be of another server.
    Restore(PathBuf, bool),
    Stamp(String, String),
    Recover,
}

impl What {
    fn verb(&self) -> &'static str {
        match self {
            Self::Move(direction, _) => direction.as_str(),
            Self::Validate => "validate",
            Self::Restore(..) => "restore",
            Self::Stamp(..) => "stamp",
            Self::Recover => "recover",
        }
    }
}

impl Asked {
    /// Takes the verbs of this file out of a command line; gives back every other one.
    pub(super) fn of(mut args: Args) -> Result<Self, Args> {
        let mut attestation = AttestationArgs::default();
        let (what, run) = match args.verb.take() {
            Some(Verb::Upgrade(it)) => {
                attestation = it.attestation;
                (What::Move(Direction::Upgrade, it.revision), it.run)
            }
            Some(Verb::Downgrade(it)) => (What::Move(Direction::Downgrade, it.revision), it.run),
            Some(Verb::Validate(it)) => (What::Validate, it.run),
            Some(Verb::Restore(it)) => (What::Restore(it.backup, it.from_other_server), it.run),
            Some(Verb::Stamp(it)) => (What::Stamp(it.revision, it.reason), it.run),
            Some(Verb::Recover(it)) => (What::Recover, it.run),
            other => return Err(Args { verb: other, ..args }),
        };
        Ok(Self { what, args: run, attestation })
    }
}

pub(super) async fn run(
    asked: Asked,
    mut signal: impl Future<Output = Signal> + Unpin,
    monitor: &mut Monitor,
    printer: &mut Printer,
) -> Outcome {
    let Asked { what, args, attestation } = asked;
    let config = Config::load().map_err(Failure::usage)?;
    let flags = DeploymentFlags {
        environment: args.env.clone(),
        directory: args.deployment_dir.clone(),
        backup_dir: args.backup_dir.clone(),
        database_url: args.database.database_url.clone(),
    };
    let place = Deployment::find(&flags, &config).map_err(Failure::usage)?;
    for warning in &place.warnings {
        printer.status(&format!("warning: {warning}"));
    }
    monitor.metrics.of_deployment(&place.variables, printer)?;
    let mut request = request(&what, &args, &config, &place)?;
    if let What::Move(Direction::Upgrade, _) = what {
        request.attestation = demand(&attestation, &config)?;
    }
    let request = Box::pin(production::ordered(request)).await;
    fits(&what, &args, printer)?;
    let channels = config.alerts(&place.variables).map_err(Failure::usage)?;
    let secrets = place.secrets();
    let of_channels: Vec<String> = channels.iter().flat_map(Channel::secrets).collect();
    let known = secrets.iter().map(Secret::expose).chain(of_channels.iter().map(String::as_str));
    let scrubber = Scrubber::new(known);
    if args.dry_run && matches!(what, What::Move(..)) {
        for Setting { name, value, origin } in &place.settings {
            printer.status(&format!("{name}: {} ({origin})", scrubber.scrub(value)));
        }
        let looking = dry_run::run(&request, &args, &scrubber, printer);
        return tokio::select! {
            biased;
            signal = &mut signal => {
                Err(Failure::new(signal.exit(), "interrupted; nothing was changed"))
            }
            outcome = looking => outcome,
        };
    }
    let verb = what.verb();
    let bell = Bell::new(channels, &place, &scrubber);
    let (tell, begun) = oneshot::channel();
    let mut log = Log::new(printer, &mut monitor.traces, &place.logs, scrubber.clone(), tell);
    // Side by side: nobody waits for a beginning to be told, but its end must not come before it.
    let (mut account, untold) =
        tokio::join!(Box::pin(work(what, &request, signal, &mut log)), bell.begins(verb, begun));
    let broken = log.broken.take();
    for line in untold {
        printer.status(&line);
    }
    if broken.is_some() && account.exit == Exit::Clean {
        account.exit = Exit::Undelivered;
    }
    let delivered = deliver(&mut account, &args, &place, &scrubber, printer);
    let sum = delivered.as_ref().ok().cloned();
    let undelivered = delivered.err().or(broken);
    let silent = bell.ends(&account, sum, printer).await;
    let undelivered = undelivered.or(silent);
    if undelivered.is_some() && account.exit == Exit::Clean {
        account.exit = Exit::Undelivered;
    }
    // Last, so that they say what could not be delivered before them.
    let unwritten = measure(&account, &place, monitor, printer);
    let undelivered = undelivered.or(unwritten);
    if undelivered.is_some() && account.exit == Exit::Clean {
        account.exit = Exit::Undelivered;
    }
    ended(&account, undelivered.as_deref(), &scrubber, printer);
    Ok(account.exit)
}

/// The last lines of a run: what to do, what the database is, and who could not be told.
fn ended(account: &Account, untold: Option<&str>, scrubber: &Scrubber, printer: &mut Printer) {
    if let Some(help) = account.trouble.as_ref().and_then(|it| it.help.as_ref()) {
        printer.status(&format!("  help: {}", scrubber.scrub(help)));
    }
    let outcome = account.outcome.lines().next().unwrap_or_default();
    let (state, code) = (account.state.as_str(), account.exit.code());
    printer.status(&format!("{state}: {} ({code})", scrubber.scrub(outcome)));
    if let Some(why) = untold {
        printer.status(why);
    }
}

/// Writes the metrics of a run; or gives why they can't be written.
fn measure(
    account: &Account,
    place: &Deployment,
    monitor: &mut Monitor,
    printer: &mut Printer,
) -> Option<String> {
    monitor.metrics.add(report::prometheus::production(account));
    monitor.traces.production(account);
    let name = place.target.database_name().unwrap_or_else(|| place.target.role());
    monitor.metrics.count_backups(&Store::at(&place.backup_dir), name);
    monitor.metrics.write(account.exit, printer).err()
}

/// Refuses an option that the verb has not, and says which ones have no effect with it.
fn fits(what: &What, args: &RunArgs, printer: &mut Printer) -> Result<(), Failure> {
    match what {
        What::Validate => args.idle().iter().for_each(|line| printer.status(line)),
        What::Restore(..) | What::Stamp(..) | What::Recover if args.dry_run => {
            return Err(Failure::usage("--dry-run is for upgrade and downgrade"));
        }
        _ => {}
    }
    Ok(())
}

/// Does what is asked for. A signal ends it early, where that is possible.
async fn work(
    what: What,
    request: &Request,
    mut signal: impl Future<Output = Signal> + Unpin,
    log: &mut Log<'_>,
) -> Account {
    match what {
        What::Move(..) => production::migrate(request, signal, log).await,
        What::Validate => production::validate_now(request, signal, log).await,
        What::Restore(backup, _) => production::restore_now(request, &backup, signal, log).await,
        What::Stamp(_, reason) => production::stamp(request, &reason, signal, log).await,
        What::Recover => {
            let mut settling = Box::pin(production::recover(request, log));
            let signal = tokio::select! {
                account = &mut settling => return account,
                signal = &mut signal => signal,
            };
            // What is half settled is worse than what is not: it goes on to its end.
            let mut account = settling.await;
            account.notes.push("a signal came; what was begun was settled first".to_owned());
            if account.exit == Exit::Clean {
                account.exit = signal.exit();
            }
            account
        }
    }
}

/// The report of a run in each form, without secrets.
struct Texts {
    text: String,
    json: String,
    html: String,
}

impl Texts {
    fn of(account: &Account, scrubber: &Scrubber) -> Self {
        let scrubbed = |text: String| scrubber.scrub(&text).into_owned();
        Self {
            text: scrubbed(report::account_text(account)),
            json: scrubbed(report::account_json(account)),
            html: report::account_html(account, scrubber),
        }
    }

    fn form(&self, format: AccountFormat) -> &str {
        match format {
            AccountFormat::Text => &self.text,
            AccountFormat::Json => &self.json,
            AccountFormat::Html => &self.html,
        }
    }
}

/// Writes the report and gives the digest of its JSON; or why it can't be written. Then it goes to
/// stderr. What is written later says what could not be delivered before it.
fn deliver(
    account: &mut Account,
    args: &RunArgs,
    place: &Deployment,
    scrubber: &Scrubber,
    printer: &mut Printer,
) -> Result<String, String> {
    let mut told = Texts::of(account, scrubber);
    let given = if let Some(path) = &args.output {
        std::fs::write(path, told.form(args.format)).map_err(|error| (path.clone(), error))
    } else {
        printer.result(told.form(args.format));
        Ok(())
    };
    if given.is_err() && account.exit == Exit::Clean {
        account.exit = Exit::Undelivered;
        told = Texts::of(account, scrubber);
    }
    let Texts { text, json, html } = &told;
    let name = |end: &str| place.logs.join(format!("migration-report-{}.{end}", account.run));
    let files = [(name("txt"), text), (name("json"), json), (name("html"), html)];
    let written = files.iter().try_for_each(|(path, text)| write(path, text));
    match written.and(given) {
        Ok(()) => Ok(report::digest(json)),
        Err((path, error)) => {
            if args.output.is_some() {
                printer.status(text);
            }
            Err(format!("the report can't be written to {}: {error}", path.display()))
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), (PathBuf, std::io::Error)> {
    let at = |error| (path.to_owned(), error);
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at)?;
    }
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(at)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at)
}

fn request(
    what: &What,
    args: &RunArgs,
    config: &Config,
    place: &Deployment,
) -> Result<Request, Failure> {
    let (verb, goal) = match what {
        What::Move(direction, revision) => (*direction, revision.clone()),
        What::Stamp(revision, _) => (Direction::Upgrade, revision.clone()),
        What::Validate | What::Restore(..) | What::Recover => {
            (Direction::Upgrade, "head".to_owned())
        }
    };
    let mut history = settings::history(&args.folder, config)?;
    let claims = config.claims().map_err(Failure::usage)?;
    history.add_claims(&claims).map_err(Failure::usage)?;
    let mut critical_tables = args.critical_table.clone();
    critical_tables.extend_from_slice(config.critical_tables());
    let checks = args.checks.clone().or_else(|| config.checks().map(Path::to_owned));
    let usual = Some(place.directory.join("checks")).filter(|folder| folder.is_dir());
    Ok(Request {
        verb,
        goal,
        copy: copy(args, config, &place.target)?,
        target: place.target.clone(),
        history,
        backups: place.backup_dir.clone(),
        state: place.state.clone(),
        environment: place.environment.to_string(),
        switches: switches(what, args),
        patience: patience(args),
        jobs: args.jobs,
        critical_tables,
        checks: checks.or(usual),
        attestation: None,
    })
}

/// The attestation that is demanded, if a key is named.
fn demand(args: &AttestationArgs, config: &Config) -> Result<Option<Demand>, Failure> {
    let written = config.gate().map_err(Failure::usage)?.attestation_key;
    let of_environment = || env::ATTESTATION_KEY.get().map(PathBuf::from);
    let key = args.attestation_key.clone().or_else(of_environment).or(written);
    let file = args.attestation.clone();
    let Some(key) = key else {
        if file.is_some() {
            return Err(Failure::usage(
                "--attestation was given, and no key that it is held against",
            )
            .help("give --attestation-key FILE, or write attestation-key into [gate]"));
        }
        return Ok(None);
    };
    let key = TrustedKey::read(&key).map_err(Failure::usage)?;
    let file = file.or_else(|| env::ATTESTATION.get().map(PathBuf::from));
    Ok(Some(Demand { key, file }))
}

fn copy(args: &RunArgs, config: &Config, target: &Target) -> Result<ServerSpec, Failure> {
    let mut spec = config.server(None, None).map_err(Failure::usage)?;
    spec.choice = match args.copy_on.as_str() {
        "same-server" => {
            let own = target.database_name().unwrap_or_else(|| target.role());
            let other = if own == "postgres" { "template1" } else { "postgres" };
            Choice::Existing(target.database(other))
        }
        "auto" => spec.choice,
        word => Choice::from_str(word).map_err(|_| {
            Failure::usage(
                "--copy-on: the copy is made on auto, local, container, command, same-server or a \
                 server named as postgres://..",
            )
        })?,
    };
    Ok(spec)
}

fn switches(what: &What, args: &RunArgs) -> Switches {
    Switches {
        skip_backup: args.skip_backup,
        skip_test: args.skip_test,
        force: args.force,
        fence: args.fence,
        allow_drift: args.allow_drift,
        accept_loss: args.accept_loss,
        dry_run: args.dry_run,
        from_other_server: matches!(what, What::Restore(_, true)),
    }
}

fn patience(args: &RunArgs) -> Patience {
    let usual = Patience::default();
    let lock = Duration::from_millis(args.lock_timeout);
    Patience {
        timeout: Duration::from_secs(args.timeout),
        runner: Duration::from_secs(args.wait),
        transaction: Duration::from_secs(args.max_transaction),
        lock: (usual.lock.0.min(lock), lock),
        tries: args.tries,
        pause: Duration::from_secs(args.max_pause),
        idle: Duration::from_secs(args.idle_timeout),
        ..usual
    }
}
