//! A release that may go out: a database with one applied migration and two that are pending, with a fresh
//! backup, a drill that went well and a verification, all of them made by the program.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::servers;
use crate::site::Site;

/// How a gate ended.
pub(crate) struct Gate {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
    pub(crate) report: Value,
}

impl Gate {
    fn of(output: &Output) -> Self {
        let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code(), said, report }
    }

    /// How a fact ended, and what was seen.
    pub(crate) fn fact(&self, name: &str) -> (String, String) {
        let facts = self.report["facts"].as_array().unwrap();
        let fact = facts.iter().find(|it| it["name"] == name).unwrap();
        let text = |key: &str| fact[key].as_str().unwrap_or_default().to_owned();
        (text("ended"), format!("{}\n{}", text("detail"), text("help")))
    }
}

/// The `nth` release, on the majors in turn.
pub(crate) fn release(nth: usize) -> Site {
    let majors = servers::majors();
    let site = Site::new(majors[nth % majors.len()]).unwrap();
    pending(&site);
    must(&site, &["backup"]);
    must(&site, &["drill", "--quiet", "--report", "json=drill.json"]);
    verified(&site, &[]);
    site
}

/// What is pending in the beginning.
pub(crate) fn pending(site: &Site) {
    site.migration(
        2,
        "ALTER TABLE orders ADD COLUMN note text;\n",
        "ALTER TABLE orders DROP COLUMN note;\n",
    );
    site.migration(
        3,
        "CREATE TABLE refunds (id int PRIMARY KEY, order_id bigint REFERENCES orders);\n",
        "DROP TABLE refunds;\n",
    );
}

/// Writes `verify.json`, whatever it comes to.
pub(crate) fn verified(site: &Site, more: &[&str]) {
    let mut words = vec!["verify", "--quiet", "--no-repro", "--report", "json=verify.json"];
    words.extend(more);
    let ran = site.run(&words);
    assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.said);
}

/// Runs what must end well.
pub(crate) fn must(site: &Site, words: &[&str]) {
    let ran = site.run(words);
    assert_eq!(ran.code, Some(0), "{words:?}: {}", ran.said);
}

/// A gate with these words alone.
pub(crate) fn bare(site: &Site, words: &[&str]) -> Gate {
    let mut command = site.command(&["gate", "--format", "json"]);
    Gate::of(&command.args(words).output().unwrap())
}

/// A gate with the reports of the release, and more words.
pub(crate) fn gate(site: &Site, words: &[&str]) -> Gate {
    let mut all = vec!["--verification", "verify.json", "--drill", "drill.json"];
    all.extend(words);
    bare(site, &all)
}

/// Changes a report of JSON.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}
