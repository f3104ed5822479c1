//! The test that a project's own runner finds: a suite for `cargo test`, a case for Python's runners.

use std::path::PathBuf;

use super::project::{Project, join};
use super::{Draft, Package, Plan, ScaffoldError, quoted};

const SUITE: &str = include_str!("templates/migrations.rs");
const CASE: &str = include_str!("templates/test_migrations.py");

/// Adds the test, what is to be done for it by hand, or why there is none.
pub(super) fn add(
    plan: &mut Plan,
    project: &Project,
    source: Option<&str>,
) -> Result<(), ScaffoldError> {
    if let Some(package) = &project.package {
        plan.drafts.push(suite(package)?);
        let lines = lacking(package, source);
        if !lines.is_empty() {
            plan.by_hand.push((join(&package.folder, "Cargo.toml".as_ref()), lines));
        }
    } else if project.is_cargo {
        let note = "no test for `cargo test`: Cargo.toml has no [package], and the migrations are in none of \
                    its members; the README's \"From cargo test\" says what one of them needs";
        plan.notes.push(note.to_owned());
    } else if let Some(because) = &project.python {
        plan.drafts.push(case(project, because));
    } else {
        plan.notes
            .push("no test file: `stairway verify`, here and in a CI, is the test".to_owned());
    }
    Ok(())
}

fn suite(package: &Package) -> Result<Draft, ScaffoldError> {
    Ok(Draft {
        path: join(&package.folder, "tests/migrations.rs".as_ref()),
        about: "a test for each migration and family of checks, for `cargo test`".to_owned(),
        text: SUITE.replace("\"@MIGRATIONS@\"", &quoted(&package.migrations)?),
    })
}

fn case(project: &Project, because: &str) -> Draft {
    let path: PathBuf = join(&project.root, "tests/test_migrations.py".as_ref());
    let about = format!("`stairway verify` among the tests, since {because}");
    Draft { path, about, text: CASE.to_owned() }
}

/// What a manifest lacks for the suite.
fn lacking(package: &Package, source: Option<&str>) -> String {
    let manifest = &package.manifest;
    let depends = ["dev-dependencies", "dependencies"].iter().any(|section| {
        manifest.get(*section).is_some_and(|section| section.get("stairway").is_some())
    });
    let tests = manifest.get("test").and_then(toml::Value::as_array).into_iter().flatten();
    let has_test = tests
        .filter(|test| test.get("name").and_then(toml::Value::as_str) == Some("migrations"))
        .any(|test| test.get("harness").and_then(toml::Value::as_bool) == Some(false));
    let mut lines = Vec::new();
    if !depends {
        let place = match source {
            Some(url) => format!("git = \"{url}\""),
            None => format!("version = \"{}\"", version()),
        };
        lines.push(format!(
            "[dev-dependencies]\nstairway = {{ {place}, default-features = false, features = [\"testing\"] }}"
        ));
    }
    if !has_test {
        lines.push("[[test]]\nname = \"migrations\"\nharness = false".to_owned());
    }
    lines.join("\n\n")
}

/// The version of this program as a requirement of Cargo's.
fn version() -> &'static str {
    let whole = env!("CARGO_PKG_VERSION");
    whole.rsplit_once('.').map_or(whole, |(most, _)| most)
}
