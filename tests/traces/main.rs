//! Traces of real runs, as a collector of OpenTelemetry gets them: whole, true, without secrets, and no
//! reason for a run to end otherwise.

mod collector;
#[allow(dead_code, reason = "the tests of backups use the rest")]
#[path = "../backups/ground.rs"]
mod ground;
#[path = "../program/mod.rs"]
mod program;
#[path = "../servers/mod.rs"]
mod servers;
#[allow(dead_code, reason = "the faults use the rest")]
#[path = "../faults/site.rs"]
mod site;
#[allow(dead_code, reason = "the tests of drills use the rest")]
#[path = "../drill/yard.rs"]
mod yard;

mod asked;
mod runs;
