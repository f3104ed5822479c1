//! What documents show is what the program does: a block ```` ```console ```` begins with a command, which is
//! run at the root of the repository, and goes on with what that prints.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::servers;

const OPEN: &str = "```console\n";
const CLOSE: &str = "```\n";

/// The program, on the oldest server at hand, without anything that an earlier run left.
pub(crate) fn stairway() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stairway"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    at_home(&mut command);
    command
}

/// Settles what a document does not speak of.
pub(crate) fn at_home(command: &mut Command) {
    command
        .env_remove("STAIRWAY_MIGRATIONS")
        .env("STAIRWAY_SERVER", "local")
        .env("STAIRWAY_POSTGRES", servers::majors()[0].to_string())
        .env("STAIRWAY_NO_CACHE", "1")
        // Nothing is to be left beside the fixtures.
        .env("PYTHONDONTWRITEBYTECODE", "1");
}

/// Runs what a document shows.
pub(crate) fn run(command: &str, python: Option<&Path>) -> Output {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("stairway"), "only stairway is run here: {command}");
    let mut program = stairway();
    program.args(words).envs(python.map(|path| ("STAIRWAY_PYTHON", path))).output().unwrap()
}

/// What a command prints that ends well or with findings.
fn console(command: &str) -> String {
    let output = run(command, None);
    assert!(output.status.code().is_some_and(|code| code < 2), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A document with what its commands print now.
pub(crate) fn anew(document: &str) -> String {
    let mut parts = document.split(OPEN);
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (block, rest) = part.split_once(CLOSE).unwrap();
        let command = block.lines().next().unwrap();
        let shown = console(command.strip_prefix("$ ").unwrap());
        write!(text, "{OPEN}{command}\n{shown}{CLOSE}{rest}").unwrap();
    }
    text
}

/// Times and versions are not what is being tested.
pub(crate) fn comparable(text: &str) -> String {
    let lines = text.lines().map(|line| {
        line.split_whitespace()
            .map(|word| if word.parse::<f64>().is_ok() { "<n>" } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes a document as it should be if `variable` says `write`; else it must be so, as far as `seen` tells. Gives
/// the difference.
pub(crate) fn held(
    path: &Path,
    wanted: &str,
    variable: &str,
    seen: fn(&str) -> String,
) -> Option<String> {
    if std::env::var(variable).is_ok_and(|what| what == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, wanted).unwrap();
        return None;
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let (found, wanted) = (seen(&found), seen(wanted));
    let differs = found != wanted;
    differs.then(|| {
        let difference = similar::TextDiff::from_lines(&found, &wanted).unified_diff().to_string();
        format!("{} is not what the program says\n{difference}", path.display())
    })
}
