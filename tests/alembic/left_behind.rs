//! Whoever is killed leaves no Python.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::project::Project;
use crate::servers;

/// Says in a file which process runs it, and sleeps in the middle of Python.
const SLEEP: &str = "import os, pathlib, time\n\
    pathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(3600)";

/// The same in the middle of something that lets no other thread of Python run.
const SPIN: &str = "import os, pathlib, re\n\
    pathlib.Path('pid').write_text(str(os.getpid()))\nre.match(r'(a+)+$', 'a' * 99 + 'b')";

fn start(project: &Project, body: &str) -> (Child, Pid) {
    project.revision("aa01", "None", body, "pass");
    let major = servers::majors()[0].to_string();
    let words =
        ["verify", ".", "--server", "local", "--postgres", &major, "--no-cache", "--no-rows"];
    let mut child = project.command(&words).stderr(Stdio::piped()).spawn().unwrap();
    // Its words are read, or it could wait for us.
    let said = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || said.lines().for_each(drop));
    let file = project.path().join("pid");
    let python = wait(|| std::fs::read_to_string(&file).ok()?.parse().ok());
    (child, Pid::from_raw(python))
}

fn wait<T>(mut asked: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = asked() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_mins(1), "it did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn is_gone_after(signal: Signal, body: &str) {
    let Some(project) = Project::new() else { return };
    let (mut child, python) = start(&project, body);
    assert!(kill(python, None).is_ok());
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    child.wait().unwrap();
    wait(|| kill(python, None).is_err().then_some(()));
}

#[test]
fn a_killed_run_leaves_no_python() {
    is_gone_after(Signal::SIGKILL, SLEEP);
}

#[test]
fn a_killed_run_leaves_no_python_that_hears_nothing() {
    is_gone_after(Signal::SIGKILL, SPIN);
}

#[test]
fn an_interrupted_run_leaves_no_python() {
    is_gone_after(Signal::SIGINT, SLEEP);
}
