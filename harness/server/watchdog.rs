//! The shell that runs beside a server and ends it when its owner is gone.
//!
//! A pipe tells it: the owner holds one end, and the kernel closes that however the owner ends.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::lease::{self, Facts};

const SCRIPT: &str = include_str!("watchdog.sh");
/// How long a server may take to end and its folders to go.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running shell; what it watches over ends when this is dropped.
#[derive(Debug)]
pub(super) struct Watchdog {
    child: Child,
    pipe: Option<ChildStdin>,
    /// Whether it waits for somebody else's end.
    is_lent: bool,
}

impl Watchdog {
    /// Starts it by `shell`, a command that says as whom, with the arguments of `watchdog.sh`.
    pub(super) fn start<A: AsRef<OsStr>>(
        shell: Command,
        arguments: impl IntoIterator<Item = A>,
    ) -> io::Result<Self> {
        Self::start_holding(shell, arguments, Stdio::null())
    }

    /// The same; it keeps `held` open as long as it lives.
    pub(super) fn start_holding<A: AsRef<OsStr>>(
        mut shell: Command,
        arguments: impl IntoIterator<Item = A>,
        held: Stdio,
    ) -> io::Result<Self> {
        let mut child = shell
            .arg("-c")
            .arg(SCRIPT)
            .arg("stairway")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(held)
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the owner.
            .process_group(0)
            .spawn()?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe, is_lent: false })
    }

    /// Has it start the server, now that the data directory is ready.
    pub(super) fn go(&mut self) -> io::Result<()> {
        match &mut self.pipe {
            Some(pipe) => pipe.write_all(b"go\n"),
            None => Ok(()),
        }
    }

    /// Leaves it to itself: it waits for the end of another process than ours.
    pub(super) fn lend(&mut self) {
        self.pipe = None;
        self.is_lent = true;
    }

    /// Lets go and waits until all is cleaned; gives how it ended and what it printed.
    pub(super) fn let_go(&mut self) -> io::Result<(ExitStatus, String)> {
        self.let_go_within(PATIENCE)
    }

    fn let_go_within(&mut self, patience: Duration) -> io::Result<(ExitStatus, String)> {
        self.pipe = None;
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not end"));
            }
            thread::sleep(Duration::from_millis(3));
        };
        let mut printed = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut printed)?;
        }
        Ok((status, printed))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if !self.is_lent {
            // Ended already: this gives the known status at once.
            let _ = self.let_go();
        }
    }
}

/// Ends the server of a dead owner and removes its folders.
pub(super) fn clean(home: &Path, memory: Option<&Path>, facts: &Facts) {
    let before = lease::identity(home);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(SCRIPT).arg("stairway");
    if let Some(destroy) = &facts.destroy {
        shell.arg("settle").arg(home).arg(destroy);
    } else {
        let memory = memory.zip(home.file_name()).map(|(memory, name)| memory.join(name));
        let memory = memory.unwrap_or_default();
        let data = facts.data.clone().unwrap_or_else(|| home.join("data"));
        shell.arg("clean").arg(home).arg(memory).arg(data);
    }
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = shell.status();
    // With another lease it is another server, which a test run has made meanwhile.
    let now = lease::identity(home);
    if now.is_none() || now == before {
        let _ = lease::remove_marked(home);
    }
}
