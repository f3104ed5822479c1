//! Alembic's environments: what is climbed, what is found in Python, and what is wrong with an environment.
//!
//! Alembic itself runs every revision here. `ci/test` installs it; where it is missing the tests say SKIPPED, and
//! fail if `STAIRWAY_REQUIRE_TOOLS=1`.

mod branches;
mod climbed;
mod dry_run;
mod environments;
mod flask;
mod found;
mod gated;
mod left_behind;
mod project;
mod secured;
mod told;

#[path = "../program/mod.rs"]
mod program;
#[path = "../servers/mod.rs"]
mod servers;
