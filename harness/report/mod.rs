//! Reports: one model, one file per form.
//!
//! Knows how a verification is told to people and programs. Must not run anything, print, or know
//! how it was asked for.

mod account;
mod bench;
mod drill;
mod gate;
mod github;
mod json;
mod junit;
mod markdown;
mod model;
mod page;
pub mod prometheus;
mod region;
mod root;
mod sarif;
mod terminal;
mod unfinished;
mod units;
mod verification;

pub use account::{account_html, account_json, account_text, digest, dry_run_html};
pub use bench::{
    bench_html, bench_html_unfinished, bench_json, bench_json_unfinished, bench_text,
    bench_text_unfinished,
};
pub use drill::{
    drill_html, drill_html_unfinished, drill_json, drill_json_unfinished, drill_markdown,
    drill_text,
};
pub use gate::{
    gate_html, gate_html_unfinished, gate_json, gate_json_unfinished, gate_markdown, gate_text,
};
pub use github::{github, unfinished as github_unfinished};
pub use json::json;
pub use junit::{junit, unfinished as junit_unfinished};
pub use markdown::{markdown, unfinished as markdown_unfinished};
pub use model::{
    Coverage, FindingReport, GapReport, HistoryReport, MigrationReport, Report, SecondsReport,
    ServerReport, ToolReport,
};
pub use root::Root;
pub use sarif::{sarif, unfinished as sarif_unfinished};
pub use terminal::{Style, finding as render_finding, terminal};
pub use unfinished::{ErrorReport, Unfinished, UnfinishedHistory};
pub use verification::{html, unfinished as html_unfinished};

#[cfg(test)]
mod samples;
