//! A project in a folder of its own, and the program in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::repository::{self, Ran};

pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// Sound migrations of sqlx.
pub(crate) const SOUND: [(&str, &str); 4] = [
    (
        "migrations/20240101000000_room.up.sql",
        "CREATE TABLE room (id int PRIMARY KEY, name text);\n",
    ),
    ("migrations/20240101000000_room.down.sql", "DROP TABLE room;\n"),
    ("migrations/20240201000000_index.up.sql", "CREATE INDEX room_name ON room (name);\n"),
    ("migrations/20240201000000_index.down.sql", "DROP INDEX room_name;\n"),
];

/// One more, whose way back does not lead back.
pub(crate) const FAULTY: [(&str, &str); 2] = [
    ("migrations/20240301000000_seats.up.sql", "ALTER TABLE room ADD COLUMN seats int;\n"),
    ("migrations/20240301000000_seats.down.sql", "SELECT 1;\n"),
];

impl Place {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let place = Self { folder: repository::scratch() };
        place.write(files);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, files: &[(&str, &str)]) -> &Self {
        repository::write(self.path(), files);
        self
    }

    pub(crate) fn read(&self, file: &str) -> String {
        let path = self.path().join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.path().join(file).symlink_metadata().is_ok()
    }

    /// Copies a layout of the fixtures to `to`.
    pub(crate) fn layout(&self, name: &str, to: &str) -> &Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/layouts").join(name);
        repository::copy(&from, &self.path().join(to));
        self
    }

    /// Makes it a repository with all that is there in the first commit of `main`.
    pub(crate) fn repository(&self) -> &Self {
        repository::git(self.path(), &["init", "--quiet", "--initial-branch=main"]);
        self.commit()
    }

    pub(crate) fn commit(&self) -> &Self {
        repository::git(self.path(), &["add", "--all"]);
        repository::git(self.path(), &["commit", "--quiet", "--allow-empty", "--message", "x"]);
        self
    }

    pub(crate) fn git(&self, words: &[&str]) -> &Self {
        repository::git(self.path(), words);
        self
    }

    /// The program in the project's folder.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        repository::run(self.path(), &[], words)
    }

    /// `stairway init`, which ends well.
    #[track_caller]
    pub(crate) fn init(&self, more: &[&str]) -> String {
        let ran = self.run(&[&["init"], more].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
        ran.stdout
    }

    /// `stairway init`, which is refused; what it says.
    #[track_caller]
    pub(crate) fn refused(&self, more: &[&str]) -> String {
        let before = self.tree();
        let ran = self.run(&[&["init"], more].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert_eq!(self.tree(), before, "something was written");
        ran.stderr
    }

    /// A line of a shell in `folder`, with the program on PATH and servers from installed binaries.
    pub(crate) fn shell(&self, folder: &str, line: &str, more: &[(&str, &str)]) -> Ran {
        let mut variables: Vec<(&str, String)> =
            more.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        variables.extend(repository::local());
        let words = ["-e", "-o", "pipefail", "-c", line];
        repository::bash(&self.path().join(folder), &variables, &words)
    }

    /// All files, with their texts; of a link where it leads. Nothing of git's.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        let mut open = vec![self.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let inside = path.strip_prefix(self.path()).unwrap().to_owned();
                if let Ok(leads) = fs::read_link(&path) {
                    files.insert(inside, leads.to_string_lossy().into_owned());
                } else if path.is_file() {
                    files.insert(inside, String::from_utf8_lossy(&fs::read(&path).unwrap()).into());
                } else if !path.ends_with(".git") {
                    open.push(path);
                }
            }
        }
        files
    }
}

/// The Python that has Alembic, or nothing where there is none (which is then said).
pub(crate) fn alembic() -> Option<String> {
    let folders = stairway::env::TOOLS.get().unwrap_or_default();
    let found = std::env::split_paths(&folders).find(|folder| folder.join("alembic").is_file());
    if found.is_none() {
        let is_required = stairway::env::REQUIRE_TOOLS.is_on();
        assert!(!is_required, "alembic is required and is in none of {folders:?}");
        eprintln!(
            "SKIPPED: there is no Alembic here, nothing is tested with it; ci/test installs it"
        );
    }
    found.map(|folder| folder.join("python").to_str().unwrap().to_owned())
}
