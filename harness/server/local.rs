//! A server from installed binaries: no port, no daemon, a private folder that goes with it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::account::Account;
use super::apart;
use super::begins::Begins;
use super::cluster;
use super::error::{causes, tail};
use super::install::Installation;
use super::lease::{self, Facts, Lease, MARKER, Owner};
use super::spec::NEWEST;
use super::survey::Ground;
use super::watchdog::{self, Watchdog};
use super::{Profile, ServerError, place};
use crate::postgres::{Session, Target};

/// Part of the socket's name; nothing listens on the network.
const PORT: u16 = 5432;

/// Settings for servers whose data is thrown away.
pub(super) const FAST: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "max_wal_size=256MB",
    "jit=off",
    "shared_buffers=128MB",
    "max_connections=50",
    // Shared memory as files in the data directory, which go with it whatever kills the server.
    "dynamic_shared_memory_type=mmap",
];
/// Segments of 1 MiB that are not needed go, so that a kept data directory is small.
const SMALL: &[&str] = &["min_wal_size=2MB"];
/// For a server that all processes of a test run share.
pub(super) const MANY: &[&str] = &["max_connections=400"];
/// Settings for all servers.
const ALWAYS: &[&str] = &["listen_addresses=", "lc_messages=C", "timezone=UTC", "log_timezone=UTC"];

/// A running server.
#[derive(Debug)]
pub(super) struct Local {
    // Dropped in this order: the lease is held until the server is gone.
    watchdog: Watchdog,
    lease: Lease,
    /// The folder that holds the data, if that is another one than the lease's.
    memory: Option<PathBuf>,
    pub(super) admin: Target,
    pub(super) reason: String,
    /// Whether it reaches no network.
    pub(super) is_cut_off: bool,
    is_lent: bool,
}

impl Local {
    /// Starts one on a data directory that begins so, and waits until it answers.
    pub(super) async fn start(
        installation: Installation,
        profile: Profile,
        ground: Ground,
        begins: Begins,
        owner: Owner,
    ) -> Result<Self, ServerError> {
        let (version, patience) = (installation.version.clone(), begins.patience());
        let launch = move || launch(&installation, profile, &ground, &begins, &owner);
        let mut local = blocking(launch).await?;
        if let Err(what) = local.answers(patience).await {
            let log = fs::read_to_string(local.lease.home.join("log")).unwrap_or_default();
            return Err(ServerError::Start { version, what, log: tail(&log, 20) });
        }
        let written = fs::read_to_string(local.lease.home.join("postmaster")).unwrap_or_default();
        local.lease.record(|facts| facts.postmaster = written.trim().parse().ok())?;
        Ok(local)
    }

    /// Waits until a session can be had; fails at once when the process has ended.
    async fn answers(&self, patience: Duration) -> Result<(), String> {
        let home = &self.lease.home;
        let socket = home.join(format!(".s.PGSQL.{PORT}"));
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(2);
        let mut last = "no socket".to_owned();
        while Instant::now() < deadline {
            if let Ok(code) = fs::read_to_string(home.join("exit"))
                && !code.is_empty()
            {
                return Err(format!("ended with exit status {}", code.trim()));
            }
            if socket.exists() {
                match Session::connect(&self.admin, "start").await {
                    Ok(session) => return session.close().await.map_err(|error| error.to_string()),
                    Err(error) if error.may_pass() => last = error.to_string(),
                    // It answers, and will say the same again.
                    Err(error) => return Err(format!("said no: {}", causes(&error))),
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        Err(format!("did not answer within {} s ({last})", patience.as_secs()))
    }

    /// The server's folder.
    pub(super) fn home(&self) -> &Path {
        &self.lease.home
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.lease.facts.data.clone().unwrap_or_else(|| self.lease.home.join("data"))
    }

    /// Ends it and waits until nothing is left.
    pub(super) async fn stop(mut self) -> Result<(), ServerError> {
        blocking(move || self.end()).await
    }

    fn end(&mut self) -> Result<(), ServerError> {
        let path = self.lease.home.clone();
        let ended = self.watchdog.let_go().map_err(|error| error.to_string());
        if path.join(lease::KEEP).exists() {
            // Somebody wants to look at it.
            return Ok(());
        }
        if path.exists() {
            // Somebody killed the watchdog: do its work.
            watchdog::clean(
                &path,
                self.memory.as_deref().and_then(Path::parent),
                &self.lease.facts,
            );
        }
        self.lease.remove()?;
        match ended {
            Ok(_) => Ok(()),
            Err(reason) => Err(ServerError::Stop { path, reason }),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if !self.is_lent {
            // After `stop` this is a no-op.
            let _ = self.end();
        }
    }
}

/// Runs what blocks where it disturbs nobody.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServerError> + Send + 'static,
) -> Result<T, ServerError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ServerError::io("finish the work")(std::io::Error::other(error)))?
}

fn launch(
    installation: &Installation,
    profile: Profile,
    ground: &Ground,
    begins: &Begins,
    owner: &Owner,
) -> Result<Local, ServerError> {
    let Ground { account, cache, runtime, room, cut_off } = ground;
    let prepared = match begins.from() {
        Some(folder) => folder.to_owned(),
        None => cluster::prepared(installation, profile, cache, account)?,
    };
    let facts =
        Facts { backend: "local".to_owned(), owner: std::process::id(), ..Facts::default() };
    let mut lease = Lease::take_for(owner, runtime, account, facts)?;
    let memory = match profile {
        Profile::Fast => place::memory(*room).and_then(|root| in_memory(&root, &lease, account)),
        Profile::Faithful => Err("as a real server's".to_owned()),
    };
    let (folder, whereabouts) = match &memory {
        Ok(folder) => (folder.clone(), "data in memory (/dev/shm)".to_owned()),
        Err(reason) => (lease.home.clone(), format!("data on disk: {reason}")),
    };
    let data = folder.join("data");
    lease.record(|facts| facts.data = Some(data.clone()))?;
    let place = (memory.as_deref().ok(), data.as_path());
    let apart = Apart { wanted: *cut_off, possible: *cut_off && apart::is_possible(account) };
    let own = begins.settings(&lease.home, account);
    let own = own.map_err(ServerError::at("write settings into", &lease.home))?;
    let watchdog = watch(installation, (profile, apart, own), account, &lease, place, owner)?;
    let admin = Target::socket(&lease.home, PORT, begins.role(), "postgres");
    let reason = reason(installation, account, &whereabouts);
    // From here on it cleans up after itself, whether we fail or are killed.
    let (is_cut_off, is_lent) = (apart.possible, false);
    let memory = memory.ok();
    let mut local = Local { watchdog, lease, memory, admin, reason, is_cut_off, is_lent };
    let copied = begins.copy(&prepared, &data, &local.lease.home, account).or_else(|error| {
        match begins.from() {
            // The cache was cleared meanwhile: once more, from a new one.
            None if error.kind() == io::ErrorKind::NotFound => {
                let _ = fs::remove_dir_all(&data);
                let again = cluster::prepared(installation, profile, cache, account);
                cluster::copy(&again.map_err(io::Error::other)?, &data, account)
            }
            _ => Err(error),
        }
    });
    copied.map_err(ServerError::at("make", &data))?;
    local.watchdog.go().map_err(ServerError::io("start a server"))?;
    if let Owner::Runner { .. } = owner {
        local.is_lent = true;
        local.watchdog.lend();
    }
    Ok(local)
}

/// Whether a server is to be alone, and whether it can be.
#[derive(Clone, Copy, Debug)]
struct Apart {
    wanted: bool,
    possible: bool,
}

/// The server's folder in memory, with the marker that names its lease.
fn in_memory(root: &Path, lease: &Lease, account: &Account) -> Result<PathBuf, String> {
    let make = || -> Result<PathBuf, ServerError> {
        let folder = root.join(lease.home.file_name().unwrap_or_default());
        let unnamed = lease::make_unnamed(root, account)?;
        let marker = unnamed.join(MARKER);
        fs::write(&marker, lease.home.display().to_string())
            .and_then(|()| account.own(&marker))
            .and_then(|()| account.own(&unnamed))
            // It has its final name only with the marker in it.
            .and_then(|()| fs::rename(&unnamed, &folder))
            .map_err(ServerError::at("give away", &unnamed))?;
        Ok(folder)
    };
    make().map_err(|error| error.to_string())
}

fn watch(
    installation: &Installation,
    (profile, apart, own): (Profile, Apart, Vec<OsString>),
    account: &Account,
    lease: &Lease,
    (memory, data): (Option<&Path>, &Path),
    owner: &Owner,
) -> Result<Watchdog, ServerError> {
    let (mode, runner) = match owner {
        Owner::Us => ("watch", None),
        Owner::Runner { process, .. } => ("lend", Some(process.to_string().into())),
    };
    let mut arguments = vec![
        mode.into(),
        lease.home.clone().into_os_string(),
        memory.unwrap_or(Path::new("")).as_os_str().to_owned(),
        data.as_os_str().to_owned(),
    ];
    arguments.extend(runner);
    if apart.possible {
        arguments.extend(apart::PREFIX.map(Into::into));
    }
    arguments.extend([
        installation.bin.join("postgres").into_os_string(),
        "-D".into(),
        data.as_os_str().to_owned(),
        "-p".into(),
        PORT.to_string().into(),
        "-k".into(),
        lease.home.clone().into_os_string(),
    ]);
    let (fast, small) = if profile == Profile::Fast { (FAST, SMALL) } else { (&[][..], &[][..]) };
    let alone = if apart.wanted { apart::SETTINGS } else { &[] };
    for setting in ALWAYS.iter().chain(fast).chain(small).chain(alone) {
        arguments.push("-c".into());
        arguments.push(setting.into());
    }
    arguments.extend(own);
    let held = match owner {
        Owner::Us => Stdio::null(),
        // It outlives us, and has the lease then.
        Owner::Runner { .. } => {
            arguments.extend(MANY.iter().flat_map(|setting| ["-c".into(), setting.into()]));
            lease.lock().map_err(ServerError::io("share the lease"))?.into()
        }
    };
    Watchdog::start_holding(account.command("sh"), arguments, held)
        .map_err(ServerError::io("start a server"))
}

fn reason(installation: &Installation, account: &Account, whereabouts: &str) -> String {
    let Installation { bin, version, place } = installation;
    let mut reason = format!("PostgreSQL {version} from {} ({place})", bin.display());
    if account.dropped {
        reason = format!("{reason}, as user {} since root may not", account.name);
    }
    if version.major > NEWEST {
        reason = format!("{reason}, newer than {NEWEST}, the newest that was tried");
    }
    format!("{reason}; {whereabouts}")
}
