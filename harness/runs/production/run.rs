//! A run under way: its account, its journal and who watches.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::exit::Exit;
use crate::postgres::{PostgresError, SqlFailure};
use crate::steps::{DeployFailure, Identity, RehearseError, StepFailure};

use super::account::{Account, Class, Ended, MoveAccount, State, StepAccount, Trouble};
use super::fence::Fence;
use super::journal::{Begun, Entry, Journal};
use super::request::Request;
use super::server::Doubts;

/// One thing that happened, for the terminal and the log.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// The run has an id.
    Run(&'a str),
    /// A step begins.
    Begins(&'a str),
    /// Something about the step that goes on.
    Note(&'a str),
    /// How far the step that goes on is.
    Amount(Amount),
    /// A script that was run on the database has come to its end, or was given up.
    Moved(&'a MoveAccount),
    /// A step has ended.
    Ends(&'a StepAccount),
}

/// How much of something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// `written` or `restored`.
    pub word: &'static str,
    /// So far.
    pub bytes: u64,
    /// About how many it will be, if that is known.
    pub of: Option<u64>,
}

/// Who wants to know. Nothing that is told holds a password or a value of a row.
pub trait Listener {
    /// Called for each thing, in order.
    fn told(&mut self, told: Told<'_>);
}

/// Why a run goes no further, and what it exits with if the database is as it was.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) exit: Exit,
    pub(super) trouble: Box<Trouble>,
}

impl Stop {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        let trouble = Trouble {
            step: String::new(),
            message: message.into(),
            sqlstate: None,
            object: None,
            place: None,
            class: None,
            help: None,
        };
        Self { exit, trouble: Box::new(trouble) }
    }

    /// The same, unless something more exact is said already.
    #[must_use]
    fn help_if_none(self, help: &str) -> Self {
        if self.trouble.help.is_some() { self } else { self.help(help) }
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.trouble.help = Some(help.into());
        self
    }

    /// The server's words, as far as they may be shown.
    #[must_use]
    fn said(mut self, failure: &SqlFailure) -> Self {
        self.trouble.sqlstate = Some(failure.sqlstate.clone());
        self.trouble.object.clone_from(&failure.object);
        if failure.is_out_of_resources() {
            self.trouble.class = Some(Class::ServerResources);
            self.trouble.help = Some(
                "the server ran out of something, no statement is to blame: see its disk, its limits and \
                 its log, then run it again"
                    .to_owned(),
            );
        }
        self
    }

    /// A session failed.
    pub(super) fn postgres(exit: Exit, doing: &str, error: &PostgresError) -> Self {
        let message = format!("{doing}: {}", discreet(error));
        let stop = Self::new(exit, message);
        match error.sql() {
            Some(failure) => stop.said(failure),
            None => stop,
        }
    }

    /// A script failed.
    pub(super) fn step(exit: Exit, lead: &str, failure: &StepFailure) -> Self {
        let sql = match failure {
            StepFailure::Sql { failure, .. } | StepFailure::Record { failure } => Some(failure),
            StepFailure::Text { .. }
            | StepFailure::Program { .. }
            | StepFailure::Environment(_)
            | StepFailure::Postgres(_) => None,
        };
        let words = match (failure, sql) {
            (_, Some(sql)) => sql.discreet().to_string(),
            (StepFailure::Postgres(error), None) => discreet(error),
            // It may hold any value.
            (StepFailure::Program { kind: Some(kind), .. }, None) => kind.clone(),
            (other, None) => other.to_string(),
        };
        let mut stop = Self::new(exit, format!("{lead}: {words}"));
        if let Some(sql) = sql {
            stop = stop.said(sql);
        }
        if let StepFailure::Sql { span: Some(span), .. } | StepFailure::Text { span, .. } = failure
        {
            stop.trouble.place = Some(format!("{}:{}", span.file.display(), span.line));
        }
        stop
    }

    /// The rehearsal found something.
    pub(super) fn rehearsal(error: &RehearseError) -> Self {
        let exit = Exit::RehearsalFailed;
        match error {
            RehearseError::Move { revision, direction, source } => {
                let lead = format!("the {} of {revision} fails on the copy", direction.as_str());
                Self::step(exit, &lead, source).help_if_none(
                    "mend the script and run again; nothing was changed. --force goes on without a rehearsal",
                )
            }
            RehearseError::Postgres(error) => {
                Self::postgres(exit, "the copy can't be asked", error)
            }
            RehearseError::Drift { .. }
            | RehearseError::Again { .. }
            | RehearseError::Schema(_) => Self::new(exit, error.to_string()).help(
                "make the downgrade the exact inverse of the upgrade: `stairway verify` shows where it is not",
            ),
        }
    }

    /// A move on the database failed.
    pub(super) fn deploy(lead: &str, failure: &DeployFailure) -> Self {
        let is_blocked =
            |failure: &SqlFailure| matches!(failure.sqlstate.as_str(), "55P03" | "40P01" | "40001");
        match failure {
            DeployFailure::Step(step) => {
                let stop = Self::step(Exit::ApplyFailed, lead, step);
                match step {
                    StepFailure::Sql { failure, .. } | StepFailure::Record { failure }
                        if is_blocked(failure) =>
                    {
                        stop.help_if_none(
                            "others hold what it needs: run it when they don't, or allow more with --tries, \
                             --lock-timeout and --max-pause",
                        )
                    }
                    StepFailure::Postgres(_) => stop.help_if_none(
                        "the connection was lost; the report says what the database is. Run again, and if \
                         this says UNKNOWN, `stairway recover` first",
                    ),
                    _ => stop.help_if_none(
                        "mend the script and run again; the report says what the database is now",
                    ),
                }
            }
            DeployFailure::Late => Self::new(Exit::ApplyFailed, format!("{lead}: {failure}")).help(
                "allow more with --timeout SECONDS; the report says how long it took on the copy",
            ),
            other => Self::new(Exit::ApplyFailed, format!("{lead}: {}", chain(other))),
        }
    }

    pub(super) fn journal(error: &io::Error) -> Self {
        Self::new(Exit::PreflightRefused, format!("the journal can't be written: {error}"))
    }
}

/// What a session's error says, without values of rows.
pub(super) fn discreet(error: &PostgresError) -> String {
    match error {
        PostgresError::Sql(failure) => failure.discreet().to_string(),
        other => chain(other),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// A run under way.
pub(super) struct Run<'w> {
    pub(super) account: Account,
    pub(super) journal: Option<Journal>,
    pub(super) doubts: Doubts,
    listener: &'w mut dyn Listener,
    began: Instant,
    step: Option<(String, Instant, Vec<String>)>,
    /// What a rehearsal showed of the way back, whatever came of the rehearsal.
    pub(super) way_back: Option<bool>,
    /// Whether something is left that `recover` has to do, although the database is in order.
    pub(super) stays_open: bool,
    /// The run that is settled, if it is another one.
    subject: Option<String>,
    /// Whether one database is taking the place of another: from then on it is not given up.
    swaps: Arc<AtomicBool>,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Run").field("account", &self.account).finish_non_exhaustive()
    }
}

impl<'w> Run<'w> {
    pub(super) fn new(request: &Request, verb: &str, listener: &'w mut dyn Listener) -> Self {
        let now = jiff::Timestamp::now();
        let run =
            format!("{}-{:04x}", now.strftime("%Y%m%dT%H%M%S%3fZ"), std::process::id() & 0xffff);
        listener.told(Told::Run(&run));
        let account = Account {
            schema: 1,
            run,
            verb: verb.to_owned(),
            environment: request.environment.clone(),
            database: request.target.to_string(),
            server: None,
            from: None,
            to: None,
            began: now.to_string(),
            seconds: 0.0,
            state: State::Before,
            exit: Exit::Clean,
            outcome: String::new(),
            trouble: None,
            notes: Vec::new(),
            steps: Vec::new(),
            preflight: Vec::new(),
            backup: None,
            moves: Vec::new(),
            validation: Vec::new(),
            orphans: None,
            kept_database: None,
        };
        Self {
            account,
            journal: None,
            doubts: Doubts::default(),
            listener,
            began: Instant::now(),
            step: None,
            way_back: None,
            stays_open: false,
            subject: None,
            swaps: Arc::default(),
        }
    }

    pub(super) fn id(&self) -> String {
        self.account.run.clone()
    }

    pub(super) fn swaps(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.swaps)
    }

    /// The run whose moves are made or taken back: this one, or the one that is settled.
    pub(super) fn subject(&self) -> String {
        self.subject.clone().unwrap_or_else(|| self.id())
    }

    pub(super) fn swap_subject(&mut self, subject: Option<String>) -> Option<String> {
        std::mem::replace(&mut self.subject, subject)
    }

    /// The fence around the database, if it is closed.
    pub(super) fn fence(&self) -> Option<Fence> {
        Fence::in_journal(self.journal.as_ref()?)
    }

    pub(super) fn begins(&mut self, step: &str) {
        self.ends(Ended::Done);
        self.listener.told(Told::Begins(step));
        self.step = Some((step.to_owned(), Instant::now(), Vec::new()));
    }

    /// Ends the step that goes on, if one does.
    pub(super) fn ends(&mut self, ended: Ended) {
        let Some((name, since, notes)) = self.step.take() else { return };
        let step = StepAccount { name, ended, seconds: since.elapsed().as_secs_f64(), notes };
        self.listener.told(Told::Ends(&step));
        self.account.steps.push(step);
    }

    /// Says something about the step that goes on, or about the whole run.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.listener.told(Told::Note(&text));
        match &mut self.step {
            Some((_, _, notes)) => notes.push(text),
            None => self.account.notes.push(text),
        }
    }

    /// Says something that belongs at the head of the report.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.listener.told(Told::Note(&text));
        self.account.notes.push(text);
    }

    /// Says what became of a script.
    pub(super) fn moved(&mut self, position: usize) {
        if let Some(one) = self.account.moves.get(position) {
            self.listener.told(Told::Moved(one));
        }
    }

    pub(super) fn amount(&mut self, amount: Amount) {
        self.listener.told(Told::Amount(amount));
    }

    pub(super) fn skip(&mut self, step: &str, why: &str) {
        self.begins(step);
        self.note(why);
        self.ends(Ended::Skipped);
    }

    pub(super) fn journal(&mut self, entry: Entry) -> Result<(), Stop> {
        self.write(entry).map_err(|error| Stop::journal(&error))
    }

    pub(super) fn write(&mut self, entry: Entry) -> io::Result<()> {
        if matches!(entry, Entry::Swapping { .. }) {
            self.swaps.store(true, Ordering::SeqCst);
        }
        match &mut self.journal {
            Some(journal) => journal.write(entry),
            None => Ok(()),
        }
    }

    /// Keeps the first trouble, with the step in which it came, and ends the step.
    pub(super) fn trouble(&mut self, stop: Stop) -> Exit {
        let step = self.step.as_ref().map(|(name, ..)| name.clone()).unwrap_or_default();
        let Stop { exit, mut trouble } = stop;
        if trouble.step.is_empty() {
            trouble.step = step;
        }
        let is_told = self
            .step
            .as_ref()
            .is_some_and(|(.., notes)| notes.iter().any(|note| note.ends_with(&trouble.message)));
        if !is_told {
            self.listener.told(Told::Note(&trouble.message));
        }
        self.ends(Ended::Failed);
        if self.account.trouble.is_none() {
            self.account.trouble = Some(*trouble);
        } else {
            self.account.notes.push(format!("{}: {}", trouble.step, trouble.message));
        }
        exit
    }

    /// Begins a journal for a run that moves nothing.
    pub(super) fn begin_alone(
        &mut self,
        request: &Request,
        database: Identity,
        verb: &str,
    ) -> Result<(), Stop> {
        let (run, verb) = (self.id(), verb.to_owned());
        let environment = request.environment.clone();
        let begun = Begun { run, verb, database, environment, from: 0, moves: Vec::new() };
        let journal = Journal::begin(&request.state, begun);
        self.journal = Some(journal.map_err(|error| Stop::journal(&error))?);
        Ok(())
    }

    /// Ends the run. The journal says first what the database is, then that nothing is left to do.
    pub(super) fn end(mut self, state: State, exit: Exit, outcome: impl Into<String>) -> Account {
        self.ends(Ended::Done);
        self.account.state = state;
        self.account.exit = exit;
        self.account.outcome = outcome.into();
        self.account.seconds = self.began.elapsed().as_secs_f64();
        let settled = Entry::Settled { state: state.as_str().to_owned(), exit: exit.code() };
        // UNKNOWN stays open: the next run, or `recover`, must look at it again.
        let is_closed = state != State::Unknown && !self.stays_open;
        let closed = is_closed.then_some(Entry::Closed);
        for entry in std::iter::once(settled).chain(closed) {
            if let Err(error) = self.write(entry) {
                self.account.notes.push(format!("the journal can't be written: {error}"));
            }
        }
        self.account
    }

    /// Where the journal and its files are.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.journal.as_ref().map(Journal::folder)
    }
}
