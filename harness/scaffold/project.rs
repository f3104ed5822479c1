//! What stands around the migrations: a repository, a package of Cargo's, tests in Python, a CI.

use std::path::{Component, Path, PathBuf};

use super::{Host, ScaffoldError};

/// A project, as far as its files tell.
#[derive(Debug)]
pub(super) struct Project {
    /// Its folder, as it was given.
    pub(super) root: PathBuf,
    /// The top of its repository, the same where there is none.
    pub(super) top: PathBuf,
    /// The way from that to its folder; empty if it is the same.
    pub(super) below: PathBuf,
    /// The way from its folder to the migrations; empty if they are the same.
    pub(super) migrations: PathBuf,
    /// Whether it is one of Cargo's.
    pub(super) is_cargo: bool,
    /// The package that the migrations belong to.
    pub(super) package: Option<Package>,
    /// What tells that it has tests in Python.
    pub(super) python: Option<String>,
    /// Whose CI runs, and what tells.
    pub(super) hosts: Vec<(Host, String)>,
}

/// A package of Cargo's.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its folder.
    pub folder: PathBuf,
    /// The way from that to the migrations.
    pub migrations: PathBuf,
    /// Its manifest.
    pub manifest: toml::Table,
}

impl Project {
    /// Looks at `root`, whose migrations are in `folder`.
    pub(super) fn look(
        root: &Path,
        folder: &Path,
        remotes: &[String],
    ) -> Result<Self, ScaffoldError> {
        let whole = |path: &Path| {
            let read = |source| ScaffoldError::Read { path: path.to_owned(), source };
            path.canonicalize().map_err(read)
        };
        let (here, there) = (whole(root)?, whole(folder)?);
        let above = here.ancestors().find(|above| above.join(".git").exists());
        let up = way(&here, above.unwrap_or(&here));
        let top = join(root, &up);
        Ok(Self {
            root: root.to_owned(),
            below: way(above.unwrap_or(&here), &here),
            migrations: way(&here, &there),
            is_cargo: root.join("Cargo.toml").is_file(),
            package: package(root, &here, &there)?,
            python: python(root),
            hosts: hosts(root, &top, remotes),
            top,
        })
    }

    /// Its folder, and the top of its repository if that is another one.
    pub(super) fn folders(&self) -> Vec<&Path> {
        let mut folders = vec![self.root.as_path()];
        folders.extend(Some(self.top.as_path()).filter(|top| *top != self.root));
        folders
    }
}

/// `path` below `folder`, without a dot in front.
pub fn join(folder: &Path, path: &Path) -> PathBuf {
    match (folder == Path::new("."), path.as_os_str().is_empty()) {
        (_, true) => folder.to_owned(),
        (true, false) => path.to_owned(),
        (false, false) => folder.join(path),
    }
}

/// The way from one absolute path to another one; empty if they are the same.
fn way(from: &Path, to: &Path) -> PathBuf {
    let mut up = PathBuf::new();
    let shared = from.ancestors().find(|above| {
        let is_shared = to.starts_with(above);
        if !is_shared {
            up.push(Component::ParentDir);
        }
        is_shared
    });
    let down = shared.and_then(|shared| to.strip_prefix(shared).ok()).unwrap_or(to);
    // Joining with nothing would leave a slash at its end.
    if down.as_os_str().is_empty() { up } else { up.join(down) }
}

/// The nearest package that the migrations at `there` are in, within the project at `here`.
fn package(root: &Path, here: &Path, there: &Path) -> Result<Option<Package>, ScaffoldError> {
    let inside = there.ancestors().take_while(|above| above.starts_with(here));
    for at in inside.chain([here]) {
        let folder = join(root, &way(here, at));
        let Some(manifest) = manifest(&folder)? else { continue };
        if manifest.contains_key("package") {
            return Ok(Some(Package { folder, migrations: way(at, there), manifest }));
        }
    }
    Ok(None)
}

fn manifest(folder: &Path) -> Result<Option<toml::Table>, ScaffoldError> {
    let path = folder.join("Cargo.toml");
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|source| ScaffoldError::Read { path: path.clone(), source })?;
    text.parse().map(Some).map_err(|error: toml::de::Error| ScaffoldError::Manifest {
        path,
        problem: error.message().to_owned(),
    })
}

/// What tells that there are tests in Python which are run.
fn python(root: &Path) -> Option<String> {
    for file in ["pytest.ini", "conftest.py", "tests/conftest.py"] {
        if root.join(file).is_file() {
            return Some(format!("{file} is there"));
        }
    }
    let speaks = |file: &&str| {
        std::fs::read_to_string(root.join(file)).is_ok_and(|text| text.contains("pytest"))
    };
    ["pyproject.toml", "setup.cfg", "tox.ini", "requirements-dev.txt", "requirements.txt"]
        .into_iter()
        .find(speaks)
        .map(|file| format!("{file} speaks of pytest"))
}

/// Whose CI runs: files tell, and where there are none the remotes.
fn hosts(root: &Path, top: &Path, remotes: &[String]) -> Vec<(Host, String)> {
    let mut found = Vec::new();
    if [root, top].iter().any(|folder| folder.join(".github").is_dir()) {
        found.push((Host::Github, ".github is there".to_owned()));
    }
    if top.join(".gitlab-ci.yml").is_file() {
        found.push((Host::Gitlab, ".gitlab-ci.yml is there".to_owned()));
    }
    if found.is_empty() {
        let of = |word| remotes.iter().any(|url| url.contains(word));
        for (host, word) in [(Host::Github, "github"), (Host::Gitlab, "gitlab")] {
            found.extend(
                of(word).then(|| (host, format!("a remote of the repository is on {word}"))),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{join, way};

    #[test]
    fn ways_lead_up_and_down() {
        for (from, to, is) in [
            ("/a/b", "/a/b", ""),
            ("/a", "/a/b/c", "b/c"),
            ("/a/b/c", "/a", "../.."),
            ("/a/b", "/a/c", "../c"),
            ("/a", "/b", "../b"),
        ] {
            assert_eq!(way(Path::new(from), Path::new(to)), Path::new(is), "{from} to {to}");
        }
        assert_eq!(join(Path::new("."), Path::new("../..")), Path::new("../.."));
        assert_eq!(join(Path::new("a"), Path::new("")), Path::new("a"));
    }
}
