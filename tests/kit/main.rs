//! What teams copy from `ci/kit` does what it says: each command in it is run here, on what is sound and on
//! what is faulty. What can't be run on a machine is named, with the reason, in one table for each kind of file.

mod actions;
mod checkers;
mod cron;
mod deploy;
mod docker;
mod gitlab;
mod kubernetes;
mod nightly;
mod package;
mod place;
mod pre_commit;
mod pull_request;
mod release;
mod systemd;
mod words;

#[cfg(feature = "container")]
#[path = "../containers/mod.rs"]
mod containers;
#[path = "../program/mod.rs"]
mod program;
#[path = "../repository/mod.rs"]
mod repository;
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../faults/site.rs"]
#[allow(dead_code, reason = "the tests of faults use the rest")]
mod site;
#[path = "../yaml/mod.rs"]
mod yaml;
