//! Reports for programs are as `docs/schema` says: real ones of the program itself, with no key that is not
//! documented and none missing that always is.

#[allow(dead_code, reason = "the gate uses the rest")]
#[path = "../gate/ground.rs"]
mod ground;
#[path = "../servers/mod.rs"]
mod servers;
#[allow(dead_code, reason = "the faults use the rest")]
#[path = "../faults/site.rs"]
mod site;

mod benches;
mod databases;
mod shape;
mod verifications;
