//! `stairway.toml`: small, with what was found, and only keys that there are.

use std::fmt::Write as _;

use super::project::{Project, join};
use super::{Chosen, Draft, Postgres, ScaffoldError, quoted};
use crate::server::SUPPORTED;

pub(super) const NAME: &str = "stairway.toml";

/// The settings of a project.
pub(super) fn draft(
    project: &Project,
    chosen: &Chosen,
    postgres: &Postgres,
) -> Result<Draft, ScaffoldError> {
    let mut text = String::from(
        "# What `stairway` takes for granted in this folder. Flags win over variables, variables over\n\
         # this file; `stairway verify --help` and the README's \"Settings\" say what else there is.\n\n",
    );
    // Writing to a String can't fail.
    let _ = writeln!(text, "migrations = {}", quoted(&project.migrations)?);
    let found = &chosen.detection;
    let _ = if chosen.is_forced {
        writeln!(text, "tool = \"{}\"", found.tool)
    } else {
        let because = found.because.replace(char::is_control, " ");
        writeln!(
            text,
            "# The layout is recognised, since {because}; another one is said here.\n# tool = \"{}\"",
            found.tool
        )
    };
    text.push_str("\n# The major version that production runs.");
    let because = postgres.because().replace(char::is_control, " ");
    let _ = if let Some(major) = postgres.major {
        writeln!(text, " Here, since {because}.\npostgres = {major}")
    } else {
        let newest = SUPPORTED.end();
        writeln!(text, " Unset, any will do: {because}.\n# postgres = {newest}")
    };
    text.push_str(
        "\n# Where servers come from: auto, local, container, command or a URL. `stairway doctor` shows\n\
         # what auto finds.\n\
         # server = \"auto\"\n\n\
         # From which severity on a finding fails: error or warning.\n\
         # fail-on = \"error\"\n\n\
         # What is done on purpose is said beside the SQL, or here if a file must not change:\n\
         # [[claim]]\n\
         # revision = \"20240131120000\"\n\
         # claim = \"irreversible reason: the old rows are gone\"\n",
    );
    Ok(Draft {
        path: join(&project.root, NAME.as_ref()),
        about: "what `stairway` takes for granted here".to_owned(),
        text,
    })
}
