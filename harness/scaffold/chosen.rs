//! Which folder of migrations is meant, and what is in it.

use std::path::{Path, PathBuf};

use super::{ScaffoldError, Wanted};
use crate::migrations::{
    AlembicOptions, Candidate, Detection, History, Migration, MigrationsError, Search, Standing,
    Tool, detect,
};

/// The folder that was named, or the only one that is likely.
#[derive(Debug)]
pub struct Chosen {
    /// The folder.
    pub folder: PathBuf,
    /// Its layout, and why.
    pub detection: Detection,
    /// Whether nothing but a person's word tells that it is this layout.
    pub is_forced: bool,
    /// Its migrations, or why nobody could count them.
    pub counted: Result<Counted, MigrationsError>,
    /// Others, which are left alone.
    pub others: Vec<PathBuf>,
    /// Folders that were not looked into.
    pub unread: Vec<PathBuf>,
}

/// How many migrations there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// All of them.
    pub migrations: usize,
    /// Those without a downgrade, or with one that does nothing.
    pub one_way: usize,
}

impl Counted {
    /// What is in `folder`.
    fn read(folder: &Path, tool: Tool, alembic: &AlembicOptions) -> Result<Self, MigrationsError> {
        let history = History::load_with(folder, Some(tool), alembic)?;
        let goes_back =
            |it: &Migration| it.downgrade.as_ref().is_some_and(|script| !script.is_blank());
        let one_way = history.migrations.iter().filter(|it| !goes_back(it)).count();
        Ok(Self { migrations: history.migrations.len(), one_way })
    }
}

impl Chosen {
    /// The folder that was named, else the only one that is likely.
    pub(super) fn find(wanted: &Wanted) -> Result<Self, ScaffoldError> {
        if !wanted.project.is_dir() {
            return Err(ScaffoldError::NoFolder { path: wanted.project.clone() });
        }
        match &wanted.folder {
            Some(folder) => Self::named(folder, wanted),
            None => Self::likeliest(wanted),
        }
    }

    fn named(folder: &Path, wanted: &Wanted) -> Result<Self, ScaffoldError> {
        let refused = |source| ScaffoldError::Migrations { source };
        let detection = match wanted.tool {
            Some(tool) => Detection { tool, because: "it was asked for".to_owned() },
            None => detect(folder).map_err(refused)?,
        };
        Self::read(folder.to_owned(), detection, wanted)
    }

    fn likeliest(wanted: &Wanted) -> Result<Self, ScaffoldError> {
        let project = &wanted.project;
        let search = Search::below(project, wanted.tool);
        let Some(best) = search.found.iter().map(|it| it.standing).min() else {
            return Err(ScaffoldError::NoMigrations {
                project: project.clone(),
                folders: search.folders,
                loose: search.loose,
                unread: search.unread,
            });
        };
        let (mut likely, others): (Vec<Candidate>, Vec<Candidate>) =
            search.found.into_iter().partition(|it| it.standing == best);
        match likely.pop() {
            Some(only) if likely.is_empty() => {
                let refused = |source| ScaffoldError::Migrations { source };
                let detection = only.detection.map_err(refused)?;
                // What tests and examples hold is nobody's migrations.
                let others = others.into_iter().filter(|it| it.standing != Standing::Aside);
                let others = others.map(|it| it.folder).collect();
                let chosen = Self::read(only.folder, detection, wanted)?;
                Ok(Self { others, unread: search.unread, ..chosen })
            }
            last => {
                likely.extend(last);
                Err(several(project, &likely))
            }
        }
    }

    fn read(folder: PathBuf, detection: Detection, wanted: &Wanted) -> Result<Self, ScaffoldError> {
        // What is recognised anyway need not be said.
        let recognised = wanted.tool.map(|_| detect(&folder)).and_then(Result::ok);
        let recognised = recognised.filter(|it| it.tool == detection.tool);
        let is_forced = wanted.tool.is_some() && recognised.is_none();
        let detection = recognised.unwrap_or(detection);
        let counted = Counted::read(&folder, detection.tool, &wanted.alembic);
        match counted {
            Err(source) if !is_of_python(&source) => Err(ScaffoldError::Migrations { source }),
            counted => Ok(Self {
                folder,
                detection,
                is_forced,
                counted,
                others: Vec::new(),
                unread: Vec::new(),
            }),
        }
    }
}

/// Whoever has no Python at hand that runs the revisions can begin all the same.
fn is_of_python(error: &MigrationsError) -> bool {
    matches!(error, MigrationsError::NoPython { .. } | MigrationsError::Environment { .. })
}

/// What is wrong with a folder, in one line that names it.
fn beside(folder: &Path, error: &MigrationsError) -> String {
    let told = error.to_string();
    let first = told.lines().next().unwrap_or_default();
    let folder = folder.display().to_string();
    if first.starts_with(&folder) { first.to_owned() } else { format!("{folder}: {first}") }
}

fn several(project: &Path, likely: &[Candidate]) -> ScaffoldError {
    let line = |it: &Candidate| {
        let folder = it.folder.display();
        match &it.detection {
            Ok(detection) if detection.tool == Tool::Alembic => {
                format!("{folder}: {}, since {}", detection.tool, detection.because)
            }
            Ok(detection) => {
                match Counted::read(&it.folder, detection.tool, &AlembicOptions::default()) {
                    Ok(counted) => {
                        format!("{folder}: {} of {}", counted.migrations, detection.tool)
                    }
                    Err(error) => beside(&it.folder, &error),
                }
            }
            Err(error) => beside(&it.folder, error),
        }
    };
    ScaffoldError::Several {
        project: project.to_owned(),
        found: likely.iter().map(line).collect(),
        first: likely.first().map(|it| it.folder.clone()).unwrap_or_default(),
    }
}
