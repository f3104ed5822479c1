//! Metrics as node_exporter and Prometheus read them: what runs on real servers leave, what stays when a run
//! fails or is killed, and that rules and dashboard speak of nothing else.

#![allow(clippy::float_cmp, reason = "a number that is written is read back as it was")]

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
#[path = "../init/yaml.rs"]
mod yaml;
#[allow(dead_code, reason = "the tests of drills use the rest")]
#[path = "../drill/yard.rs"]
mod yard;

mod deployed;
mod drilled;
mod killed;
mod page;
mod placed;
mod promtool;
mod rules;
mod told;
