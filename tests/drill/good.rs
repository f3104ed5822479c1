//! Good backups in all forms: none is refused, and nothing is left unchecked.

use std::path::PathBuf;
use std::process::Command;

use stairway::backup::Format;

use crate::servers;
use crate::yard::Yard;

/// What a database may hold that is no reason to refuse a backup of it.
const ODD: &str = "CREATE EXTENSION hstore; \
    CREATE ROLE \"App Owner\"; \
    CREATE SCHEMA \"Odd Schema\" AUTHORIZATION \"App Owner\"; \
    CREATE TABLE \"Odd Schema\".\"It's\" (id serial PRIMARY KEY, word text, h hstore, \
      twice int GENERATED ALWAYS AS (length(word) * 2) STORED); \
    INSERT INTO \"Odd Schema\".\"It's\" (word, h) VALUES ('a', 'a=>1'), (NULL, NULL); \
    ALTER TABLE \"Odd Schema\".\"It's\" OWNER TO \"App Owner\"; \
    GRANT SELECT ON customer TO \"App Owner\"; \
    CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS one WITH NO DATA; \
    CREATE SEQUENCE down INCREMENT -3 MAXVALUE 10 START 10; SELECT nextval('down'); \
    CREATE TABLE part (id int, at date) PARTITION BY RANGE (at); \
    CREATE TABLE part_all PARTITION OF part DEFAULT; CREATE INDEX ON part (at); \
    INSERT INTO part VALUES (1, '2024-01-01'); \
    ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey; \
    ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customer NOT VALID; \
    ALTER TABLE customer ENABLE ROW LEVEL SECURITY; \
    CREATE POLICY own ON customer TO \"App Owner\" USING (id > 3); \
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note = 'x'; RETURN NEW; END $$; \
    CREATE TRIGGER touch BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch(); \
    SELECT lo_from_bytea(0, '\\xdead'); \
    CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES";

fn packed(path: PathBuf, program: &str, ending: &str) -> PathBuf {
    let packed = PathBuf::from(format!("{}.{ending}", path.display()));
    let out = std::fs::File::create(&packed).unwrap();
    let ran = Command::new(program).arg("-c").arg(&path).stdout(out).status().unwrap();
    assert!(ran.success());
    std::fs::remove_file(path).unwrap();
    packed
}

#[tokio::test]
async fn no_good_backup_is_refused() {
    for major in servers::majors() {
        let yard = Yard::new(*major).await;
        yard.furnish("odd").await;
        yard.ground.run("odd", ODD).await;
        let mut backups: Vec<PathBuf> = Vec::new();
        for (nth, format) in [Format::Custom, Format::Directory { jobs: 2 }].into_iter().enumerate()
        {
            backups.push(yard.ours("odd", &format!("ours{nth}"), format).await.path);
        }
        backups.push(yard.plainly("odd", "ours2").await.path);
        backups.push(yard.ours("shop", "ours3", Format::Custom).await.path);
        for (name, words) in [
            ("it.dump", &["-Fc"][..]),
            ("it.folder", &["-Fd", "-j2"]),
            ("it.tar", &["-Ft"]),
            ("it.sql", &["-Fp"]),
            ("rows.sql", &["-Fp", "--inserts", "--rows-per-insert=50"]),
            ("owners.sql", &["-Fp", "--no-owner", "--no-privileges"]),
            ("quoted.dump", &["-Fc", "-Z0", "--quote-all-identifiers"]),
        ] {
            backups.push(yard.foreign("odd", name, words));
        }
        let plain = yard.foreign("odd", "packed.sql", &["-Fp"]);
        backups.push(packed(plain, "gzip", "gz"));
        backups.push(packed(yard.foreign("odd", "packed.dump", &["-Fc", "-Z0"]), "zstd", "zst"));
        backups.push(packed(yard.foreign("odd", "other.sql", &["-Fp"]), "xz", "xz"));
        backups.push(packed(yard.foreign("odd", "packed.tar", &["-Ft"]), "bzip2", "bz2"));
        assert!(backups.len() >= 10);
        for backup in backups {
            let ran = yard.of(&backup, &["--jobs", "2", "--max-age", "1h"]);
            assert_eq!(ran.code, 0, "{}: {:#}\n{}", backup.display(), ran.report, ran.stderr);
            ran.is(0, "ok");
            assert_eq!(ran.report["tried"][0]["good"], true);
            assert_eq!(ran.report["last_good"], backup.to_str().unwrap());
            assert!(ran.report["rto"]["seconds"].as_f64().unwrap() > 0.0);
            assert!(ran.report["rpo"].as_f64().unwrap() < 3600.0);
            let checks = ran.report["checks"].as_array().unwrap();
            assert!(
                checks.iter().all(|it| ["held", "absent"].contains(&it["ended"].as_str().unwrap()))
            );
            let has_manifest = ran.report["tried"][0]["manifest"] == true;
            let rows = if has_manifest { "held" } else { "absent" };
            assert_eq!(ran.check("rows").0, rows);
            for made in ["restore", "foreign-keys", "indexes", "sequences", "matviews", "amcheck"] {
                assert_eq!(ran.check(made).0, "held", "{made} of {}", backup.display());
            }
        }
        yard.end().await;
    }
}

/// What is proven is written down: a retention relies on it, and a person sees it.
#[tokio::test]
async fn what_is_proven_is_written_down() {
    let yard = Yard::new(servers::majors()[0]).await;
    let backup = yard.ours("shop", "store", Format::Custom).await;
    assert_eq!(u8::from(backup.manifest.level), 0);
    let level = || {
        let listing = stairway::backup::Store::at(backup.path.parent().unwrap()).list().unwrap();
        u8::from(listing.backups[0].manifest.level)
    };
    yard.of(&backup.path, &["--leave-out", "amcheck"]).is(0, "ok");
    assert_eq!(level(), 3, "without a check it is not proven");
    yard.of(&backup.path, &[]).is(0, "ok");
    assert_eq!(level(), 4);
    yard.end().await;
}
