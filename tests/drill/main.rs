//! `stairway drill` as its user runs it: what it says of damaged backups and of good ones, of migrations,
//! of a machine that lacks something; what its copy can reach; and what is left when it is killed.

#[path = "../backups/ground.rs"]
#[allow(dead_code, reason = "the tests of backups use the rest")]
mod ground;
#[path = "../homes/mod.rs"]
mod homes;
#[path = "../program/mod.rs"]
mod program;
#[path = "../servers/mod.rs"]
mod servers;

mod apart;
mod archived;
mod damaged;
mod fetched;
mod good;
mod killed;
mod pending;
mod physical;
mod tried;
mod yard;
