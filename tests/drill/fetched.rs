//! A backup that a command brings.

use std::fs;

use stairway::backup::Format;

use crate::servers;
use crate::yard::Yard;

#[tokio::test]
async fn a_command_brings_a_backup_and_nothing_of_it_stays() {
    for major in servers::majors() {
        let yard = Yard::new(*major).await;
        let runtime = tempfile::tempdir_in("/tmp").unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(runtime.path(), open).unwrap();
        let drill = |command: &str| {
            let mut drill = yard.command(&["--fetch", command]);
            let output = drill.env("STAIRWAY_RUNTIME", runtime.path()).output().unwrap();
            let ran = crate::yard::Ran::of(&output);
            assert_eq!(fs::read_dir(runtime.path()).unwrap().count(), 0, "something is left");
            ran
        };
        let dump = yard.foreign("shop", "far/nightly.sql", &["-Fp"]);
        let ran = drill(&format!("gzip -c {} > \"$STAIRWAY_FETCH_TO\"/it.sql.gz", dump.display()));
        ran.is(0, "ok");
        assert_eq!(ran.report["tried"][0]["kind"], "plain, gzip");
        let phases = ran.report["phases"].as_array().unwrap();
        let names: Vec<&str> = phases.iter().map(|it| it["name"].as_str().unwrap()).collect();
        let begin = ["fetch", "verify", "unpack", "server", "restore", "analyze", "query", "prove"];
        assert_eq!(names[..8], begin);
        let until: f64 = phases[..6].iter().map(|it| it["seconds"].as_f64().unwrap()).sum();
        let rto = ran.report["rto"]["seconds"].as_f64().unwrap();
        assert!(rto >= until, "from the start of fetching, with ANALYZE: {rto} and {until}");
        // Ours with its manifest, in the folder that the command is run in.
        let backup = yard.ours("shop", "store", Format::Custom).await;
        let folder = backup.path.parent().unwrap().display().to_string();
        let ran = drill(&format!("cp -r {folder}/. ."));
        ran.is(0, "ok");
        assert_eq!(ran.check("rows").0, "held");
        let ran = drill("echo 'https://u:s3cret@store/x is not there' >&2; exit 7");
        ran.is(12, "bad-backup").says("the command that fetches a backup ended with exit code 7: ");
        assert!(!ran.report.to_string().contains("s3cret"), "{:#}", ran.report);
        drill("true").is(12, "bad-backup").says("there is no backup in what the command fetched");
        yard.end().await;
    }
}
