//! The job of a CI: GitHub Actions, or GitLab CI as a file to be included.

use std::path::Path;

use super::project::{Project, join};
use super::{Draft, Host, Plan, ScaffoldError, quoted};
use crate::migrations::Tool;

/// The workflow's file.
pub(super) const NAME: &str = "stairway.yml";

const GITHUB: &str = include_str!("templates/github.yml");
const GITLAB: &str = include_str!("templates/gitlab.yml");

/// What `.gitlab-ci.yml` needs.
const INCLUDE: &str = "include:\n  - local: .gitlab/stairway.yml";

/// Adds a job for each of `named`, else for each CI that the project has.
pub(super) fn add(
    plan: &mut Plan,
    project: &Project,
    named: Option<&[Host]>,
    source: Option<&str>,
) -> Result<(), ScaffoldError> {
    let asked = |host: &Host| (*host, "it was asked for".to_owned());
    let hosts = match named {
        Some(named) => named.iter().map(asked).collect(),
        None => project.hosts.clone(),
    };
    for (host, because) in &hosts {
        match host {
            Host::Github => github(plan, project, because, source)?,
            Host::Gitlab => gitlab(plan, project, because, source)?,
        }
    }
    if hosts.is_empty() && named.is_none() {
        let note = "no job for a CI: there is neither .github nor .gitlab-ci.yml, and no remote on either; \
                    `stairway init --ci github` or `--ci gitlab` writes one";
        plan.notes.push(note.to_owned());
    }
    if source.is_none() && !hosts.is_empty() {
        let note = "the job builds Stairway from the git repository that the variable STAIRWAY_GIT_URL of the \
                    CI names: set it to where yours came from, or give it now with --source URL";
        plan.notes.push(note.to_owned());
    }
    Ok(())
}

fn github(
    plan: &mut Plan,
    project: &Project,
    because: &str,
    source: Option<&str>,
) -> Result<(), ScaffoldError> {
    let defaults = if is_top(project) {
        String::new()
    } else {
        format!("    defaults:\n      run:\n        working-directory: {}", quoted(&project.below)?)
    };
    let python = steps(plan.chosen.detection.tool, project);
    let python = match python.join("\n          ") {
        none if none.is_empty() => none,
        lines => format!(
            "      - name: Have Alembic and what its revisions import\n        run: |\n          {lines}"
        ),
    };
    let place = ": a variable of this repository or its organisation (Settings, Secrets and\n          \
                 # variables, Actions, Variables)";
    let text = filled(
        GITHUB,
        &[
            ("@DEFAULTS@", &defaults),
            ("@PYTHON@", &python),
            ("@IMAGE@", &plan.postgres.image()),
            ("@VERSION@", env!("CARGO_PKG_VERSION")),
            ("@WHERE@", if source.is_some() { "" } else { place }),
            ("@SOURCE@", source.unwrap_or("${{ vars.STAIRWAY_GIT_URL }}")),
        ],
    );
    let path = join(&project.top, &Path::new(".github/workflows").join(NAME));
    let about = format!("a job for pull requests in GitHub Actions, since {because}");
    plan.drafts.push(Draft { path, about, text });
    Ok(())
}

fn gitlab(
    plan: &mut Plan,
    project: &Project,
    because: &str,
    source: Option<&str>,
) -> Result<(), ScaffoldError> {
    let mut lines = Vec::new();
    if !is_top(project) {
        quoted(&project.below)?;
        lines.push(format!("cd '{}'", project.below.display().to_string().replace('\'', r"'\''")));
    }
    let python = steps(plan.chosen.detection.tool, project);
    if !python.is_empty() {
        lines.push("apt-get update".to_owned());
        lines.push("apt-get install --yes --no-install-recommends python3-venv".to_owned());
        lines.extend(python);
    }
    let before = match lines.as_slice() {
        [] => String::new(),
        lines => format!("    - |\n      {}", lines.join("\n      ")),
    };
    let given = match source {
        Some(url) => format!("    STAIRWAY_GIT_URL: {url}"),
        None => "    # STAIRWAY_GIT_URL, the git repository of Stairway, is a variable of this project or its group:\n    \
                 # Settings, CI/CD, Variables."
            .to_owned(),
    };
    let text = filled(
        GITLAB,
        &[
            ("@PYTHON@", &before),
            ("@IMAGE@", &plan.postgres.image()),
            ("@VERSION@", env!("CARGO_PKG_VERSION")),
            ("@SOURCE@", &given),
        ],
    );
    let path = join(&project.top, &Path::new(".gitlab").join(NAME));
    let about = format!("a job for merge requests in GitLab CI, since {because}");
    plan.drafts.push(Draft { path, about, text });
    let main = join(&project.top, ".gitlab-ci.yml".as_ref());
    let includes = std::fs::read_to_string(&main).unwrap_or_default();
    if !includes.contains(".gitlab/stairway.yml") {
        plan.by_hand.push((main, INCLUDE.to_owned()));
    }
    Ok(())
}

fn is_top(project: &Project) -> bool {
    project.below.as_os_str().is_empty()
}

/// A template with values for its words; a line that is only such a word goes where the value is empty.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for line in template.lines() {
        if values.iter().any(|(word, value)| *word == line && value.is_empty()) {
            continue;
        }
        let line =
            values.iter().fold(line.to_owned(), |line, (word, value)| line.replace(word, value));
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Commands that make a virtual environment beside the migrations with what Alembic needs there.
fn steps(tool: Tool, project: &Project) -> Vec<String> {
    if tool != Tool::Alembic {
        return Vec::new();
    }
    let has = |file: &str| project.root.join(file).is_file();
    let pip = ".venv/bin/python -m pip install";
    let rest: &[&str] = if has("uv.lock") {
        &["uv", "&& .venv/bin/uv sync --frozen --inexact"]
    } else if has("poetry.lock") {
        &["poetry", "&& VIRTUAL_ENV=\"$PWD/.venv\" .venv/bin/poetry install"]
    } else if has("requirements.txt") {
        &["-r requirements.txt"]
    } else if has("pyproject.toml") || has("setup.py") {
        &["."]
    } else {
        &["alembic 'psycopg[binary]' psycopg2-binary"]
    };
    vec!["python3 -m venv .venv".to_owned(), format!("{pip} {}", rest.join(" "))]
}
