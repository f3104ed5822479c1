//! The book says what is so: its pages are found, its links lead somewhere, what it shows is run, and its
//! reference is written out of the code. So are the pages of the manual and the completions.
//!
//! `STAIRWAY_BOOK=write cargo test --test book` writes the reference and what commands print anew.

mod blocks;
mod built;
mod commands;
mod completions;
mod json;
mod links;
mod manual;
mod pages;
mod reference;
mod settings;
mod tutorial;

#[path = "../program/mod.rs"]
mod program;
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../shown/mod.rs"]
mod shown;

/// What asks for pages that are written anew.
const VARIABLE: &str = "STAIRWAY_BOOK";
const AGAIN: &str = "write it anew with\n  STAIRWAY_BOOK=write cargo test --test book";
