//! Where a file is within the repository: reviewers' tools know no paths of this machine.
//!
//! Knows paths, and looks for `.git`. Must not read files.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// The folder that paths in reports are relative to.
#[derive(Clone, Debug)]
pub struct Root {
    top: PathBuf,
    here: PathBuf,
    given: PathBuf,
    real: PathBuf,
}

/// RFC 3986's unreserved characters, and the slash between segments.
const URI: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const URI_PATH: &AsciiSet = &URI.remove(b'/');

impl Root {
    /// The nearest folder with `.git` at or above the migrations, else at or above the current
    /// folder; where there is none, the current folder.
    pub fn find(migrations: &Path) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        // A folder behind a symbolic link is where the link leads: that is what is committed.
        let real = migrations.canonicalize().unwrap_or_else(|_| plain(&here.join(migrations)));
        let top = repository(&real).or_else(|| repository(&here)).unwrap_or(&here).to_owned();
        Self { top, here, given: migrations.to_owned(), real }
    }

    /// With `/` between its parts; a path outside of the root stays absolute.
    pub fn shown(&self, file: &Path) -> String {
        let absolute = self.absolute(file);
        match absolute.strip_prefix(&self.top) {
            Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
            Ok(inside) => inside.display().to_string(),
            Err(_) => absolute.display().to_string(),
        }
    }

    /// A URI reference, and whether it is relative to the root.
    pub(super) fn uri(&self, file: &Path) -> (String, bool) {
        let absolute = self.absolute(file);
        let encoded =
            |path: &Path| percent_encode(path.as_os_str().as_bytes(), URI_PATH).to_string();
        match absolute.strip_prefix(&self.top) {
            Ok(inside) if inside.as_os_str().is_empty() => (".".to_owned(), true),
            Ok(inside) => (encoded(inside), true),
            Err(_) => (format!("file://{}", encoded(&absolute)), false),
        }
    }

    fn absolute(&self, file: &Path) -> PathBuf {
        match file.strip_prefix(&self.given) {
            Ok(inside) => plain(&self.real.join(inside)),
            Err(_) => plain(&self.here.join(file)),
        }
    }

    #[cfg(test)]
    pub(super) fn at(top: &str, here: &str) -> Self {
        let here = PathBuf::from(here);
        Self { top: top.into(), given: "migrations".into(), real: here.join("migrations"), here }
    }
}

fn repository(folder: &Path) -> Option<&Path> {
    // A file in worktrees and submodules.
    folder.ancestors().find(|folder| folder.join(".git").exists())
}

/// Without `.` and `..`, as far as the text of the path allows.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::Root;
    use std::path::Path;

    #[test]
    fn paths_are_relative_to_the_root() {
        let root = Root::at("/repo", "/repo/service");
        let shown = |path: &str| root.shown(Path::new(path));
        assert_eq!(shown("migrations/1_a.sql"), "service/migrations/1_a.sql");
        assert_eq!(shown("../shared/./1_a.sql"), "shared/1_a.sql");
        assert_eq!(shown("/repo/x.sql"), "x.sql");
        assert_eq!(shown("/repository/x.sql"), "/repository/x.sql");
        assert_eq!(shown(".."), ".");
    }

    #[test]
    fn uris_are_encoded() {
        let root = Root::at("/repo", "/repo");
        let uri = |path: &str| root.uri(Path::new(path));
        let odd = "migrations/a b%20#1?/été:x.sql";
        let encoded = "migrations/a%20b%2520%231%3F/%C3%A9t%C3%A9%3Ax.sql";
        assert_eq!(uri(odd), (encoded.to_owned(), true));
        assert_eq!(uri("/else where"), ("file:///else%20where".to_owned(), false));
    }

    #[test]
    fn the_nearest_repository_is_the_root_and_links_are_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let outer = scratch.path().canonicalize().unwrap();
        let inner = outer.join("nested");
        std::fs::create_dir_all(outer.join(".git")).unwrap();
        std::fs::create_dir_all(inner.join("sql")).unwrap();
        let link = outer.join("link");
        std::os::unix::fs::symlink(inner.join("sql"), &link).unwrap();
        let shown = |folder: &Path| Root::find(folder).shown(&folder.join("1.sql"));
        assert_eq!(shown(&inner.join("sql")), "nested/sql/1.sql");
        assert_eq!(shown(&link), "nested/sql/1.sql");
        std::fs::write(inner.join(".git"), "gitdir: elsewhere").unwrap();
        assert_eq!(shown(&link), "sql/1.sql");
    }
}
