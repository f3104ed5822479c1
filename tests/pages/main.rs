//! `--format html` of verify, drill, upgrade and gate: the pages of real runs, each held against the JSON of
//! the same run, and all of them looked at by headless Chromium. `STAIRWAY_SCREENSHOTS=FOLDER` keeps pictures.

#[path = "../chromium/mod.rs"]
mod chromium;
#[path = "../document/mod.rs"]
mod document;
#[path = "../servers/mod.rs"]
mod servers;
#[allow(dead_code, reason = "the faults use the rest")]
#[path = "../faults/site.rs"]
mod site;

mod looked_at;
mod runs;
