//! What came of a bench: plain data, which reports are made of.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::finding::{Finding, Verdict};
use crate::migrations::{MigrationDigest, Script};
use crate::workload::{self, Compared, Curve, Measured, MissingIndex, Shape};

use super::blame::Blamed;
use super::impact::Impact;
use super::turns::{Turned, Uncompared};

/// What was measured.
#[derive(Clone, Debug)]
pub struct Benched {
    /// The server's version.
    pub server_version: String,
    /// Where it comes from.
    pub backend: String,
    /// The pending migrations that were measured.
    pub migrations: Vec<String>,
    /// What they are, in the same order.
    pub digests: Vec<MigrationDigest>,
    /// Their upgrade scripts, in the same order.
    pub scripts: Vec<Script>,
    /// Requests a second.
    pub rate: f64,
    /// All requests on the migrated database.
    pub overall: Measured,
    /// Their latencies.
    pub curve: Curve,
    /// Each query.
    pub queries: Vec<BenchedQuery>,
    /// What each pending migration did to others while it ran.
    pub impacts: Vec<Impact>,
    /// The same fixed work, before, between and after.
    pub calibrations: Vec<Duration>,
    /// What a hypervisor took from the machine meanwhile, if it says so.
    pub stolen: Option<Duration>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What it comes to.
    pub verdict: Verdict,
    /// How long all of it took.
    pub seconds: f64,
}

/// One query.
#[derive(Clone, Debug)]
pub struct BenchedQuery {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// The statement as it is written, with the names of parameters and without their values.
    pub text: String,
    /// Requests a second.
    pub rate: f64,
    /// Its latencies on the migrated database.
    pub curve: Curve,
    /// Against its own budget, if it has one.
    pub measured: Option<Measured>,
    /// Before and after, or why it is not compared.
    pub turned: Result<Turned, Uncompared>,
    /// Its plans before and after.
    pub shapes: Option<(Shape, Shape)>,
    /// The migration that made it slower or faster.
    pub blamed: Option<Blamed>,
    /// An index that makes it faster, where it is slow and none is gone.
    pub missing: Option<MissingIndex>,
    /// How often it failed.
    pub failed: usize,
}

impl BenchedQuery {
    /// How its latency changed, if it was compared.
    pub fn compared(&self) -> Option<&Compared> {
        self.turned.as_ref().ok().map(|turned| &turned.compared)
    }
}

impl Benched {
    /// Whether the machine became faster or slower meanwhile, and by how much.
    pub fn moved(&self) -> f64 {
        workload::moved(&self.calibrations)
    }

    /// The SQL of a file that a finding points at: an upgrade script's, or a query's.
    pub fn source(&self, file: &Path) -> Option<&str> {
        let script = self.scripts.iter().find(|it| it.path == file).map(|it| it.text.as_ref());
        let mut queries = self.queries.iter();
        script.or_else(|| queries.find(|it| it.file == file).map(|it| it.text.as_str()))
    }
}
