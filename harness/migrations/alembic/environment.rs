//! Where an environment is: its configuration, the folder that it is run in, its `env.py`.

use std::path::{Path, PathBuf};

use super::AlembicOptions;
use crate::migrations::MigrationsError;

/// An environment of Alembic's, as far as its files tell.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    /// The folder that Alembic is run in.
    pub(super) directory: PathBuf,
    pub(super) ini: Option<PathBuf>,
    pub(super) toml: Option<PathBuf>,
    /// The folder of `env.py`, where that is what was named.
    pub(super) scripts: Option<PathBuf>,
    pub(super) options: AlembicOptions,
}

/// What tells that `folder` is one.
pub(super) fn evidence(folder: &Path) -> Option<String> {
    if folder.join("alembic.ini").is_file() {
        return Some("it holds alembic.ini".to_owned());
    }
    if is_configured(&folder.join("pyproject.toml")) {
        return Some("its pyproject.toml has [tool.alembic]".to_owned());
    }
    if folder.join("env.py").is_file() && has_versions(folder) {
        return Some("it holds env.py and script.py.mako".to_owned());
    }
    let above = folder.parent()?;
    let is_versions = folder.file_name().is_some_and(|name| name == "versions");
    (is_versions && above.join("env.py").is_file())
        .then(|| "it is the folder versions beside an env.py".to_owned())
}

fn has_versions(folder: &Path) -> bool {
    folder.join("versions").is_dir() || folder.join("script.py.mako").is_file()
}

/// Whether a configuration says where its scripts are.
fn names_scripts(ini: &Path) -> bool {
    let text = std::fs::read_to_string(ini).unwrap_or_default();
    text.lines().any(|line| line.trim_start().starts_with("script_location"))
}

fn is_configured(file: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    // Read by Alembic itself later: here it is enough that somebody speaks to it.
    text.lines().any(|line| line.trim_start().starts_with("[tool.alembic"))
}

impl Environment {
    /// The environment that `folder` is, or belongs to.
    pub(super) fn find(folder: &Path) -> Result<Self, MigrationsError> {
        let folder = std::path::absolute(folder)
            .map_err(|source| MigrationsError::Read { path: folder.to_owned(), source })?;
        if let Some(found) = Self::configured(&folder, None) {
            return Ok(found);
        }
        let is_scripts = |folder: &Path| folder.join("env.py").is_file();
        let scripts = std::iter::once(folder.as_path())
            .chain(folder.parent())
            .find(|folder| is_scripts(folder))
            .ok_or_else(|| MigrationsError::Empty {
                folder: folder.clone(),
                looked_for: super::LAYOUT.to_owned(),
            })?;
        for above in scripts.ancestors().skip(1) {
            if let Some(found) = Self::configured(above, Some(scripts)) {
                return Ok(found);
            }
            // A repository's root ends the search.
            if above.join(".git").exists() {
                break;
            }
        }
        // An env.py may need no configuration at all.
        let directory = scripts.parent().unwrap_or(scripts).to_owned();
        let scripts = Some(scripts.to_owned());
        Ok(Self { directory, ini: None, toml: None, scripts, options: AlembicOptions::default() })
    }

    /// The same, told something.
    pub(super) fn told(self, options: &AlembicOptions) -> Self {
        Self { options: options.clone(), ..self }
    }

    fn configured(directory: &Path, scripts: Option<&Path>) -> Option<Self> {
        let is_there = |path: PathBuf| path.is_file().then_some(path);
        let ini = is_there(directory.join("alembic.ini"));
        let toml = is_there(directory.join("pyproject.toml")).filter(|path| is_configured(path));
        // Flask-Migrate keeps the configuration beside env.py, says where that is by itself, and runs above it.
        let is_flask = directory.join("env.py").is_file()
            && ini.as_deref().is_some_and(|ini| !names_scripts(ini));
        let above = directory.parent().filter(|_| is_flask);
        let scripts = if is_flask { Some(directory) } else { scripts };
        (ini.is_some() || toml.is_some()).then(|| Self {
            directory: above.unwrap_or(directory).to_owned(),
            ini,
            toml,
            scripts: scripts.map(Path::to_owned),
            options: AlembicOptions::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Environment, evidence};

    #[test]
    fn an_environment_is_found_from_each_of_its_folders() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("db/migrations/versions")).unwrap();
        fs::create_dir(root.join(".git")).unwrap();
        fs::write(root.join("db/migrations/env.py"), "").unwrap();
        fs::write(root.join("alembic.ini"), "[alembic]\n").unwrap();
        let scripts = root.join("db/migrations");
        for named in [scripts.clone(), scripts.join("versions")] {
            assert!(evidence(&named).is_some(), "{}", named.display());
            let found = Environment::find(&named).unwrap();
            assert_eq!(
                (found.directory.as_path(), found.scripts.as_deref()),
                (root, Some(&*scripts))
            );
        }
        let found = Environment::find(root).unwrap();
        assert_eq!(found.scripts, None, "its configuration says where");
        assert!(Environment::find(&root.join("db")).is_err());
    }

    #[test]
    fn what_flask_migrate_makes_is_run_above_its_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("migrations");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("env.py"), "").unwrap();
        fs::write(folder.join("alembic.ini"), "[alembic]\n").unwrap();
        let found = Environment::find(&folder).unwrap();
        assert_eq!((&*found.directory, found.scripts.as_deref()), (root.path(), Some(&*folder)));
        fs::write(folder.join("alembic.ini"), "[alembic]\nscript_location = .\n").unwrap();
        let found = Environment::find(&folder).unwrap();
        assert_eq!((&*found.directory, found.scripts), (&*folder, None));
    }

    #[test]
    fn a_project_is_one_only_if_it_speaks_to_alembic() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("pyproject.toml");
        fs::write(&file, "[tool.black]\n").unwrap();
        assert_eq!(evidence(root.path()), None);
        fs::write(&file, "[tool.alembic]\nscript_location = \"x\"\n").unwrap();
        assert!(evidence(root.path()).is_some());
    }
}
