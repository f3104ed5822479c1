//! The workflow of every night: a drill of a backup that is made here, and the whole history.

use std::fs;

use serde_json::Value;

use crate::actions::{JobRan, Runner};
use crate::place::{self, DOWN, Project, UP, backup, damage};
use crate::site::{Site, on};

pub(crate) const FILE: &str = "github/stairway-nightly.yml";
pub(crate) const JOBS: [&str; 2] = ["drill", "history"];

const DRILL: &str = "Drill the newest backup";
const CLIMB: &str = "Climb all of it on other rows than yesterday";

fn drilled(site: &Site, fetch: &str) -> JobRan {
    let project = Project::of_site(site);
    let mut runner = Runner::new(&project);
    runner.knows("vars.STAIRWAY_FETCH", fetch).knows("secrets.BACKUP_STORE_KEY", "none");
    runner.gives("STAIRWAY_POSTGRES", site.server.major.to_string());
    runner.run(&place::value(FILE), &["drill"]).pop().unwrap()
}

/// The page that is kept beside the report.
fn page(ran: &JobRan) -> String {
    fs::read_to_string(ran.folder.join("drill.html")).unwrap()
}

fn report(ran: &JobRan) -> Value {
    serde_json::from_str(&fs::read_to_string(ran.folder.join("drill.json")).unwrap()).unwrap()
}

#[test]
fn it_is_green_on_a_good_backup_and_red_on_a_damaged_one() {
    on(0, |site| {
        site.migration(2, UP, DOWN);
        let fetch = format!("cp -a '{}'/pre-* .", backup(&site).display());
        let good = drilled(&site, &fetch);
        let step = good.step(DRILL);
        assert_eq!((good.result, step.code), ("success", 0), "{}{}", step.stdout, step.stderr);
        assert!(good.annotations().is_empty(), "{}", step.stdout);
        assert_eq!(report(&good)["verdict"], "ok");
        assert!(page(&good).contains("<title>stairway drill: ok: "), "{}", page(&good));
        assert_eq!(report(&good)["pending"].as_array().unwrap().len(), 1);
        assert!(step.summary.contains("ok"), "{}", step.summary);

        damage(&site);
        let bad = drilled(&site, &fetch);
        let step = bad.step(DRILL);
        assert_eq!((bad.result, step.code), ("failure", 12), "{}{}", step.stdout, step.stderr);
        let [annotation] = &bad.annotations()[..] else { panic!("{}", step.stdout) };
        assert_eq!(annotation.title, "stairway drill");
        assert!(annotation.message.contains("there is no good one"), "{annotation:?}");
        assert_eq!(report(&bad)["verdict"], "bad-backup", "the report is kept nevertheless");
        assert!(page(&bad).contains("bad backup"), "{}", page(&bad));
        assert!(step.summary.contains("digest"), "{}", step.summary);
    });
}

/// As it is written, with a server in a container, where one can be had.
#[cfg(feature = "container")]
#[tokio::test]
async fn it_drills_in_a_container() {
    if !crate::containers::has_container().await {
        return;
    }
    let drilled = tokio::task::spawn_blocking(|| {
        let site = Site::new(crate::containers::MAJOR).unwrap();
        site.migration(2, UP, DOWN);
        let project = Project::of_site(&site);
        let mut runner = Runner::new(&project);
        let fetch = format!("cp -a '{}'/pre-* .", backup(&site).display());
        runner.knows("vars.STAIRWAY_FETCH", &fetch).knows("secrets.BACKUP_STORE_KEY", "none");
        let ran = runner.as_written().run(&place::value(FILE), &["drill"]).pop().unwrap();
        let step = ran.step(DRILL);
        assert_eq!(step.code, 0, "{}{}", step.stdout, step.stderr);
        report(&ran)
    });
    let report = drilled.await.unwrap();
    assert_eq!(
        (&report["verdict"], &report["server"]["backend"]),
        (&"ok".into(), &"container".into())
    );
}

#[test]
fn what_is_pending_and_fails_is_said() {
    on(1, |site| {
        site.migration(2, "ALTER TABLE orders ADD CHECK (amount < 10);\n", "SELECT 1;\n");
        let fetch = format!("cp -a '{}'/pre-* .", backup(&site).display());
        let ran = drilled(&site, &fetch);
        let step = ran.step(DRILL);
        assert_eq!(step.code, 13, "{}{}", step.stdout, step.stderr);
        assert!(ran.annotations()[0].message.contains("what is pending fails on it"));
    });
}

#[test]
fn without_a_command_that_fetches_it_says_what_to_set() {
    let site = Site::new(crate::servers::majors()[0]).unwrap();
    let ran = drilled(&site, "");
    let step = ran.step(DRILL);
    assert_ne!(step.code, 0);
    assert!(step.stderr.contains("in the variable STAIRWAY_FETCH"), "{}", step.stderr);
}

#[test]
fn the_whole_history_is_climbed() {
    let file = |name: &str, end: &str| format!("migrations/{name}.{end}.sql");
    let project = Project::new(&[
        (&file("1_room", "up"), "CREATE TABLE room (id int PRIMARY KEY, name text);\n"),
        (&file("1_room", "down"), "DROP TABLE room;\n"),
    ]);
    let climbed = |project: &Project| {
        let mut runner = Runner::new(project);
        runner.run(&place::value(FILE), &["history"]).pop().unwrap()
    };
    let green = climbed(&project);
    assert_eq!(green.result, "success", "{:?}", green.steps);
    assert!(green.step(CLIMB).summary.contains("1 migration"), "{}", green.step(CLIMB).summary);
    project.write(&[
        (&file("2_seats", "up"), "ALTER TABLE room DROP COLUMN name;\n"),
        (&file("2_seats", "down"), "ALTER TABLE room ADD COLUMN name text;\n"),
    ]);
    project.commit();
    let red = climbed(&project);
    assert_eq!((red.result, red.step(CLIMB).code), ("failure", 1));
    let [annotation] =
        &red.annotations().into_iter().filter(|it| it.level == "error").collect::<Vec<_>>()[..]
    else {
        panic!("{}", red.step(CLIMB).stdout)
    };
    assert_eq!(
        (annotation.file.as_str(), annotation.title.as_str()),
        ("migrations/2_seats.down.sql", "data-loss")
    );
}
