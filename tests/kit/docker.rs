//! The image and the compose file: read by docker-compose, their commands run by the program as it is, and, where
//! a Docker engine answers, built and run.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::actions::text;
use crate::place::{self, DOWN, UP, backup, damage};
use crate::repository::{self, Ran};
use crate::site::{Site, on};

const COMPOSE: &str = "docker/compose.yml";
const DOCKERFILE: &str = "docker/Dockerfile";

fn services() -> BTreeMap<String, Value> {
    let services = place::value(COMPOSE)["services"].as_object().unwrap().clone();
    services.into_iter().collect()
}

/// The variables that the image sets.
fn image_variables() -> Vec<(String, String)> {
    let text = place::text(DOCKERFILE).replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| line.strip_prefix("ENV "));
    let pairs = lines.flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A service's command without a container, with its places on this machine.
fn run(site: &Site, service: &str) -> Ran {
    let about = services()[service].clone();
    let scratch = repository::scratch();
    let own = |value: &str| {
        value
            .replace("/var/lib/stairway", scratch.path().to_str().unwrap())
            .replace("/backups", site.path("backups/migrations").to_str().unwrap())
            .replace("/deployment", site.directory.path().to_str().unwrap())
    };
    let pairs = image_variables().into_iter().map(|(name, value)| (name, own(&value)));
    let pairs: Vec<(String, String)> = pairs.collect();
    let mut variables: Vec<(&str, String)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    if about["environment"].as_array().is_some_and(|them| them.contains(&"DATABASE_URL".into())) {
        variables.push(("DATABASE_URL", site.target.url_with_password()));
    }
    variables.push(("STAIRWAY_POSTGRES", site.server.major.to_string()));
    let words: Vec<String> = about["command"].as_array().unwrap().iter().map(text).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stairway"));
    repository::as_here(&mut command, site.directory.path(), &variables);
    Ran::of(&command.args(words).output().unwrap())
}

#[test]
fn the_commands_of_the_services_run() {
    on(0, |site| {
        site.migration(2, UP, DOWN);
        let verify = run(&site, "verify");
        assert_eq!(verify.code, 0, "{}{}", verify.stdout, verify.stderr);
        backup(&site);
        let drill = run(&site, "drill");
        assert_eq!(drill.code, 0, "{}{}", drill.stdout, drill.stderr);
        damage(&site);
        assert_eq!(run(&site, "drill").code, 12);
        let upgrade = run(&site, "upgrade");
        assert_eq!(upgrade.code, 0, "{}{}", upgrade.stdout, upgrade.stderr);
        assert!(site.print().contains("note"));
        assert_eq!(services().len(), 3, "each is run here");
    });
}

/// docker-compose, by either of its names, or nothing where there is none (which is then said).
fn compose() -> Option<Vec<&'static str>> {
    let is_there = |words: &&[&str]| {
        let output = Command::new(words[0]).args(&words[1..]).arg("version").output();
        output.is_ok_and(|output| output.status.success())
    };
    let known: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];
    let found = known.into_iter().find(is_there).map(<[&str]>::to_vec);
    if found.is_none() {
        eprintln!("SKIPPED: there is no docker compose here, the compose file is not read by it");
    }
    found
}

#[test]
fn compose_reads_its_file() {
    let Some(words) = compose() else { return };
    let read = |text: &str| {
        let scratch = repository::scratch();
        fs::write(scratch.path().join("compose.yml"), text).unwrap();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--file", "compose.yml", "config"]);
        command.args(["--services"]).env("COMPOSE_PROFILES", "stairway");
        command.current_dir(scratch.path()).output().unwrap()
    };
    let output = read(&place::text(COMPOSE));
    assert!(output.status.success(), "{output:?}");
    let named = String::from_utf8(output.stdout).unwrap();
    let mut named: Vec<&str> = named.split_whitespace().collect();
    named.sort_unstable();
    assert_eq!(named, services().keys().collect::<Vec<_>>());
    let wrong = place::text(COMPOSE).replace("command: [upgrade]", "comand: [upgrade]");
    assert!(!read(&wrong).status.success());
}

#[cfg(feature = "container")]
mod built {
    //! With a Docker engine: the Dockerfile as it is, on images of this machine, and the services in it.

    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Output;

    use super::{COMPOSE, Command, DOCKERFILE, compose};
    use crate::containers::{MAJOR, has_container};
    use crate::place::{self, DOWN, Project, UP, backup, damage};
    use crate::site::Site;

    /// In place of the image with a compiler: one whose cargo installs the program of these tests.
    const CARGO: &str = "#!/bin/sh\n\
        [ \"$*\" = 'install --locked --root /stairway --git https://git.example.org/stairway.git stairway' ] \
        || { echo \"unexpected: $*\" >&2; exit 1; }\n\
        mkdir -p /stairway/bin && cp /usr/local/bin/stairway-built /stairway/bin/stairway\n";

    /// By which the images of one test are known.
    const LABEL: &str = "stairway.kit";

    /// Images, volumes and networks of one test, which go with it.
    struct Images {
        tag: String,
        folder: tempfile::TempDir,
    }

    impl Images {
        /// The one with a compiler, and the server's under a name of its own.
        fn new() -> Self {
            let folder = crate::repository::scratch();
            let tag = folder.path().file_name().unwrap().to_str().unwrap();
            let tag = tag.trim_start_matches('.').to_lowercase();
            let images = Self { tag, folder };
            let context = images.folder.path();
            place::program(context, "cargo", CARGO);
            fs::copy(env!("CARGO_BIN_EXE_stairway"), context.join("stairway-built")).unwrap();
            // What is built on it has the label as well.
            let from = format!(
                "FROM postgres:{MAJOR}\nLABEL {LABEL}={}\nCOPY cargo stairway-built /usr/local/bin/\n",
                images.tag
            );
            fs::write(context.join("Dockerfile"), from).unwrap();
            let rust = images.rust();
            let words = ["build", "--quiet", "--tag", &rust, context.to_str().unwrap()];
            docker(&words);
            docker(&["tag", &format!("postgres:{MAJOR}"), &format!("postgres:{}", images.tag)]);
            images
        }

        fn rust(&self) -> String {
            format!("stairway-rust:{}", self.tag)
        }

        /// A command of compose in a project's folder.
        fn compose(&self, project: &Path, more: &[(&str, &str)], words: &[&str]) -> Output {
            let program = compose().expect("a docker compose where there is an engine");
            let mut command = Command::new(program[0]);
            command.args(&program[1..]).args(["--project-name", &self.tag]);
            command.args(words).current_dir(project);
            command.env("POSTGRES", &self.tag).env("RUST", self.rust());
            command.env("STAIRWAY_GIT_URL", "https://git.example.org/stairway.git");
            command.envs(more.iter().copied()).output().unwrap()
        }
    }

    impl Drop for Images {
        fn drop(&mut self) {
            let project = self.folder.path();
            fs::write(project.join("compose.yml"), place::text(COMPOSE)).unwrap();
            let down = ["down", "--volumes", "--remove-orphans"];
            let _ = self.compose(project, &[], &down);
            let filter = format!("label={LABEL}={}", self.tag);
            let listed = ["image", "ls", "--all", "--quiet", "--filter", &filter];
            let listed = Command::new("docker").args(listed).output();
            let listed = listed.map(|output| output.stdout).unwrap_or_default();
            let listed = String::from_utf8_lossy(&listed);
            let names = ["stairway", "postgres"].map(|name| format!("{name}:{}", self.tag));
            let all = listed.split_whitespace().chain(names.iter().map(String::as_str));
            let _ = Command::new("docker").args(["image", "rm", "--force"]).args(all).output();
        }
    }

    fn docker(words: &[&str]) {
        let output = Command::new("docker").args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    #[tokio::test]
    async fn the_image_verifies_and_drills() {
        if !has_container().await {
            return;
        }
        tokio::task::spawn_blocking(verifies_and_drills).await.unwrap();
    }

    fn verifies_and_drills() {
        let site = Site::new(MAJOR).unwrap();
        site.migration(2, UP, DOWN);
        let project = Project::of_site(&site);
        project.write(&[
            ("compose.yml", &place::text(COMPOSE)),
            ("Dockerfile", &place::text(DOCKERFILE)),
        ]);
        let backups = backup(&site);
        // Whoever copies them lets the container's user read and write.
        open(&backups);
        open(site.directory.path());
        let images = Images::new();
        let built = images.compose(project.path(), &[], &["build", "verify"]);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let folder = backups.to_str().unwrap();
        let run = |service: &str| {
            let words = ["run", "--rm", service];
            let output = images.compose(project.path(), &[("BACKUPS", folder)], &words);
            let said = [output.stdout, output.stderr].concat();
            (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
        };
        let (code, said) = run("verify");
        assert!(code == 0 && said.contains("pass: 2 migrations climbed"), "{code}: {said}");
        let (code, said) = run("drill");
        assert_eq!(code, 0, "{said}");
        project.write(&[("migrations/2_it.down.sql", "SELECT 1;\n")]);
        let (code, said) = run("verify");
        assert!(code == 1 && said.contains("error[schema-drift]"), "{code}: {said}");
        damage(&site);
        let (code, said) = run("drill");
        assert_eq!(code, 12, "{said}");
    }

    fn open(path: &Path) {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                open(&entry.unwrap().path());
            }
        }
    }
}
