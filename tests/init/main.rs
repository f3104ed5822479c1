//! `stairway init`: what it finds, what it writes and leaves, and that what it writes works.

mod files;
mod found;
mod jobs;
mod newcomer;
mod place;

#[path = "../program/mod.rs"]
mod program;
#[path = "../repository/mod.rs"]
mod repository;
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../yaml/mod.rs"]
mod yaml;
