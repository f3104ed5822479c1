//! promtool, of Debian's package `prometheus`: what Prometheus itself says of a page or of rules.
//!
//! Where there is none tests say that they are skipped, and fail where `STAIRWAY_REQUIRE_PROMTOOL=1`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("promtool"));
    let found = found.into_iter().find(|it| it.is_file());
    if found.is_none() {
        let required = stairway::env::REQUIRE_PROMTOOL.is_on();
        assert!(!required, "STAIRWAY_REQUIRE_PROMTOOL=1, but there is no promtool");
        eprintln!(
            "SKIPPED: no promtool here; try: apt-get install --no-install-recommends prometheus"
        );
    }
    found
}

/// Fails if promtool has anything to say of a page, be it that a name is not as it should be.
pub(crate) fn takes(page: &str) {
    let Some(program) = program() else { return };
    let mut child = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = said(&output);
    assert!(output.status.success() && said.trim().is_empty(), "{said}\n{page}");
}

/// What promtool says of a file of `folder`, and whether that is good; `None` without one.
pub(crate) fn says(words: &[&str], folder: &Path) -> Option<(bool, String)> {
    let output = Command::new(program()?).args(words).current_dir(folder).output().unwrap();
    Some((output.status.success(), said(&output)))
}

fn said(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned());
    both.concat()
}

#[test]
fn promtool_is_heard() {
    if program().is_none() {
        return;
    }
    takes(
        "# HELP stairway_it_seconds It\n# TYPE stairway_it_seconds gauge\nstairway_it_seconds 1\n",
    );
    for bad in
        ["it 1\nit 2\n", "it{ 1\n", "# HELP it_total It\n# TYPE it_total gauge\nit_total 1\n"]
    {
        assert!(std::panic::catch_unwind(|| takes(bad)).is_err(), "{bad} was taken");
    }
}
