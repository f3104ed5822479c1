//! The workflow of a release, on a database of its own: what passes moves it, what does not leaves it alone.

use crate::actions::{JobRan, Runner};
use crate::keys;
use crate::place::{self, DOWN, Project, UP};
use crate::site::{Site, on};

pub(crate) const FILE: &str = "github/stairway-release.yml";
pub(crate) const JOBS: [&str; 4] = ["verify", "gate", "plan", "upgrade"];

const UPGRADE: &str = "Upgrade";
const HOLD: &str = "Hold what would be run now against what was approved";

fn runner<'p>(project: &'p Project, site: &Site, key: &str) -> Runner<'p> {
    let mut runner = Runner::new(project);
    let url = site.target.url_with_password();
    runner.knows("secrets.DATABASE_URL", &url);
    runner.knows("vars.DEPLOYMENT_DIR", site.directory.path().to_str().unwrap());
    runner.knows("vars.STAIRWAY_DRILL", site.path("drill.json").to_str().unwrap());
    runner.knows("secrets.STAIRWAY_GATE_KEY", key);
    runner.gives("STAIRWAY_POSTGRES", site.server.major.to_string());
    runner
}

/// A project with the migrations of a site, which has a backup that was drilled; and what runs its jobs.
fn ready(site: &Site) -> (Project, String) {
    let project = Project::of_site(site);
    let (private, public) = keys::pair();
    project.write(&[("gate.pub", &public)]).commit();
    place::backup(site);
    let drill =
        site.run(&["drill", "--quiet", "--leave-out", "rehearsal", "--report", "json=drill.json"]);
    assert_eq!(drill.code, Some(0), "{}", drill.said);
    (project, private)
}

fn results(ran: &[JobRan]) -> Vec<(&str, &str)> {
    ran.iter().map(|ran| (ran.job.as_str(), ran.result)).collect()
}

fn is_there(site: &Site) -> bool {
    let column = "SELECT count(*) FROM information_schema.columns \
                  WHERE table_name = 'orders' AND column_name = 'note'";
    site.value(column) == "1"
}

#[test]
fn it_moves_the_database_when_all_of_it_passes() {
    on(0, |site| {
        site.migration(2, UP, DOWN);
        let (project, key) = ready(&site);
        let ran = runner(&project, &site, &key).run(&place::value(FILE), &JOBS);
        let wanted = JOBS.map(|job| (job, "success"));
        assert_eq!(results(&ran), wanted, "{:#?}", ran.last().map(|ran| &ran.steps));
        assert!(is_there(&site));
        assert_eq!(site.backups().len(), 2, "with a backup of its own");
        assert!(ran[1].steps[0].summary.contains("### Stairway gate: pass"));
        let plan = ran[2].step("Look at production, and print the exact SQL");
        assert!(plan.summary.contains(UP.trim()), "who approves reads it: {}", plan.summary);
        site.nothing_is_left();
    });
}

#[test]
fn what_does_not_pass_gets_nowhere() {
    on(1, |site| {
        site.migration(2, UP, "SELECT 1;\n");
        let (project, key) = ready(&site);
        let before = site.print();
        let ran = runner(&project, &site, &key).run(&place::value(FILE), &JOBS);
        let wanted = [
            ("verify", "failure"),
            ("gate", "skipped"),
            ("plan", "skipped"),
            ("upgrade", "skipped"),
        ];
        assert_eq!(results(&ran), wanted);
        assert_eq!(site.print(), before);
    });
}

#[test]
fn the_gate_says_why_nothing_goes_out_and_nothing_does() {
    on(1, |site| {
        site.migration(2, UP, DOWN);
        let (project, key) = ready(&site);
        let workflow = place::value(FILE);
        let mut runner = runner(&project, &site, &key);
        runner.run(&workflow, &["verify"]);
        let gate = |runner: &mut Runner<'_>| runner.run(&workflow, &["gate"]).pop().unwrap();
        assert_eq!(gate(&mut runner).result, "success");
        // Somebody pushes what nobody has verified.
        project.write(&[
            ("migrations/3_it.up.sql", "SELECT 1;\n"),
            ("migrations/3_it.down.sql", "SELECT 1;\n"),
        ]);
        project.commit();
        let ran = gate(&mut runner);
        assert_eq!((ran.result, ran.steps[0].code), ("failure", 15), "{:?}", ran.steps);
        assert_eq!(ran.annotations()[0].message, "something that is required can't be told");
        assert!(ran.steps[0].summary.contains("3 is in no report"), "{}", ran.steps[0].summary);
        // What was attested before is not what would be run.
        let plan = runner.ended("gate", "success").run(&workflow, &["plan"]).pop().unwrap();
        assert_eq!((plan.result, plan.steps[0].code), ("failure", 10), "{:?}", plan.steps);
        assert!(plan.steps[0].stderr.contains("3 was not pending when it was made"));
        // A day without a drill.
        std::fs::remove_file(site.path("drill.json")).unwrap();
        let ran = gate(&mut runner);
        assert_eq!((ran.result, ran.steps[0].code), ("failure", 2), "{:?}", ran.steps);
        runner.knows("secrets.STAIRWAY_GATE_KEY", "");
        let ran = gate(&mut runner);
        assert!(ran.steps[0].stderr.contains("in the secret STAIRWAY_GATE_KEY"), "{:?}", ran.steps);
    });
}

/// Rows of production that nobody would make up.
const TOO_SMALL: &str = "-- stairway: expect-error 23514 on orders_amount_check reason: all are small\n\
                         ALTER TABLE orders ADD CONSTRAINT orders_amount_check CHECK (amount < 10);\n";

/// What somebody writes who has read the claim.
fn review(text: &str) -> String {
    format!(
        "[[gate.reviewed]]\nrevision = \"2\"\ncheck = \"data-dependent-failure\"\nsha256 = \"{}\"\n",
        stairway::report::digest(text)
    )
}

#[test]
fn what_fails_on_the_copy_leaves_the_database_and_says_so() {
    on(0, |site| {
        site.migration(2, TOO_SMALL, "ALTER TABLE orders DROP CONSTRAINT orders_amount_check;\n");
        let (project, key) = ready(&site);
        let before = site.print();
        let run = || runner(&project, &site, &key).run(&place::value(FILE), &JOBS);
        let ran = run();
        assert_eq!((ran[1].result, ran[2].result), ("failure", "skipped"));
        let why = "2: data-dependent-failure is allowed, and nobody reviewed it";
        assert!(ran[1].steps[0].summary.contains(why), "{}", ran[1].steps[0].summary);
        project.write(&[("stairway.toml", &review(TOO_SMALL))]).commit();
        let ran = run();
        let wanted = [
            ("verify", "success"),
            ("gate", "success"),
            ("plan", "success"),
            ("upgrade", "failure"),
        ];
        assert_eq!(results(&ran), wanted, "{:#?}", ran[0].steps);
        assert_eq!(ran[3].step(UPGRADE).code, 13);
        let said = &ran[3].annotations()[0].message;
        assert_eq!(said, "not upgraded (exit code 13): the database is as it was");
        assert_eq!(site.print(), before);
    });
}

#[test]
fn what_was_approved_is_what_runs() {
    on(1, |site| {
        site.migration(2, UP, DOWN);
        let (project, key) = ready(&site);
        let mut runner = runner(&project, &site, &key);
        let workflow = place::value(FILE);
        runner.run(&workflow, &["verify", "gate", "plan"]);
        // Somebody else was faster.
        let ran = site.run(&["upgrade", "--skip-backup"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        let before = site.print();
        let ran = runner.run(&workflow, &["upgrade"]).pop().unwrap();
        assert_eq!((ran.result, ran.step(HOLD).code), ("failure", 1));
        assert!(ran.annotations()[0].message.contains("is not the one of now"));
        assert_eq!(ran.steps.len(), 1, "nothing else was run");
        assert_eq!(site.print(), before);
    });
}

/// Programs in place of `stairway`, for ends that take a broken standby or a broken receiver to see.
#[test]
fn each_end_of_an_upgrade_is_said() {
    let site = Site::new(crate::servers::majors()[0]).unwrap();
    let (project, key) = ready(&site);
    for (code, ends, level, words) in [
        (40, 0, "warning", "could not be delivered"),
        (30, 30, "error", "nobody knows what the database is"),
        (31, 31, "error", "the way back was refused"),
        (11, 11, "error", "the database is as it was"),
        (143, 143, "error", "the report says what the database is"),
    ] {
        let programs = project.path().join(format!("programs-{code}"));
        let script =
            format!("#!/bin/sh\ncase \"$*\" in *--dry-run*) >now.sql;; *) exit {code};; esac\n");
        place::program(&programs, "stairway", &script);
        let mut runner = runner(&project, &site, &key);
        let path = std::env::var("PATH").unwrap();
        runner.gives("PATH", format!("{}:{path}", programs.display()));
        runner.ended("plan", "success").left("plan", "plan.sql", "");
        runner.left("attestation", "release.json", "");
        let ran = runner.run(&place::value(FILE), &["upgrade"]).pop().unwrap();
        assert_eq!(ran.step(UPGRADE).code, ends, "{:?}", ran.steps);
        let [said] = &ran.annotations()[..] else { panic!("{:?}", ran.steps) };
        assert_eq!(said.level, level);
        assert!(said.message.contains(words), "{}", said.message);
    }
}
