//! A server that the user's own commands make and destroy: the door to engines we don't know.

use std::fs;
use std::path::Path;
use std::process::Command as Process;
use std::time::{Duration, Instant};

use super::ServerError;
use super::account::Account;
use super::error::tail;
use super::lease::{Facts, Lease};
use super::local::blocking;
use super::watchdog::Watchdog;
use crate::env;
use crate::postgres::Target;

/// How long making a server may take.
const PATIENCE: Duration = Duration::from_mins(15);

/// A server between its two commands.
#[derive(Debug)]
pub(super) struct Command {
    watchdog: Watchdog,
    lease: Lease,
    destroy: String,
    pub(super) admin: Target,
}

impl Command {
    /// Runs `create` and reads the URL that it prints last.
    pub(super) async fn start(
        create: &str,
        destroy: Option<&str>,
        account: &Account,
        runtime: &Path,
    ) -> Result<Self, ServerError> {
        let destroy = destroy.unwrap_or_default().to_owned();
        let facts = Facts {
            backend: "command".to_owned(),
            owner: std::process::id(),
            destroy: Some(destroy.clone()),
            ..Facts::default()
        };
        let lease = Lease::take(runtime, account, false, facts)?;
        let arguments =
            ["serve".as_ref(), lease.home.as_os_str(), create.as_ref(), destroy.as_ref()];
        let watchdog = Watchdog::start(Process::new("sh"), arguments)
            .map_err(ServerError::io("run the create command"))?;
        match created(&lease.home, create).await {
            Ok(admin) => Ok(Self { watchdog, lease, destroy, admin }),
            Err(error) => {
                // Destroys what was made, if something was.
                drop(watchdog);
                lease.remove()?;
                Err(error)
            }
        }
    }

    /// Runs the destroy command and waits for it.
    pub(super) async fn stop(mut self) -> Result<(), ServerError> {
        blocking(move || self.end()).await
    }

    fn end(&mut self) -> Result<(), ServerError> {
        let failed = |what: String, output: &str| ServerError::Command {
            which: "destroy",
            what,
            command: self.destroy.clone(),
            output: tail(output, 20),
        };
        let (status, printed) =
            self.watchdog.let_go().map_err(|error| failed(error.to_string(), ""))?;
        self.lease.remove()?;
        if status.success() {
            return Ok(());
        }
        let code = status.code().map_or("by a signal".to_owned(), |code| format!("with {code}"));
        Err(failed(format!("ended {code}"), &printed))
    }
}

/// Waits for the create command and reads its answer.
async fn created(home: &Path, create: &str) -> Result<Target, ServerError> {
    let failed = |what: &str| {
        let output = fs::read_to_string(home.join("complaints")).unwrap_or_default();
        ServerError::Command {
            which: "create",
            what: what.to_owned(),
            command: create.to_owned(),
            output: tail(&output, 20),
        }
    };
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match fs::read_to_string(home.join("exit")) {
            Ok(status) if !status.is_empty() => break status,
            _ if Instant::now() > deadline => {
                return Err(failed(&format!("took longer than {} s", PATIENCE.as_secs())));
            }
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    if status.trim() != "0" {
        return Err(failed(&format!("ended with {}", status.trim())));
    }
    let printed = fs::read_to_string(home.join("created")).unwrap_or_default();
    let url = printed.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let Some(url) = url else { return Err(failed("printed no URL")) };
    Target::parse(url).map_err(|error| failed(&format!("printed no URL last ({error})")))
}

/// The commands, or why there are none.
pub(super) fn given(create: Option<&str>) -> Result<&str, ServerError> {
    create.ok_or_else(|| ServerError::Spec {
        name: env::SERVER_CREATE.name,
        value: String::new(),
        reason: "the choice is command, so it must be a command that prints a URL".to_owned(),
    })
}
