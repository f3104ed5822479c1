//! The second witness: what `pg_dump --schema-only` says of a database, made comparable.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use stairway::postgres::Target;

/// A `pg_dump --schema-only` that runs.
pub(crate) struct Dump(Child);

impl Dump {
    /// Starts the program in the folder `programs`, with more `options`.
    pub(crate) fn start(programs: &Path, target: &Target, options: &[&str]) -> Self {
        let child = Command::new(programs.join("pg_dump"))
            .arg("--schema-only")
            .args(options)
            .envs(target.libpq_environment())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// Its text, normalised, or what it complains of.
    pub(crate) fn text(self) -> Result<String, String> {
        let output = self.0.wait_with_output().unwrap();
        if output.status.success() {
            Ok(normalised(&String::from_utf8(output.stdout).unwrap()))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

/// Without the comments above each object, which name versions, and without the random word of
/// newer minors. What stands in the body of a function stays.
fn normalised(dump: &str) -> String {
    let lines: Vec<&str> = dump.lines().collect();
    let titles = ["-- Name: ", "-- Dumped ", "-- PostgreSQL database dump"];
    let is_title = |at: usize| {
        let line = lines.get(at).copied().unwrap_or_default();
        titles.iter().any(|title| line.starts_with(title))
    };
    let is_kept = |at: usize, line: &str| {
        let is_rule = line == "--" && (is_title(at + 1) || at > 0 && is_title(at - 1));
        let is_random = line.starts_with("\\restrict") || line.starts_with("\\unrestrict");
        !(is_rule || is_random || is_title(at))
    };
    let kept = lines.iter().enumerate().filter(|(at, line)| is_kept(*at, line));
    kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
}

/// The lines that one of two texts has and the other has not.
pub(crate) fn lines_that_differ(one: &str, other: &str) -> String {
    let diff = similar::TextDiff::from_lines(one, other);
    diff.unified_diff().context_radius(0).to_string()
}
