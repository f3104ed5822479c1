//! The pages of `--explain` are tests: their wrong SQL is found by that check, their right SQL is
//! found by none.

mod servers;

use std::collections::BTreeMap;
use std::fs;

use stairway::checks::explain;
use stairway::finding::{CheckId, Severity};
use stairway::runs::{Options, Silent, Verification, verify};

/// The SQL below a heading, by the word before each block.
fn blocks(page: &str, heading: &str) -> Option<BTreeMap<String, String>> {
    let start = page.find(&format!("\n## {heading}\n"))?;
    let rest = &page[start + 1..];
    let section = rest[3..].find("\n## ").map_or(rest, |end| &rest[..end + 3]);
    let mut blocks = BTreeMap::new();
    for part in section.split("\n```sql\n").zip(section.split("\n```sql\n").skip(1)) {
        let label = part.0.trim_end().rsplit('\n').next().unwrap().trim_end_matches(':');
        let sql = part.1.split("\n```").next().unwrap();
        blocks.insert(label.to_owned(), sql.to_owned());
    }
    Some(blocks)
}

async fn climb(blocks: &BTreeMap<String, String>, major: u32) -> Verification {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, sql: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, sql).unwrap();
    };
    write("up/1_setup.sql", &blocks["setup"]);
    write("down/1_setup.sql", "-- only the second one is looked at");
    write("up/2_change.sql", &blocks["upgrade"]);
    write("down/2_change.sql", &blocks["downgrade"]);
    let mut options = Options::new(folder.path());
    options.server = servers::spec(major);
    verify(&options, &mut Silent).await.unwrap()
}

fn checks(verification: &Verification) -> Vec<CheckId> {
    verification.migrations[1].findings.iter().map(|finding| finding.check).collect()
}

#[tokio::test]
async fn the_wrong_is_found_and_the_right_is_not() {
    let mut pages = 0;
    let mut told = Vec::new();
    for check in CheckId::ALL {
        let page = explain(*check);
        let Some(wrong) = blocks(page, "Wrong") else { continue };
        let right = blocks(page, "Right").unwrap();
        pages += 1;
        for &major in servers::majors() {
            let found = checks(&climb(&wrong, major).await);
            if !found.contains(check) {
                told.push(format!("{check} on {major}: found {found:?} in the wrong one"));
            }
            let found = checks(&climb(&right, major).await);
            if !found.is_empty() {
                told.push(format!("{check} on {major}: found {found:?} in the right one"));
            }
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert_eq!(pages, 16, "every check of the climb has both examples");
}

#[test]
fn every_check_has_a_page_that_begins_with_its_id() {
    for check in CheckId::ALL {
        assert!(explain(*check).starts_with(&format!("# {check}\n")), "{check}");
        assert!(check.severity() >= Severity::Warning);
    }
}
