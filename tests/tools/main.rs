//! Version tables: the tools themselves and Stairway take turns on one database, and each finds what it
//! would have written itself.
//!
//! `sqlx`, `diesel`, `refinery`, `dbmate` and `alembic` are the real programs, from `STAIRWAY_TOOLS` or PATH;
//! `ci/test` builds or installs them once. Where one is missing its tests say SKIPPED, and fail if
//! `STAIRWAY_REQUIRE_TOOLS=1`. No program of golang-migrate, goose or Flyway can be had from crates, wheels or
//! Debian's packages: `golang_migrate.rs`, `goose.rs` and `flyway.rs` send what the tool sends, statement for
//! statement, in the order of its sources; the first takes the program where there is one.
//!
//! What a tool finds afterwards is looked at on 15 and 18; the longer ones take one of the two, which changes
//! from test to test, and both with `STAIRWAY_SWEEP=full`.

mod alembic;
mod astray;
mod dbmate;
mod diesel;
mod fixtures;
mod flyway;
mod golang_migrate;
mod goose;
mod native;
mod place;
mod refinery;
mod sqlx;
mod turns;

#[path = "../servers/mod.rs"]
mod servers;
