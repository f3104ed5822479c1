//! The files of the kit, and the projects that they are used in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::repository;
use crate::site::Site;
use crate::yaml;

/// The folder of what is to be copied.
pub(crate) fn kit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/kit")
}

/// A file of the kit.
pub(crate) fn text(file: &str) -> String {
    let path = kit().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The same as YAML.
pub(crate) fn value(file: &str) -> Value {
    yaml::read(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// All files of the kit, as they are named in it.
pub(crate) fn files() -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path.strip_prefix(kit()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&kit(), &mut found);
    found.sort();
    found
}

/// A repository with the branches `main` and `work`, which is checked out.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// With these files in the first commit of both.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = repository::scratch();
        repository::write(folder.path(), files);
        let project = Self { folder };
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        project.commit();
        project.git(&["switch", "--quiet", "--create", "work"]);
        project
    }

    /// With the history of a fixture: what stands before `since` is on `main`, the rest on `work`.
    pub(crate) fn of(fixture: &str, since: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
        let mut names: Vec<_> = fs::read_dir(from.join("migrations"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let (before, after): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| name.as_str() < since);
        assert!(!before.is_empty() && !after.is_empty(), "{since} parts nothing");
        let project = Self::new(&[("README.md", "a project\n")]);
        project.git(&["switch", "--quiet", "main"]);
        project.takes(&from, &before);
        project.git(&["switch", "--quiet", "work"]);
        project.git(&["merge", "--quiet", "main"]);
        project.takes(&from, &after);
        project
    }

    /// With the migrations of a site.
    pub(crate) fn of_site(site: &Site) -> Self {
        let project = Self::new(&[("README.md", "a project\n")]);
        repository::copy(&site.path("migrations"), &project.path().join("migrations"));
        project.commit();
        project
    }

    fn takes(&self, from: &Path, names: &[&String]) {
        fs::create_dir_all(self.path().join("migrations")).unwrap();
        for name in names {
            let inside = Path::new("migrations").join(name);
            fs::copy(from.join(&inside), self.path().join(&inside)).unwrap();
        }
        self.commit();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, files: &[(&str, &str)]) -> &Self {
        repository::write(self.path(), files);
        self
    }

    pub(crate) fn commit(&self) -> &Self {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "x"])
    }

    pub(crate) fn git(&self, words: &[&str]) -> &Self {
        repository::git(self.path(), words);
        self
    }
}

/// What leads a deployment to the database of a site.
pub(crate) fn deployment(site: &Site) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_URL", site.target.url_with_password()),
        ("DEPLOYMENT_DIR", site.directory.path().display().to_string()),
        ("STAIRWAY_SERVER", "local".to_owned()),
        ("STAIRWAY_POSTGRES", site.server.major.to_string()),
    ]
}

/// One pending migration that is sound.
pub(crate) const UP: &str = "ALTER TABLE orders ADD COLUMN note text;\n";
/// Its way back.
pub(crate) const DOWN: &str = "ALTER TABLE orders DROP COLUMN note;\n";

/// A backup of a site's database, made now; the folder that it is in.
pub(crate) fn backup(site: &Site) -> PathBuf {
    let ran = site.run(&["backup"]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert_eq!(site.backups().len(), 1);
    site.path("backups/migrations")
}

/// Flips a bit in the middle of the only backup.
pub(crate) fn damage(site: &Site) {
    let [file] = &site.backups()[..] else { panic!("not one backup") };
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// Writes a program into a folder.
pub(crate) fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn each_file_says_what_it_is_what_to_change_and_what_it_wants() {
    for file in files() {
        let text = text(&file);
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let comment = comment.join("\n");
        assert!(comment.len() > 100, "{file} opens with no comment");
        for word in ["Change: ", "Wants"] {
            assert!(comment.contains(word), "{file} does not say {word:?}:\n{comment}");
        }
    }
    assert!(files().len() >= 14, "{:?}", files());
}
