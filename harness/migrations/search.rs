//! Where in a project the folders of migrations are.
//!
//! Knows which folders hold copies or other people's files, and looks into none of those. Must not
//! decide which of several folders is meant.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use super::{AlembicOptions, Detection, MigrationsError, Tool, alembic, detect};

/// What stands below one folder.
#[derive(Debug, Default)]
pub struct Search {
    /// The folders of migrations, by path.
    pub found: Vec<Candidate>,
    /// How many folders were looked at, the first one included.
    pub folders: usize,
    /// Files called `.sql` in folders that are none of those.
    pub loose: Vec<PathBuf>,
    /// Folders that were not looked at: they can't be read, or there were too many.
    pub unread: Vec<PathBuf>,
}

/// A folder of migrations.
#[derive(Debug)]
pub struct Candidate {
    /// The folder: the one that was searched, joined with the way to it.
    pub folder: PathBuf,
    /// How likely it is the one that is meant.
    pub standing: Standing,
    /// Its layout and why, or what is wrong with it.
    pub detection: Result<Detection, MigrationsError>,
}

/// How likely a folder is the one that is meant, the likeliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is named for migrations, or configured for them.
    Named,
    /// It is the project's folder itself.
    Project,
    /// It has another name.
    Other,
    /// It is among tests, examples or the like.
    Aside,
}

/// Copies, and what others wrote. Folders whose names begin with a dot go with them.
const FOREIGN: [&str; 11] = [
    "target",
    "node_modules",
    "bower_components",
    "vendor",
    "third_party",
    "site-packages",
    "__pycache__",
    "venv",
    "build",
    "dist",
    "out",
];

/// What marks a folder as a virtual environment of Python, or as a cache.
const MARKS: [&str; 2] = ["pyvenv.cfg", "CACHEDIR.TAG"];

/// Where migrations are material and not the project's own.
const ASIDE: [&str; 14] = [
    "test", "tests", "testing", "testdata", "spec", "fixture", "fixtures", "example", "examples",
    "sample", "samples", "seed", "seeds", "docs",
];

/// So many folders are looked at; who has more names one.
const MOST: usize = 20_000;

impl Search {
    /// Looks at `project` and all folders below it; `tool` forces a layout.
    ///
    /// Reads files, runs nothing. Links to folders are not followed.
    pub fn below(project: &Path, tool: Option<Tool>) -> Self {
        Self::within(project, tool, MOST)
    }

    /// The same in so many folders at most.
    fn within(project: &Path, tool: Option<Tool>, most: usize) -> Self {
        let mut search = Self::default();
        let mut environments = BTreeSet::new();
        let mut open = vec![project.to_owned()];
        while let Some(folder) = open.pop() {
            if search.folders == most {
                search.unread.push(folder);
                continue;
            }
            search.folders += 1;
            let Ok((inside, scripts)) = contents(&folder) else {
                search.unread.push(folder);
                continue;
            };
            let found = look(&folder, tool);
            let goes_on = goes_on(&folder, project, found.as_ref());
            match found {
                Some(detection) => search.add(project, folder, detection, &mut environments),
                None => search.loose.extend(scripts),
            }
            if goes_on {
                open.extend(inside);
            }
        }
        search.found.sort_by(|one, other| one.folder.cmp(&other.folder));
        search.loose.sort();
        search
    }

    fn add(
        &mut self,
        project: &Path,
        folder: PathBuf,
        detection: Result<Detection, MigrationsError>,
        environments: &mut BTreeSet<PathBuf>,
    ) {
        let is_alembic = is_alembic(&detection);
        // Its configuration, its scripts and their versions are one environment; the first one is on top.
        if is_alembic && !alembic::directory(&folder).is_none_or(|it| environments.insert(it)) {
            return;
        }
        let standing = standing(folder.strip_prefix(project).unwrap_or(&folder), is_alembic);
        self.found.push(Candidate { folder, standing, detection });
    }
}

fn is_alembic(detection: &Result<Detection, MigrationsError>) -> bool {
    detection.as_ref().is_ok_and(|it| it.tool == Tool::Alembic)
}

/// The folders in a folder that are worth a look, the last one by name first, and its `.sql` files.
fn contents(folder: &Path) -> std::io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<DirEntry>, _>>()?;
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.file_name()));
    let (mut folders, mut scripts) = (Vec::new(), Vec::new());
    for entry in entries {
        let is_here = folder == Path::new(".");
        let path = if is_here { PathBuf::from(entry.file_name()) } else { entry.path() };
        let kind = entry.file_type()?;
        if kind.is_dir() && !is_foreign(&path) {
            folders.push(path);
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "sql") {
            scripts.push(path);
        }
    }
    Ok((folders, scripts))
}

fn is_foreign(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.')
        || FOREIGN.contains(&&*name)
        || MARKS.iter().any(|mark| folder.join(mark).is_file())
}

/// What a folder is; `None` for one without migrations.
fn look(folder: &Path, tool: Option<Tool>) -> Option<Result<Detection, MigrationsError>> {
    let detection = match (detect(folder), tool) {
        // Some tools read what is in folders below as well: then it is those that are found.
        (Err(MigrationsError::Empty { .. }), _) => return None,
        (_, Some(tool)) => Detection { tool, because: "it was asked for".to_owned() },
        (Ok(detection), None) => detection,
        (Err(error), None) => return Some(Err(error)),
    };
    if detection.tool == Tool::Alembic {
        // Its revisions are known to Python only.
        return alembic::detect(folder).map(|_| Ok(detection));
    }
    match detection.tool.load(folder, &AlembicOptions::default()) {
        Ok(loaded) => (!loaded.migrations.is_empty()).then_some(Ok(detection)),
        Err(error) => Some(Err(error)),
    }
}

/// Whether there may be other migrations inside: files beside a project's own may look like some, and
/// an environment of Alembic's is often all of a project.
fn goes_on(
    folder: &Path,
    project: &Path,
    found: Option<&Result<Detection, MigrationsError>>,
) -> bool {
    let nests = |tool| matches!(tool, Tool::Plain | Tool::Diesel | Tool::Flyway);
    match found {
        None => true,
        Some(Ok(detection)) if detection.tool == Tool::Alembic => true,
        Some(Ok(detection)) => folder == project && !nests(detection.tool),
        Some(Err(_)) => folder == project,
    }
}

fn standing(inside: &Path, is_alembic: bool) -> Standing {
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy().to_lowercase()).collect();
    let is_aside = parts.iter().any(|part| ASIDE.contains(&part.as_str()));
    match parts.last() {
        _ if is_aside => Standing::Aside,
        _ if is_alembic => Standing::Named,
        None => Standing::Project,
        Some(name) if name.contains("migrat") => Standing::Named,
        Some(_) => Standing::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Search, Standing};

    #[test]
    fn what_is_not_looked_into_is_said() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a", "b", "c/migrations"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("c/migrations/1_a.up.sql"), "SELECT 1;").unwrap();
        let part = Search::within(root.path(), None, 3);
        assert_eq!((part.folders, part.found.len()), (3, 0));
        assert_eq!(part.unread, [root.path().join("c")]);
        let whole = Search::below(root.path(), None);
        assert_eq!((whole.folders, whole.unread.len()), (5, 0));
        let found: Vec<_> = whole.found.iter().map(|it| (&it.folder, it.standing)).collect();
        assert_eq!(found, [(&root.path().join("c/migrations"), Standing::Named)]);
    }
}
