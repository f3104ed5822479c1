//! A backup that a command of the user's brings: from an object store, or out of another program.
//!
//! Knows a shell. Must not know what the command does, nor what it brought.

use std::path::Path;
use std::process::Stdio;

use super::BackupError;
use super::child::{Child, command};
use super::dump::last_lines;
use crate::env;
use crate::secret::Scrubber;

/// Runs `wanted` in the folder `into`, which it is also told of in `STAIRWAY_FETCH_TO`. Dropping
/// this ends the command with all of its processes.
pub async fn fetch(wanted: &str, into: &Path) -> Result<(), BackupError> {
    let mut command = command(Path::new("sh"));
    command.args(["-c", wanted]).current_dir(into).env(env::FETCH_TO.name, into);
    command.stdout(Stdio::null());
    let program = Path::new("sh");
    let child = Child::start(command).map_err(BackupError::program(program))?;
    let output = child.output().await.map_err(BackupError::program(program))?;
    if output.status.success() {
        return Ok(());
    }
    // What a command of others prints may hold the key to their store.
    let said = String::from_utf8_lossy(&output.stderr);
    let said = Scrubber::default().scrub(&said).into_owned();
    Err(BackupError::Fetch { status: output.status, said: last_lines(&said) })
}
