//! Reports: one model, one file per form.
//!
//! Knows how a verification is told to people and programs. Must not run anything, print, or know
//! how it was asked for.

mod json;
mod model;
mod terminal;

pub use json::json;
pub use model::{
    Coverage, FindingReport, HistoryReport, MigrationReport, Report, SecondsReport, ServerReport,
    ToolReport,
};
pub use terminal::{Style, finding as render_finding, terminal};
