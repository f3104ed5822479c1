//! The attestation of a gate: `upgrade` demands it, and that of one history passes for no other.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ground::{gate, pending, release};
use crate::keys;
use crate::servers;
use crate::site::{Ran, Site};

/// Writes `NAME.key` and `NAME.pub`.
fn key(folder: &Path, name: &str) {
    let (private, public) = keys::pair();
    fs::write(folder.join(format!("{name}.key")), private).unwrap();
    fs::write(folder.join(format!("{name}.pub")), public).unwrap();
}

fn attest(site: &Site) {
    let gate = gate(site, &["--attest", "release.json", "--key", "gate.key"]);
    assert_eq!(gate.code, Some(0), "{}\n{:#}", gate.said, gate.report);
    assert!(gate.said.contains("attestation: release.json, signed with"), "{}", gate.said);
}

/// `upgrade` as one does it where a key is trusted.
fn upgrade(site: &Site) -> Ran {
    site.run(&["upgrade", "--attestation", "release.json"])
}

fn refused(site: &Site, ran: &Ran, why: &str) {
    site.holds(ran, 10, "BEFORE");
    ran.says(why).says("`stairway gate --attest FILE --key KEY` makes one");
}

/// A release whose key is trusted.
fn trusting(nth: usize) -> Site {
    let site = release(nth);
    key(site.directory.path(), "gate");
    fs::write(site.path("stairway.toml"), "[gate]\nattestation-key = \"gate.pub\"\n").unwrap();
    site
}

#[test]
fn nothing_is_applied_but_what_a_gate_let_pass() {
    let site = trusting(0);
    let first = site.print();
    let ran = site.run(&["upgrade"]);
    refused(&site, &ran, "is demanded, and no file was named");
    refused(&site, &upgrade(&site), "release.json: No such file");

    attest(&site);
    let statement = fs::read_to_string(site.path("release.json")).unwrap();
    // Another history, down to one byte of a downgrade that nothing runs.
    site.migration(3, "CREATE TABLE refunds (id int);\n", "DROP TABLE refunds;\n");
    refused(&site, &upgrade(&site), "3, or one before it, was another one when it was made");
    pending(&site);
    fs::write(site.path("migrations/2_it.down.sql"), "ALTER TABLE orders DROP COLUMN note; \n")
        .unwrap();
    refused(&site, &upgrade(&site), "2, or one before it, was another one when it was made");
    pending(&site);
    // One more than was looked at.
    site.migration(4, "CREATE TABLE more ();\n", "DROP TABLE more;\n");
    refused(&site, &upgrade(&site), "4 was not pending when it was made");
    // As far as it goes, it goes.
    let dry = site.run(&["upgrade", "3", "--attestation", "release.json", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.said);
    assert_eq!(site.print(), first, "nothing was applied so far");

    // Edited by hand.
    let mut value: serde_json::Value = serde_json::from_str(&statement).unwrap();
    let payload = STANDARD.decode(value["payload"].as_str().unwrap()).unwrap();
    let edited = String::from_utf8(payload).unwrap().replace("production", "productiom");
    value["payload"] = STANDARD.encode(edited).into();
    fs::write(site.path("release.json"), value.to_string()).unwrap();
    let ran = site.run(&["upgrade", "3", "--attestation", "release.json"]);
    refused(&site, &ran, "or was changed after it was signed");
    fs::write(site.path("release.json"), &statement).unwrap();

    // Signed by somebody else.
    key(site.directory.path(), "other");
    let words = ["upgrade", "3", "--attestation", "release.json", "--attestation-key", "other.pub"];
    refused(&site, &site.run(&words), "it is not signed with the trusted key");

    // For the same files, and another environment.
    fs::write(
        site.path(".env.staging"),
        format!("DATABASE_URL={}\n", site.target.url_with_password()),
    )
    .unwrap();
    let words = ["upgrade", "3", "--attestation", "release.json", "--env", "staging"];
    refused(&site, &site.run(&words), "it is for production, and this is staging");

    // In two steps, with the attestation of both.
    let ran = site.run(&["upgrade", "2", "--attestation", "release.json"]);
    site.holds(&ran, 0, "AFTER");
    assert!(
        ran.report.to_string().contains("the gate let 2 migrations pass at"),
        "{:#}",
        ran.report
    );
    let ran = site.run(&["upgrade", "3", "--attestation", "release.json"]);
    site.holds(&ran, 0, "AFTER");
    // The way back needs none.
    let ran = site.run(&["downgrade", "1"]);
    site.holds(&ran, 0, "AFTER");
}

/// The same migrations, pending on two databases of one name.
#[test]
fn it_is_for_one_database_and_for_a_while() {
    let site = trusting(1);
    attest(&site);
    // Servers of one version are copies of one cluster here, with its identifier.
    if servers::majors().len() > 1 {
        let other = trusting(0);
        fs::copy(site.path("gate.pub"), other.path("gate.pub")).unwrap();
        fs::copy(site.path("release.json"), other.path("release.json")).unwrap();
        refused(&other, &upgrade(&other), "it is for shop on another server");
    }

    let short = "[gate]\nattestation-key = \"gate.pub\"\nattestation-hours = 0.0000001\n";
    fs::write(site.path("stairway.toml"), short).unwrap();
    attest(&site);
    refused(&site, &upgrade(&site), "it held until");
}

#[test]
fn an_attestation_of_an_earlier_gate_passes_for_none_that_failed() {
    let site = trusting(0);
    attest(&site);
    let words = ["--attest", "release.json", "--key", "gate.key", "--drill-max-age", "1ms"];
    assert_eq!(gate(&site, &words).code, Some(14));
    assert!(!site.path("release.json").exists(), "it said that the gate passed");

    let letter = site.path("letter.json");
    fs::write(&letter, "{\"dear\": \"reader\"}").unwrap();
    let refused = gate(&site, &["--attest", "letter.json", "--key", "gate.key"]);
    assert_eq!(refused.code, Some(2), "{}", refused.said);
    assert!(refused.said.contains("letter.json is no attestation"), "{}", refused.said);
    assert_eq!(fs::read_to_string(letter).unwrap(), "{\"dear\": \"reader\"}");

    let refused = gate(&site, &["--attest", "release.json"]);
    assert_eq!(refused.code, Some(2), "{}", refused.said);
    assert!(refused.said.contains("no key was named"), "{}", refused.said);
    let refused = gate(&site, &["--attest", "release.json", "--key", "gate.pub"]);
    assert_eq!(refused.code, Some(2), "{}", refused.said);
    assert!(refused.said.contains("holds no private key of Ed25519"), "{}", refused.said);
}
