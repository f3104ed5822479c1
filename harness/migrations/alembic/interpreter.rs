//! Which Python runs an environment: the user's own, since theirs has what its scripts import.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::env;

/// A command that runs Python, and why it was taken.
#[derive(Clone, Debug)]
pub(super) struct Interpreter {
    pub(super) program: OsString,
    pub(super) arguments: Vec<&'static str>,
    pub(super) because: String,
}

impl Interpreter {
    fn new(program: impl Into<OsString>, because: impl Into<String>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), because: because.into() }
    }
}

/// Those that could be meant, the likeliest first. One that the user named is the only one.
pub(super) fn candidates(directory: &Path) -> Vec<Interpreter> {
    if let Some(named) = env::PYTHON.get() {
        return vec![Interpreter::new(named, "STAIRWAY_PYTHON names it")];
    }
    let mut found = Vec::new();
    let mut add = |folder: PathBuf, because: &str| {
        let path = folder.join("bin").join("python");
        if path.is_file() {
            found.push(Interpreter::new(path, because));
        }
    };
    if let Some(active) = env::VIRTUAL_ENV.get() {
        add(PathBuf::from(active), "its virtual environment is active");
    }
    for above in directory.ancestors() {
        add(above.join(".venv"), "its virtual environment is beside the migrations");
        add(above.join("venv"), "its virtual environment is beside the migrations");
        if above.join(".git").exists() {
            break;
        }
    }
    let locked = |file: &str| directory.ancestors().any(|above| above.join(file).is_file());
    for (file, program, because) in [
        ("uv.lock", "uv", "uv.lock is beside the migrations"),
        ("poetry.lock", "poetry", "poetry.lock is beside the migrations"),
    ] {
        if locked(file) {
            let arguments = vec!["run", "python"];
            found.push(Interpreter { arguments, ..Interpreter::new(program, because) });
        }
    }
    for program in ["python3", "python"] {
        found.push(Interpreter::new(program, "it is on PATH"));
    }
    found
}
