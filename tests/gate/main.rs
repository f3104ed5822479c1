//! `stairway gate` as its user runs it: a table of situations with the exit code of each, and the
//! attestation that `upgrade` demands.

#[path = "../keys/mod.rs"]
mod keys;
#[path = "../servers/mod.rs"]
mod servers;
#[allow(dead_code, reason = "the faults use the rest")]
#[path = "../faults/site.rs"]
mod site;

mod attested;
mod ground;
mod situations;
