//! Runs that end before they should: by a signal that they hear of, and in the middle of writing by one that
//! they don't.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::page::{Page, names};
use crate::told::run;
use crate::{program, servers};

/// How often a run is killed.
const TIMES: usize = 40;

/// A run that ends at once, with a page of an earlier one that was a success.
fn failing(metrics: &Path) -> Command {
    let mut command = program::program();
    command.args(["verify", "no/such/folder", "--metrics"]).arg(metrics);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The folder, and when the success was.
fn after_a_success() -> (tempfile::TempDir, f64) {
    let metrics = tempfile::tempdir().unwrap();
    let words = ["verify", "fixtures/layouts/plain", "--no-repro", "--no-rows", "--quiet"];
    let output = run(&words, metrics.path());
    assert!(output.status.success(), "{output:?}");
    let success = Page::of(metrics.path(), "verify").value("last_success_timestamp_seconds");
    (metrics, success)
}

#[test]
fn a_signal_is_an_outcome() {
    let (metrics, success) = after_a_success();
    for (signal, code, outcome) in
        [(Signal::SIGINT, 130, "interrupted"), (Signal::SIGTERM, 143, "terminated")]
    {
        let since = Timestamp::now();
        let mut child = program::program()
            .args(["verify", "fixtures/clinic/migrations", "--server", "local", "--no-repro"])
            .args(["--no-cache", "--postgres", &servers::majors()[0].to_string(), "--metrics"])
            .arg(metrics.path())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(said.by_ref().any(|line| line.unwrap().starts_with("server: ")));
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        let rest: Vec<String> = said.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{rest:?}");
        let page = Page::of(metrics.path(), "verify");
        page.ended(outcome, since);
        assert_eq!(page.value("last_success_timestamp_seconds"), success);
    }
}

/// The kernel ends it at its 512th or 1024th byte, with the rest not written.
#[test]
fn a_run_that_dies_while_it_writes_leaves_the_earlier_file() {
    let (metrics, success) = after_a_success();
    let path = metrics.path().join("stairway_verify.prom");
    let before = fs::read(&path).unwrap();
    let whole = failing(metrics.path());
    let status = Command::new("sh")
        .args(["-c", "ulimit -c 0; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(whole.get_program())
        .args(whole.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGXFSZ as i32), "{status}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let left = names(metrics.path());
    let [half, whole] = left.as_slice() else { panic!("{left:?}") };
    assert!(half.starts_with(".stairway_verify-"), "{half}");
    assert_eq!(Path::new(half).extension(), Some("tmp".as_ref()), "node_exporter would read it");
    assert!(
        fs::metadata(metrics.path().join(half)).unwrap().len() > 0,
        "it had not begun to write"
    );
    assert_eq!(whole, "stairway_verify.prom");
    // The next one clears up, and goes on from what there was.
    let since = Timestamp::now();
    assert_eq!(failing(metrics.path()).status().unwrap().code(), Some(2));
    assert_eq!(names(metrics.path()), ["stairway_verify.prom"]);
    let page = Page::of(metrics.path(), "verify");
    assert_eq!(page.ended("usage", since).value("last_success_timestamp_seconds"), success);
}

/// A disk that takes no more says so, and the earlier file stays.
#[test]
fn what_can_t_be_written_is_said_and_the_earlier_file_stays() {
    let (metrics, _) = after_a_success();
    let path = metrics.path().join("stairway_verify.prom");
    let before = fs::read(&path).unwrap();
    let whole = failing(metrics.path());
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(whole.get_program())
        .args(whole.get_args())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("can't write metrics to {}", path.display())), "{said}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(metrics.path()), ["stairway_verify.prom"]);
}

/// Metrics that were asked for are a part of what is to be done.
#[test]
fn a_sound_history_without_its_metrics_is_no_success() {
    let place = tempfile::tempdir().unwrap();
    let metrics = place.path().join("metrics");
    fs::create_dir(&metrics).unwrap();
    let mut child = program::program()
        .args(["verify", "fixtures/layouts/plain", "--server", "local", "--no-repro"])
        .args(["--no-cache", "--postgres", &servers::majors()[0].to_string(), "--metrics"])
        .arg(&metrics)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.by_ref().any(|line| line.unwrap().starts_with("server: ")));
    fs::remove_dir(&metrics).unwrap();
    let rest: Vec<String> = said.map(Result::unwrap).collect();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\npass: 4 migrations"), "{rest:?}");
    assert_eq!(output.status.code(), Some(2), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("can't write metrics to ")), "{rest:?}");
}

/// As soon as its unfinished file is seen, or at its end.
#[test]
fn whenever_it_is_killed_the_file_is_whole() {
    let (metrics, success) = after_a_success();
    let mut seen = 0;
    for _ in 0..TIMES {
        let left = names(metrics.path());
        let mut child = failing(metrics.path()).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            let is_writing =
                |name: &String| name.starts_with(".stairway_verify-") && !left.contains(name);
            if names(metrics.path()).iter().any(is_writing) {
                seen += 1;
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
        let text = fs::read_to_string(metrics.path().join("stairway_verify.prom")).unwrap();
        let page = Page::read(&text, "verify");
        assert_eq!(page.value("last_success_timestamp_seconds"), success, "{text}");
    }
    eprintln!("{seen} of {TIMES} runs were killed while they wrote");
    let since = Timestamp::now();
    assert_eq!(failing(metrics.path()).status().unwrap().code(), Some(2));
    Page::of(metrics.path(), "verify").ended("usage", since);
    assert_eq!(names(metrics.path()), ["stairway_verify.prom"]);
}

/// What one of them knows the others don't lose.
#[test]
fn runs_that_end_at_once_lose_nothing() {
    let (metrics, success) = after_a_success();
    for _ in 0..5 {
        let children: Vec<_> = (0..8).map(|_| failing(metrics.path()).spawn().unwrap()).collect();
        for mut child in children {
            assert_eq!(child.wait().unwrap().code(), Some(2));
        }
        let page = Page::of(metrics.path(), "verify");
        assert_eq!(page.outcome(), "usage");
        assert_eq!(page.value("last_success_timestamp_seconds"), success);
        assert_eq!(names(metrics.path()), ["stairway_verify.prom"]);
    }
}
