//! Client programs that end when we do, however we end.
//!
//! Knows processes. Must not know what they do.

use std::io;
use std::path::Path;
use std::process::{Command as Shell, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::postgres::Target;

/// Reads a pipe that we hold open. When that ends, however we ended, it kills its process group,
/// which the program and all of its workers are in.
const WATCH: &str = "trap '' HUP INT TERM; while read -r _; do :; done; kill -KILL 0";
/// How long a process that was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// So much of what a program says is kept, in bytes.
const MOST_SAID: usize = 1 << 16;

/// A running program; dropping it kills all of its processes and waits for them.
#[derive(Debug)]
pub(super) struct Child {
    /// The leader of the group: as long as we don't wait for it, nobody else gets its number.
    watcher: std::process::Child,
    program: tokio::process::Child,
}

impl Child {
    /// Starts it, with nothing to read on stdin and its complaints kept for [`Child::output`].
    pub(super) fn start(command: Command) -> io::Result<Self> {
        Self::start_reading(command, Stdio::null())
    }

    /// The same, with this to read on stdin.
    pub(super) fn start_reading(mut command: Command, stdin: Stdio) -> io::Result<Self> {
        use std::os::unix::process::CommandExt;

        let mut watcher = Shell::new("sh")
            .args(["-c", WATCH])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let group = i32::try_from(watcher.id()).map_err(io::Error::other)?;
        command.process_group(group).stdin(stdin).stderr(Stdio::piped());
        match command.spawn() {
            Ok(program) => Ok(Self { watcher, program }),
            Err(error) => {
                drop(watcher.stdin.take());
                let _ = watcher.wait();
                Err(error)
            }
        }
    }

    /// Waits for its end. What it wrote to stdout is there if that is a pipe of ours.
    pub(super) async fn output(mut self) -> io::Result<Output> {
        let (stdout, stderr) = (self.program.stdout.take(), self.program.stderr.take());
        let (stdout, stderr, status) = tokio::try_join!(
            read(stdout, usize::MAX),
            read(stderr, MOST_SAID),
            self.program.wait()
        )?;
        Ok(Output { status, stdout, stderr })
    }

    fn kill(&mut self) {
        if let Ok(group) = i32::try_from(self.watcher.id()) {
            // Nobody is left in it only if the watcher is not, which somebody else must have killed.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.watcher.wait();
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.program.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program whose messages can be read, since they come in one language.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C");
    command
}

/// Has a program connect to `target` and nowhere else. The password, if any, goes into its
/// environment.
pub(super) fn connect(command: &mut Command, target: &Target) {
    // These would win over what the target says.
    for name in ["PGSERVICE", "PGHOSTADDR", "PGTARGETSESSIONATTRS"] {
        command.env_remove(name);
    }
    command.envs(target.libpq_environment());
}

/// Reads to the end and keeps the first bytes.
async fn read(stream: Option<impl AsyncRead + Unpin>, most: usize) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return Ok(kept) };
    let mut buffer = vec![0; 1 << 13];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(kept);
        }
        let room = most.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
    }
}
