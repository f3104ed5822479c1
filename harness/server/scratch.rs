//! A folder for files that a run needs for a while: it goes with its owner, however that ends.
//!
//! Knows leases. Must not know what is put there.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::ServerError;
use super::lease::{Facts, Lease};
use super::survey::Ground;
use super::watchdog::Watchdog;

/// An empty folder of ours beside those of servers, for its owner only.
#[derive(Debug)]
pub struct Scratch {
    // Dropped in this order: the lease is held until the folder is gone.
    watchdog: Watchdog,
    lease: Lease,
    folder: PathBuf,
}

impl Scratch {
    /// Makes one. If we are killed, it is removed within moments, or by the next run.
    pub fn make() -> Result<Self, ServerError> {
        let Ground { account, runtime, .. } = Ground::find()?;
        let facts =
            Facts { backend: "scratch".to_owned(), owner: std::process::id(), ..Facts::default() };
        let lease = Lease::take(&runtime, &account, false, facts)?;
        let arguments = ["guard".into(), lease.home.clone().into_os_string()];
        let watchdog = Watchdog::start(Command::new("sh"), arguments)
            .map_err(ServerError::io("watch over a folder"))?;
        let folder = lease.home.join("files");
        std::fs::create_dir(&folder).map_err(ServerError::at("make", &folder))?;
        Ok(Self { watchdog, lease, folder })
    }

    /// Where files go.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = self.watchdog.let_go();
        // Nobody can be told; the next run finds what is left.
        let _ = self.lease.remove();
    }
}
