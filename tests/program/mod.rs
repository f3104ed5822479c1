//! The program as a user starts it, without anything of this machine's environment that it would follow.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::process::Command;

/// What says where things are here, and nothing about what is to be done.
pub(crate) const PLACES: [&str; 3] =
    ["STAIRWAY_CACHE", "STAIRWAY_RUNTIME", "STAIRWAY_POSTGRES_BIN"];

/// The program with [`PLACES`] of its environment.
pub(crate) fn program() -> Command {
    program_with(&PLACES)
}

/// The program with these of its environment.
pub(crate) fn program_with(keeps: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stairway"));
    for variable in stairway::env::ALL.iter().filter(|it| !keeps.contains(&it.name)) {
        command.env_remove(variable.name);
    }
    command
}
