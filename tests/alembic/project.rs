//! An environment in a folder of its own, and Stairway on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{program, servers};

/// The Python that has Alembic, or nothing where there is none (which is then said).
pub(crate) fn python() -> Option<PathBuf> {
    let folders = stairway::env::TOOLS.get().unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .find(|folder| folder.join("alembic").is_file())
        .map(|folder| folder.join("python"));
    if found.is_none() {
        let is_required = stairway::env::REQUIRE_TOOLS.is_on();
        assert!(!is_required, "alembic is required and is in none of {folders:?}");
        eprintln!(
            "SKIPPED: there is no Alembic here, nothing is tested with it; ci/test installs it"
        );
    }
    found
}

/// What every revision here begins with.
pub(crate) const IMPORTS: &str = "import sqlalchemy as sa\nfrom alembic import op\n\n";

pub(crate) struct Project {
    folder: tempfile::TempDir,
    python: PathBuf,
}

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.stderr))
    }
}

impl Project {
    /// The environment of the fixtures without its revisions; nothing where there is no Alembic.
    pub(crate) fn new() -> Option<Self> {
        let python = python()?;
        let folder = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/layouts/alembic");
        std::fs::create_dir_all(folder.path().join("scripts/versions")).unwrap();
        for file in ["alembic.ini", "scripts/env.py"] {
            std::fs::copy(fixture.join(file), folder.path().join(file)).unwrap();
        }
        Some(Self { folder, python })
    }

    /// With all revisions of the fixtures.
    pub(crate) fn fixture() -> Option<Self> {
        let project = Self::new()?;
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/layouts/alembic");
        for entry in std::fs::read_dir(fixture.join("scripts/versions")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "py") {
                let name = path.file_name().unwrap();
                std::fs::copy(&path, project.path().join("scripts/versions").join(name)).unwrap();
            }
        }
        Some(project)
    }

    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> &Self {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Adds a revision; `down` is Python for its `down_revision`.
    pub(crate) fn revision(&self, id: &str, down: &str, upgrade: &str, downgrade: &str) -> &Self {
        let function = |name: &str, body: &str| {
            let lines: Vec<String> = body.lines().map(|line| format!("    {line}")).collect();
            format!("\n\ndef {name}():\n{}\n", lines.join("\n"))
        };
        let head = format!("\"\"\"{id} does its part\"\"\"\n{IMPORTS}revision = \"{id}\"\n");
        let text = format!(
            "{head}down_revision = {down}\n{}{}",
            function("upgrade", upgrade),
            function("downgrade", downgrade)
        );
        self.write(&format!("scripts/versions/{id}.py"), &text)
    }

    /// `stairway` in the folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = program::program();
        command
            .args(words)
            .current_dir(self.path())
            .env("STAIRWAY_PYTHON", &self.python)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let output = self.command(words).output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// `stairway verify .` on the first major that is there.
    pub(crate) fn verify(&self, more: &[&str]) -> Ran {
        self.verify_on(servers::majors()[0], more)
    }

    pub(crate) fn verify_on(&self, major: u32, more: &[&str]) -> Ran {
        let major = major.to_string();
        let words = ["verify", ".", "--server", "local", "--postgres", &major, "--no-cache"];
        self.run(&[&words, more].concat())
    }
}

/// The findings of one revision, as `check: message`.
pub(crate) fn findings<'v>(json: &'v Value, revision: &str) -> Vec<&'v Value> {
    let migrations = json["migrations"].as_array().unwrap();
    let one = migrations.iter().find(|it| it["revision"] == revision).unwrap();
    one["findings"].as_array().unwrap().iter().collect()
}

pub(crate) fn checks(json: &Value, revision: &str) -> Vec<String> {
    let found = findings(json, revision);
    found.iter().map(|it| it["check"].as_str().unwrap().to_owned()).collect()
}
