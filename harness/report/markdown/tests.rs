//! Markdown of hand-made reports. Knows nothing of servers.

use super::super::samples;
use super::{LIMIT, markdown, unfinished};
use crate::finding::{CheckId, Finding};
use crate::report::Root;

#[test]
fn a_comment_is_escaped_and_folded() {
    insta::assert_snapshot!(markdown(&samples::nasty(), &Root::at("/repo", "/repo")));
}

#[test]
fn a_long_report_is_cut_and_says_so() {
    let mut report = samples::empty();
    for at in 0..3000 {
        let mut migration = samples::migration(&at.to_string(), "<<<<&&&&>>>>", Vec::new());
        if at % 10 == 0 {
            let finding = Finding::new(CheckId::SchemaDrift, format!("drift {at}"))
                .detail("é\n".repeat(500))
                .in_file("migrations/x.sql");
            migration = samples::migration(&at.to_string(), "bad", vec![finding]);
        }
        report.migrations.push(migration);
    }
    let text = markdown(&report, &Root::at("/repo", "/repo"));
    assert!(text.len() > LIMIT / 2, "{} bytes", text.len());
    assert!(text.len() <= 65_536, "{} bytes", text.len());
    let shown = text.matches("#### error").count();
    assert!(shown > 10);
    let said = format!("{} findings were left out", 300 - shown);
    assert!(text.contains(&said), "{said}");
    assert!(text.contains("... 440 lines more"));
    let rows = text.lines().filter(|line| line.starts_with("| ")).count() - 1;
    let said = format!("{} migrations not in this table.", 3000 - rows);
    assert!(text.contains(&said), "{said}");
    // Those that failed are the ones which are shown.
    assert_eq!(text.matches("FAIL: schema-drift").count(), 300.min(rows));
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
}

#[test]
fn one_endless_finding_does_not_break_the_limit() {
    let mut report = samples::empty();
    let endless = "@`|<é".repeat(100_000);
    let finding = Finding::new(CheckId::SchemaDrift, &endless).detail(&endless).help(&endless);
    report.findings.push(samples::reported(finding));
    let text = markdown(&report, &Root::at("/repo", "/repo"));
    assert!(text.contains("#### error: `schema-drift`"));
    assert!(text.len() <= 65_536, "{} bytes", text.len());
}

#[test]
fn a_run_without_a_verdict_is_one_line() {
    let text = unfinished(&samples::unfinished());
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains("no 100% server caused by: &lt;&amp;&gt; ::end"), "{text}");
}
