//! Databases that do not belong to the server's first superuser.

use crate::site::{Ran, on};

fn is_rehearsed(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    ran.says("there and back and there again").says("validated");
}

/// By its owner, who is no superuser, on a server of its own and on the same one; then by a superuser.
#[test]
fn a_database_with_an_owner_of_its_own_is_rehearsed() {
    on(1, |mut site| {
        site.sql("CREATE ROLE mig LOGIN CREATEDB");
        site.sql("CREATE DATABASE town OWNER mig");
        site.sql("ALTER DATABASE town SET search_path = app, public");
        let town = |role| site.server.target_as(role, "town").url_with_password();
        let (owner, superuser) = (town("mig"), town("postgres"));
        site.set("DATABASE_URL", owner);
        is_rehearsed(&site.run(&["upgrade"]));
        // By the setting of the database it goes into the new schema, on the copy as well.
        site.migration(
            2,
            "CREATE SCHEMA app;\nCREATE TABLE note (id int);\n",
            "DROP TABLE app.note;\nDROP SCHEMA app;\n",
        );
        is_rehearsed(&site.run(&["upgrade", "--copy-on", "same-server"]));
        site.migration(3, "CREATE TABLE late (id int);\n", "DROP TABLE late;\n");
        site.set("DATABASE_URL", superuser);
        is_rehearsed(&site.run(&["upgrade"]));
        let ran = site.run(&["validate"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        site.nothing_is_left();
    });
}
