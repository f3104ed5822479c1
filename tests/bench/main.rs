//! `stairway bench` as its user runs it, on real servers: what stalls it, what it blames, what it says
//! of bad input. `STAIRWAY_SWEEP=full` does each of the measurements twenty times.

#[path = "../program/mod.rs"]
mod program;
#[path = "../servers/mod.rs"]
mod servers;

mod compared;
mod impact;
mod input;
mod sent;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How often each measurement is repeated.
fn times() -> usize {
    if std::env::var("STAIRWAY_SWEEP").is_ok_and(|sweep| sweep == "full") { 20 } else { 1 }
}

/// Whose turn it is.
fn major_of(round: usize) -> String {
    let majors = servers::majors();
    majors[round % majors.len()].to_string()
}

/// A project with these migrations, up and down, and these queries.
fn project(scripts: &[(&str, &str)], queries: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (at, (up, down)) in scripts.iter().enumerate() {
        for (way, sql) in [("up", up), ("down", down)] {
            let place = folder.path().join("migrations").join(way);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join(format!("{}_step.sql", at + 1)), sql).unwrap();
        }
    }
    let workload = folder.path().join("workload");
    fs::create_dir_all(&workload).unwrap();
    for (name, sql) in queries {
        fs::write(workload.join(name), sql).unwrap();
    }
    folder
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = program::program();
    command.arg("bench").args(args).current_dir(folder).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

fn bench(folder: &Path, args: &[&str]) -> Ran {
    let output = command(folder, args).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it, and does something once as the second run begins.
fn bench_and(folder: &Path, args: &[&str], then: impl FnOnce(&Child)) -> Ran {
    let mut child = command(folder, args).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = String::new();
    while !stderr.contains("run 2 of 5: warm") {
        assert!(said.read_line(&mut stderr).unwrap() > 0, "it ended before: {stderr}");
    }
    then(&child);
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        rest
    });
    let output = child.wait_with_output().unwrap();
    stderr.push_str(&rest.join().unwrap());
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr,
    }
}

/// Whether requests are being sent: a thread beats beside them.
fn is_measuring(child: &Child) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let names = threads.flatten().filter_map(|it| fs::read_to_string(it.path().join("comm")).ok());
    names.into_iter().any(|name| name.trim() == "heart")
}

/// What a machine that moved makes of a verdict.
fn expected_code(report: &Value, otherwise: i32) -> i32 {
    if report["calibration"]["moved"].as_f64().unwrap() > 0.15 { 15 } else { otherwise }
}

const ITEMS: (&str, &str) = (
    "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL);
     INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 1000) n;",
    "DROP TABLE item;",
);
const BY_KEY: (&str, &str) = (
    "by_key.sql",
    "-- stairway: param id from SELECT id FROM public.item\nSELECT * FROM public.item WHERE id = :id;\n",
);
const NOTHING: (&str, &str) = ("COMMENT ON TABLE item IS 'x';", "COMMENT ON TABLE item IS NULL;");

/// 12 seconds of requests, 400 a second, in 5 runs, and nothing compared.
const TWELVE: &str =
    "--rate 400 --requests 960 --runs 5 --pairs 0 --no-impact --scale 10 --format json --server";
/// As few as a comparison takes.
const SHORT: &str = "--requests 100 --runs 3 --pairs 8 --no-impact --scale 1 --format json --since 1 \
                     --server local --postgres";

/// Words of a command line, and some more.
fn words<'w>(line: &'w str, more: &[&'w str]) -> Vec<&'w str> {
    line.split_whitespace().chain(more.iter().copied()).collect()
}

#[test]
fn what_keeps_its_budget_passes() {
    let project = project(&[ITEMS, NOTHING], &[BY_KEY]);
    for round in 0..times() {
        let major = major_of(round);
        let ran = bench(project.path(), &words(TWELVE, &["local", "--postgres", &major]));
        let report = ran.json();
        assert_eq!(report["gate"]["verdict"], "pass", "{report:#}\n{}", ran.stderr);
        assert_eq!(ran.code, expected_code(&report, 0), "{report:#}");
        assert_eq!(report["gate"]["requests"], 4800);
        assert_eq!(report["migrations"], serde_json::json!(["2 step"]));
    }
}

/// A server that others can reach while it is measured on.
fn with_server(work: impl Fn(&servers::TestServer, &str)) {
    let server = servers::server(servers::majors()[0]).unwrap();
    let url = server.target("postgres").url_with_password();
    work(&server, &url);
}

#[test]
fn a_lock_of_two_seconds_in_twelve_fails() {
    let project = project(&[ITEMS, NOTHING], &[BY_KEY]);
    with_server(|server, url| {
        for _ in 0..times() {
            let args = words(TWELVE, &[url]);
            let ran = bench_and(project.path(), &args, |child| {
                while !is_measuring(child) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    let mut admin = server.session("postgres").await;
                    let database = admin
                        .value("SELECT datname FROM pg_stat_activity WHERE application_name = 'stairway load' LIMIT 1")
                        .await
                        .unwrap()
                        .expect("the load is connected");
                    let mut other = server.session(&database).await;
                    other
                        .execute("BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT")
                        .await
                        .unwrap();
                    other.close().await.unwrap();
                    admin.close().await.unwrap();
                });
            });
            let report = ran.json();
            let gate = &report["gate"];
            assert_eq!(gate["verdict"], "fail", "{report:#}\n{}", ran.stderr);
            assert_eq!(gate["reason"], "too many requests waited for a lock", "{report:#}");
            assert!(gate["blocked"].as_u64().unwrap() > 240, "{report:#}");
            let finding = &report["findings"][0];
            assert_eq!(finding["check"], "latency-budget", "{report:#}");
            let detail = finding["detail"].as_str().unwrap();
            assert!(detail.contains("AccessShareLock on item, held by stairway test"), "{detail}");
            assert_eq!(ran.code, expected_code(&report, 1), "{report:#}");
        }
    });
}

#[test]
fn a_client_that_stands_still_for_three_seconds_proves_nothing() {
    let project = project(&[ITEMS, NOTHING], &[BY_KEY]);
    let major = servers::majors()[0].to_string();
    for _ in 0..times() {
        let args = words(TWELVE, &["local", "--postgres", &major]);
        let ran = bench_and(project.path(), &args, |child| {
            while !is_measuring(child) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            kill(pid, Signal::SIGSTOP).unwrap();
            std::thread::sleep(Duration::from_secs(3));
            kill(pid, Signal::SIGCONT).unwrap();
        });
        let report = ran.json();
        assert_eq!(report["gate"]["verdict"], "inconclusive", "{report:#}\n{}", ran.stderr);
        let reason = report["gate"]["reason"].as_str().unwrap();
        assert!(reason.starts_with("requests were sent late"), "{report:#}");
        assert!(report["gate"]["late"].as_u64().unwrap() > 240, "{report:#}");
        assert_eq!((ran.code, &report["findings"]), (15, &serde_json::json!([])), "{report:#}");
    }
}

/// Seconds to sleep: log-normal, with this p95.
fn sleeps(p95: f64) -> String {
    use statrs::distribution::{ContinuousCDF, Normal};
    let normal = Normal::new(0.0, 1.0).unwrap();
    let quantile = |at: i32| normal.inverse_cdf((f64::from(at) + 0.5) / 2000.0);
    let seconds = |at| p95 * (0.5 * (quantile(at) - quantile(1899))).exp();
    let lines: Vec<String> = (0..2000).map(|at| format!("{:.6}", seconds(at))).collect();
    format!("s\n{}\n", lines.join("\n"))
}

#[test]
fn far_from_the_budget_the_gate_is_never_wrong() {
    let query = ("sleep.sql", "-- stairway: param s from csv sleeps.csv\nSELECT pg_sleep(:s);\n");
    let project = project(&[ITEMS, NOTHING], &[query]);
    let major = servers::majors()[0].to_string();
    let requests = if times() > 1 { "1000" } else { "300" };
    for (factor, wrong) in [(0.80, "fail"), (1.25, "pass")] {
        fs::write(project.path().join("workload/sleeps.csv"), sleeps(0.040 * factor)).unwrap();
        for round in 0..times() {
            let seed = round.to_string();
            let line = "--budget 40ms --rate 300 --connections 24 --pairs 0 --no-impact --scale 10 --format json \
                        --server local --postgres";
            let args = words(line, &[&major, "--requests", requests, "--seed", &seed]);
            let ran = bench(project.path(), &args);
            let report = ran.json();
            let gate = &report["gate"];
            assert_ne!(gate["verdict"], wrong, "{factor}: {report:#}");
            let p95 = gate["p95"].as_f64().unwrap();
            assert!(p95 > 40.0 * factor * 0.9, "nobody sleeps less than asked: {report:#}");
            println!("{factor} of the budget: {} with a p95 of {p95} ms", gate["verdict"]);
        }
    }
}
