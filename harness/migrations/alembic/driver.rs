//! The process that runs Alembic: one request a line, and what it answers.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::AlembicOptions;
use super::environment::Environment;
use super::interpreter::{Interpreter, candidates};
use super::program::Statement;
use super::revisions::Revision;
use crate::migrations::{Direction, MigrationsError, Records, Tool};

/// What the process runs.
const SCRIPT: &str = include_str!("driver.py");

/// Where a step's connections are to lead.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// An address of the network, for drivers.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The password.
    pub word: &'a str,
    /// The role, for scripts that ask their URL.
    pub user: &'a str,
    /// The database, likewise.
    pub database: &'a str,
}

/// What came of a step.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it sent.
    pub statements: Vec<Statement>,
    /// What it printed.
    pub output: String,
}

/// A step did not run to its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DriverError {
    /// Python raised something.
    #[error("{message}")]
    Raised {
        /// Its words.
        message: String,
        /// The type of the exception; `None` for a problem in our own words.
        kind: Option<String>,
        /// Where from.
        traceback: Option<String>,
        /// Whether the revision was reached; if not, its environment is to blame.
        entered: bool,
        /// What was sent before.
        statements: Vec<Statement>,
        /// What was printed.
        output: String,
    },
    /// The process is gone.
    #[error("the Python process ended in the middle of a step: {0}")]
    Gone(String),
}

impl DriverError {
    /// What was sent and printed before.
    pub fn told(&self) -> Option<Told> {
        match self {
            Self::Raised { statements, output, .. } => {
                Some(Told { statements: statements.clone(), output: output.clone() })
            }
            Self::Gone(_) => None,
        }
    }
}

/// What the process says of the environment.
#[derive(Debug, Deserialize)]
pub(super) struct Opened {
    alembic: String,
    python: String,
    digest: String,
    version_table: String,
    version_table_schema: Option<String>,
    models: Option<String>,
    pub(super) revisions: Vec<Revision>,
}

type Answer = Result<(Value, Told), DriverError>;
/// Takes the answer.
type Done = Box<dyn FnOnce(Answer) + Send>;

/// Who waits for an answer, and what was told since.
struct Waiting {
    statements: Vec<Statement>,
    done: Done,
}

/// An environment with a Python process that has Alembic in it. That ends with this, and when we do.
#[derive(Debug)]
pub(super) struct Driver {
    interpreter: Interpreter,
    environment: Environment,
    process: Mutex<Process>,
    /// One step at a time.
    turn: tokio::sync::Mutex<()>,
    about: String,
    version_table: String,
    version_table_schema: Option<String>,
    models: Option<String>,
}

struct Process {
    child: Child,
    requests: ChildStdin,
    waiting: Arc<Mutex<Option<Waiting>>>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Process").field("pid", &self.child.id()).finish_non_exhaustive()
    }
}

impl Process {
    fn end(&mut self) {
        // Its input ends, too, but a script may be in the middle of something, or have programs of its own: the
        // process leads its group.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl Driver {
    /// Starts the user's Python, which is looked for from `beside` on, and has it read the environment.
    pub(super) fn start(
        environment: &Environment,
        beside: &Path,
    ) -> Result<(Self, Opened), MigrationsError> {
        let mut tried = String::new();
        for interpreter in candidates(beside) {
            let name = interpreter.program.to_string_lossy().into_owned();
            // Writing to a String can't fail.
            let _ = write!(tried, "\n  {name} ({}): ", interpreter.because);
            let mut process = match Process::spawn(&interpreter, environment) {
                Ok(process) => process,
                Err(error) => {
                    let _ = write!(tried, "{error}");
                    continue;
                }
            };
            match process.open(environment) {
                Ok(opened) => {
                    let driver = Self {
                        interpreter,
                        environment: environment.clone(),
                        process: Mutex::new(process),
                        turn: tokio::sync::Mutex::default(),
                        about: about(&opened, &environment.options),
                        version_table: opened.version_table.clone(),
                        version_table_schema: opened.version_table_schema.clone(),
                        models: opened.models.clone(),
                    };
                    return Ok((driver, opened));
                }
                Err(DriverError::Raised { message, kind: None, .. })
                    if message.contains("can't be imported") =>
                {
                    let _ = write!(tried, "{message}");
                }
                Err(DriverError::Gone(why)) => {
                    let _ = write!(tried, "{why}");
                }
                Err(error) => {
                    return Err(MigrationsError::Environment {
                        directory: environment.directory.clone(),
                        problem: problem(&error),
                    });
                }
            }
        }
        Err(MigrationsError::NoPython { tried })
    }

    /// What verdicts depend on besides the revisions: versions, and the `env.py`.
    pub(super) fn about(&self) -> &str {
        &self.about
    }

    /// A digest of the files that models may be written in, if its `env.py` speaks of some.
    pub(super) fn models(&self) -> Option<&str> {
        self.models.as_deref()
    }

    /// Compares the models with a database at head.
    pub(super) async fn compare(&self, call: &Call<'_>) -> Models {
        match self.answer(&json!({ "op": "compare", "door": door(call) })).await {
            Ok((value, _)) => serde_json::from_value(value)
                .map_or_else(|error| Models::Failed(error.to_string()), Compared::models),
            Err(error) => Models::Failed(problem(&error)),
        }
    }

    /// Where it records what was applied.
    pub(super) fn records(&self) -> Records {
        Records {
            tool: Tool::Alembic,
            schema: self.version_table_schema.clone(),
            name: self.version_table.clone(),
        }
    }

    /// Where Alembic is run.
    pub(super) fn directory(&self) -> &Path {
        &self.environment.directory
    }

    /// Has one revision run in one direction.
    pub(super) async fn step(
        &self,
        revision: &str,
        direction: Direction,
        call: &Call<'_>,
    ) -> Result<Told, DriverError> {
        let request = json!({
            "op": "step",
            "revision": revision,
            "direction": direction.as_str(),
            "door": door(call),
        });
        self.answer(&request).await.map(|(_, told)| told)
    }

    /// What Alembic's offline mode prints for one revision in one direction.
    pub(super) async fn render(
        &self,
        revision: &str,
        direction: Direction,
        heads: &[&str],
    ) -> Result<String, DriverError> {
        let request = json!({
            "op": "render", "revision": revision, "direction": direction.as_str(), "heads": heads,
        });
        let (value, _) = self.answer(&request).await?;
        Ok(value.get("sql").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    async fn answer(&self, request: &Value) -> Answer {
        let _turn = self.turn.lock().await;
        let (sender, receiver) = oneshot::channel();
        self.ask(request, Box::new(move |answer| drop(sender.send(answer))))?;
        receiver.await.map_err(|error| DriverError::Gone(error.to_string()))?
    }

    /// Ends the process; the next step has another one.
    pub(super) fn stop(&self) {
        self.process().end();
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the process, which is started again if it has ended.
    fn ask(&self, request: &Value, done: Done) -> Result<(), DriverError> {
        let gone = |error: std::io::Error| DriverError::Gone(error.to_string());
        let mut process = self.process();
        if process.child.try_wait().map_err(gone)?.is_some() {
            *process = Process::spawn(&self.interpreter, &self.environment).map_err(gone)?;
            process.open(&self.environment)?;
        }
        process.ask(request, done);
        Ok(())
    }
}

impl Process {
    fn spawn(interpreter: &Interpreter, environment: &Environment) -> std::io::Result<Self> {
        let mut child = Command::new(&interpreter.program)
            .args(&interpreter.arguments)
            .args(["-c", SCRIPT])
            .current_dir(&environment.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // An interrupt is for us: we say what becomes of the step.
            .process_group(0)
            .spawn()?;
        let gone = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let requests = child.stdin.take().ok_or_else(gone)?;
        let answers = child.stdout.take().ok_or_else(gone)?;
        let mut errors = child.stderr.take().ok_or_else(gone)?;
        let waiting: Arc<Mutex<Option<Waiting>>> = Arc::default();
        let shared = Arc::clone(&waiting);
        std::thread::Builder::new().name("alembic".to_owned()).spawn(move || {
            listen(answers, &shared);
            let mut words = String::new();
            // Said before it could say it properly: no Python that we know, or a wrapper's own words.
            let _ = std::io::Read::read_to_string(&mut errors, &mut words);
            if let Some(waiting) = shared.lock().unwrap_or_else(PoisonError::into_inner).take() {
                let last = words.trim().lines().last().unwrap_or("it said nothing").to_owned();
                (waiting.done)(Err(DriverError::Gone(last)));
            }
        })?;
        Ok(Self { child, requests, waiting })
    }

    fn open(&mut self, environment: &Environment) -> Result<Opened, DriverError> {
        let options = &environment.options;
        let request = json!({
            "op": "open",
            "directory": environment.directory,
            "ini": environment.ini,
            "toml": environment.toml,
            "script_location": environment.scripts,
            "section": options.section.as_deref().unwrap_or("alembic"),
            "x": options.x,
            "version_table": options.version_table,
            "version_table_schema": options.version_table_schema,
        });
        let (sender, receiver) = mpsc::channel();
        self.ask(&request, Box::new(move |answer| drop(sender.send(answer))));
        let answer = receiver.recv().map_err(|error| DriverError::Gone(error.to_string()))?;
        let (value, _) = answer?;
        serde_json::from_value(value).map_err(|error| DriverError::Gone(error.to_string()))
    }

    fn ask(&mut self, request: &Value, done: Done) {
        let waiting = Waiting { statements: Vec::new(), done };
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
        let sent = writeln!(self.requests, "{request}").and_then(|()| self.requests.flush());
        if let Err(error) = sent
            && let Some(waiting) =
                self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            // It has ended, and whoever listened to it may have left before this was asked.
            (waiting.done)(Err(DriverError::Gone(error.to_string())));
        }
    }
}

/// An address as the process takes it.
fn door(call: &Call<'_>) -> Value {
    json!({
        "host": call.host, "port": call.port, "user": call.user, "word": call.word,
        "database": call.database,
    })
}

/// What the application's models are to the schema at head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Models {
    /// There is no metadata to compare.
    Unknown,
    /// The same.
    Agree,
    /// What would bring the schema to the models, as lines of Python.
    Differ(Vec<String>),
    /// Why nobody could tell.
    Failed(String),
}

/// What the process says of them: no lines where there is no metadata.
#[derive(Deserialize)]
struct Compared {
    differences: Option<Vec<String>>,
}

impl Compared {
    fn models(self) -> Models {
        match self.differences {
            None => Models::Unknown,
            Some(lines) if lines.is_empty() => Models::Agree,
            Some(lines) => Models::Differ(lines),
        }
    }
}

/// Takes what the process says until it ends.
fn listen(answers: ChildStdout, shared: &Mutex<Option<Waiting>>) {
    #[derive(Deserialize)]
    struct Line {
        event: Option<String>,
        #[serde(rename = "line")]
        at: Option<usize>,
        sql: Option<String>,
        ok: Option<Value>,
        error: Option<Raised>,
        output: Option<String>,
    }
    #[derive(Deserialize)]
    struct Raised {
        message: String,
        r#type: Option<String>,
        traceback: Option<String>,
        entered: bool,
    }
    for text in BufReader::new(answers).lines() {
        let Ok(text) = text else { return };
        let Ok(line) = serde_json::from_str::<Line>(&text) else { continue };
        let mut place = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if line.event.is_some() {
            if let (Some(waiting), Some(line), Some(sql)) = (place.as_mut(), line.at, line.sql) {
                waiting.statements.push(Statement { line, sql });
            }
            continue;
        }
        let Some(Waiting { statements, done }) = place.take() else { continue };
        let output = line.output.unwrap_or_default();
        done(match line.error {
            Some(Raised { message, r#type: kind, traceback, entered }) => {
                Err(DriverError::Raised { message, kind, traceback, entered, statements, output })
            }
            None => Ok((line.ok.unwrap_or_default(), Told { statements, output })),
        });
    }
}

fn about(opened: &Opened, options: &AlembicOptions) -> String {
    let Opened { alembic, python, digest, .. } = opened;
    let mut about = format!("Alembic {alembic} on Python {python}, files {digest}");
    for told in options.section.iter().chain(&options.x) {
        about.push_str(", ");
        about.push_str(told);
    }
    about
}

/// What Python said, with the place that it said it from.
pub(super) fn problem(error: &DriverError) -> String {
    match error {
        DriverError::Raised { message, kind: Some(kind), traceback, .. } => {
            let place = traceback.as_deref().and_then(|text| {
                text.lines().rev().find(|line| line.trim_start().starts_with("File \"/"))
            });
            let place = place.map(|line| format!("\n  {}", line.trim())).unwrap_or_default();
            format!("{kind}: {message}{place}")
        }
        other => other.to_string(),
    }
}
