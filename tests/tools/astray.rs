//! Version tables in other schemas than `public`: tools take the first schema of the search path.

use crate::dbmate::Dbmate;
use crate::diesel::Diesel;
use crate::golang_migrate::GolangMigrate;
use crate::goose::Goose;
use crate::native::Native;
use crate::place::{self, Place};
use crate::sqlx::Sqlx;

/// Each tool that can be had here, with a server of its own.
fn on(nth: usize, test: impl Fn(&Place, &dyn Native)) {
    let sqlx = Sqlx::find().map(|it| Box::new(it) as Box<dyn Native>);
    let diesel = Diesel::find().map(|it| Box::new(it) as Box<dyn Native>);
    let dbmate = Dbmate::find().map(|it| Box::new(it) as Box<dyn Native>);
    let replayed = [Box::new(GolangMigrate) as Box<dyn Native>, Box::new(Goose)];
    let natives: Vec<Box<dyn Native>> =
        sqlx.into_iter().chain(diesel).chain(dbmate).chain(replayed).collect();
    for major in place::majors(nth) {
        for native in &natives {
            println!("{} on PostgreSQL {major}", native.name());
            test(&Place::new(major, native.as_ref()).unwrap(), native.as_ref());
        }
    }
}

/// A database whose sessions begin in the schema `app`.
fn make(place: &Place, database: &str) {
    place.make(database);
    place.sql(database, "CREATE SCHEMA app");
    look_in(place, database, "app, public");
}

fn look_in(place: &Place, database: &str, path: &str) {
    place.sql(database, &format!("ALTER DATABASE {database} SET search_path = {path}"));
}

/// With a rehearsal, on a copy whose sessions must begin there, too.
#[test]
fn the_first_schema_of_the_search_path_is_the_one() {
    on(0, |place, native| {
        let count = native.history().len();
        make(place, "theirs");
        make(place, "ours");
        native.go(place, "theirs", count);
        place.stairway("ours", "upgrade").ended(0);
        assert_eq!(place.schema("ours"), place.schema("theirs"));
        assert_eq!(place.rows("ours", native), place.rows("theirs", native));
        native.finds_nothing_to_do(place, "ours");
        place.stairway("theirs", "downgrade -1 --skip-backup").ended(0);
        assert_eq!(native.applied(place, "theirs"), count - 1);
    });
}

/// A table that its tool would not find is said, and where it could be one of two, that refuses.
#[test]
fn a_table_that_the_tool_would_not_find_is_said() {
    on(1, |place, native| {
        let table = native.table();
        make(place, "shop");
        native.go(place, "shop", 1);
        place.sql("shop", "CREATE SCHEMA first");
        look_in(place, "shop", "first, app");
        let ran = place.stairway("shop", "upgrade +1 --dry-run --skip-backup");
        ran.ended(0).says(&format!("the version table is app.{table}"));
        ran.says(&format!("{} would make another in first", native.name()));
        assert_eq!(native.applied(place, "shop"), 0, "the tool found it after all");
        // Not each tool makes its table when it is only asked.
        native.go(place, "shop", 0);

        look_in(place, "shop", "public");
        let ran = place.stairway("shop", "upgrade --skip-backup");
        ran.ended(10).says(&format!("{table} is in several schemas"));
        let revision = native.history()[0].revision;
        place.stairway("shop", &format!("stamp {revision} --reason mistaken")).ended(10);
        look_in(place, "shop", "app");
        let ran = place.stairway("shop", "upgrade +1 --skip-backup").ended(0).said.clone();
        assert!(!ran.contains("would make another"), "{ran}");
        assert_eq!(native.applied(place, "shop"), 2);
    });
}
