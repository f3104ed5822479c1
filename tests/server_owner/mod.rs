//! What the server tests share: a second process that owns a server, and looking at what is left.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use stairway::postgres::Session;
use stairway::server::{Server, ServerSpec};

/// Waits until `holds` does; panics with `what` after a minute.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Temporary folders are closed to other users; root's servers run as another user.
pub(crate) fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What a server of the local backend consists of.
#[derive(Clone, Debug)]
pub(crate) struct Traces {
    pub(crate) home: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) postmaster: u32,
    /// The `SysV` segment that keeps a second postmaster off the data directory.
    pub(crate) interlock: String,
    /// POSIX shared memory that its processes have mapped.
    pub(crate) segments: Vec<PathBuf>,
}

impl Traces {
    pub(crate) async fn of(server: &Server) -> Self {
        let mut session = Session::connect(server.admin(), "test").await.unwrap();
        let data = session.value("SHOW data_directory").await.unwrap().unwrap();
        session.close().await.unwrap();
        let socket = server.admin().libpq_environment();
        let home = socket.iter().find(|(name, _)| *name == "PGHOST").unwrap().1.clone();
        Self::read(PathBuf::from(home), PathBuf::from(data))
    }

    fn read(home: PathBuf, data: PathBuf) -> Self {
        let about = fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let lines: Vec<&str> = about.lines().collect();
        let interlock = lines[6].split_whitespace().last().unwrap().to_owned();
        let postmaster = lines[0].parse().unwrap();
        let maps = fs::read_to_string(format!("/proc/{postmaster}/maps")).unwrap();
        let mut segments: Vec<PathBuf> = maps
            .lines()
            .filter_map(|line| line.find("/dev/shm/PostgreSQL").map(|at| line[at..].into()))
            .collect();
        segments.dedup();
        Self { home, data, postmaster, interlock, segments }
    }

    /// What of it is still there.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for path in [&self.home, &self.data].into_iter().chain(&self.segments) {
            if path.exists() {
                left.push(path.display().to_string());
            }
        }
        let shared = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        if shared.lines().any(|line| line.split_whitespace().nth(1) == Some(&self.interlock)) {
            left.push(format!("SysV segment {}", self.interlock));
        }
        left.extend(processes_of(&self.home).into_iter().map(|it| format!("process {it}")));
        left.extend(processes_of(&self.data).into_iter().map(|it| format!("process {it}")));
        left
    }
}

/// Processes that work in `folder` or have it on their command line.
pub(crate) fn processes_of(folder: &Path) -> Vec<u32> {
    let own = std::process::id();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let name = folder.display().to_string();
    numbers
        .filter(|number| *number != own)
        .filter(|number| {
            let at = PathBuf::from(format!("/proc/{number}"));
            let inside = fs::read_link(at.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
            let line = fs::read(at.join("cmdline")).unwrap_or_default();
            inside || String::from_utf8_lossy(&line).contains(&name)
        })
        .collect()
}

/// The watchdogs of a server: shells that name its folder.
pub(crate) fn shells_of(home: &Path) -> Vec<u32> {
    let is_shell = |process: &u32| {
        fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| line.starts_with(b"sh\0"))
    };
    processes_of(home).into_iter().filter(is_shell).collect()
}

/// SIGKILL, by number.
pub(crate) fn kill(process: u32) {
    assert!(Command::new("kill").arg("-KILL").arg(process.to_string()).status().unwrap().success());
}

/// A process that has nothing to do but to own a server: the test binary, running only [`hold`].
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) child: Child,
    /// Kept open: the test framework prints a last line.
    output: BufReader<ChildStdout>,
    /// What it said about its server, `key value` on each line.
    pub(crate) said: Vec<(String, String)>,
}

impl Owner {
    /// Starts one by the ignored test `name` and waits until it has its server.
    pub(crate) fn start(name: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .envs(environment.iter().copied())
            .env("STAIRWAY_TEST_HOLD", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while output.read_line(&mut line).unwrap() > 0 {
            if line == "holding\n" {
                return Self { child, output, said };
            }
            if let Some((key, value)) = line.trim_end().split_once(' ') {
                said.push((key.to_owned(), value.to_owned()));
            }
            line.clear();
        }
        panic!("the owner ended: {:?}\n{said:?}", child.wait());
    }

    pub(crate) fn said(&self, key: &str) -> String {
        let known = self.said.iter().find(|(known, _)| known == key);
        known.unwrap_or_else(|| panic!("no {key} in {:?}", self.said)).1.clone()
    }

    pub(crate) fn traces(&self) -> Traces {
        Traces::read(self.said("home").into(), self.said("data").into())
    }

    /// SIGKILL, by its number.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it end by itself and waits for that.
    pub(crate) fn release(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// The owner's part: says what it has and keeps it until its standard input ends.
pub(crate) async fn hold(spec: &ServerSpec) {
    if std::env::var_os("STAIRWAY_TEST_HOLD").is_none() {
        return;
    }
    let server = Server::acquire(spec).await.unwrap();
    println!("\nversion {}", server.version());
    println!("url {}", server.admin().url_with_password());
    println!("reason {}", server.reason());
    if server.backend().as_str() == "local" {
        let traces = Traces::of(&server).await;
        println!("home {}", traces.home.display());
        println!("data {}", traces.data.display());
    }
    println!("holding");
    std::io::stdin().lines().for_each(drop);
    server.stop().await.unwrap();
}
