//! The resources of Kubernetes: what they are made of fits together, and what the drill's container is told is run
//! here, on a server that is there already and on one that the commands of the ConfigMap make.
//!
//! There is no cluster: a stand-in for kubectl plays it. `tests/kit/checkers.rs` has the schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::actions::text;
use crate::place::{self, DOWN, UP, backup, damage};
use crate::repository::{self, Ran};
use crate::servers::{self, TestServer};
use crate::site::{Site, on};
use crate::yaml;

pub(crate) const FILES: [&str; 2] = [BESIDE, BY_COMMAND];
const BESIDE: &str = "kubernetes/drill-cronjob.yaml";
const BY_COMMAND: &str = "kubernetes/drill-cronjob-command.yaml";

fn resources(file: &str) -> Vec<Value> {
    yaml::documents(&place::text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn of_kind(file: &str, kind: &str) -> Value {
    let found: Vec<Value> = resources(file).into_iter().filter(|it| it["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind} in {file}");
    found[0].clone()
}

/// The scripts of the ConfigMap, by name.
pub(crate) fn engine() -> Vec<(String, String)> {
    let data = of_kind(BY_COMMAND, "ConfigMap")["data"].as_object().unwrap().clone();
    data.into_iter().map(|(name, script)| (name, text(&script))).collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn pod(file: &str) -> Value {
    of_kind(file, "CronJob")["spec"]["jobTemplate"]["spec"]["template"].clone()
}

fn drill(pod: &Value) -> Value {
    let containers = list(&pod["spec"]["containers"]);
    assert_eq!((containers.len(), &containers[0]["name"]), (1, &Value::from("drill")));
    containers[0].clone()
}

/// Its variables; those that the cluster fills in are what `given` says.
fn variables<'v>(container: &'v Value, given: &[(&str, &str)]) -> BTreeMap<String, String> {
    let of = |variable: &'v Value| {
        let name = text(&variable["name"]);
        let value = match variable["value"].as_str() {
            Some(value) => value.to_owned(),
            None => given.iter().find(|(known, _)| *known == name).unwrap().1.to_owned(),
        };
        (name, value)
    };
    container["env"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn their_parts_fit_together() {
    for file in FILES {
        let (pod, cron) = (pod(file), of_kind(file, "CronJob"));
        let hours: Vec<&str> = cron["spec"]["schedule"].as_str().unwrap().split(' ').collect();
        assert_eq!(hours.len(), 5, "{file}");
        let spec = &pod["spec"];
        assert_eq!(spec["restartPolicy"], "Never", "a bad backup is no better the second time");
        let names = |of: &Value| -> BTreeSet<String> {
            list(of).iter().map(|it| text(&it["name"])).collect()
        };
        let mut mounted = BTreeSet::new();
        for container in [list(&spec["initContainers"]), list(&spec["containers"])].concat() {
            mounted.extend(names(&container["volumeMounts"]));
            let confined = &container["securityContext"];
            assert_eq!(confined["allowPrivilegeEscalation"], false, "{file}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{file}");
        }
        assert_eq!(mounted, names(&spec["volumes"]), "{file}");
        // What is restored speaks to nobody: a policy without a rule for what goes out.
        let policy = of_kind(file, "NetworkPolicy");
        let selected = &policy["spec"]["podSelector"]["matchLabels"];
        let labels = if file == BESIDE {
            pod["metadata"]["labels"].clone()
        } else {
            made("drill-7", "uid-7").1["metadata"]["labels"].clone()
        };
        assert_eq!(selected, &labels, "{file}");
        assert!(policy["spec"]["policyTypes"].as_array().unwrap().contains(&"Egress".into()));
        assert!(policy["spec"]["egress"].is_null());
    }
    let account = &pod(BY_COMMAND)["spec"]["serviceAccountName"];
    let binding = of_kind(BY_COMMAND, "RoleBinding");
    assert_eq!(&of_kind(BY_COMMAND, "ServiceAccount")["metadata"]["name"], account);
    assert_eq!(&binding["subjects"][0]["name"], account);
    assert_eq!(binding["roleRef"]["name"], of_kind(BY_COMMAND, "Role")["metadata"]["name"]);
    // A server beside the drill listens where the drill looks for it.
    let server = &list(&pod(BESIDE)["spec"]["initContainers"])[0];
    assert_eq!(server["restartPolicy"], "Always", "it runs beside the drill");
    assert!(server["args"].as_array().unwrap().contains(&"listen_addresses=127.0.0.1".into()));
}

/// What the drill's container is told, run here.
fn run(site: &Site, file: &str, given: &[(&str, &str)], more: &[(&str, String)]) -> Ran {
    let container = drill(&pod(file));
    let mut all: Vec<(String, String)> = variables(&container, given).into_iter().collect();
    for (name, value) in &mut all {
        match name.as_str() {
            "BACKUP_DIR" => *value = site.path("backups/migrations").display().to_string(),
            "DEPLOYMENT_DIR" => *value = site.directory.path().display().to_string(),
            _ => {}
        }
    }
    let mut all: Vec<(&str, String)> =
        all.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    all.extend(more.iter().cloned());
    let mut command = Command::new(env!("CARGO_BIN_EXE_stairway"));
    command.args(container["args"].as_array().unwrap().iter().map(text));
    repository::as_here(&mut command, site.directory.path(), &all);
    Ran::of(&command.output().unwrap())
}

/// Nothing of the drill is left on the server: neither databases nor roles.
fn is_clean(server: &TestServer) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut session = server.session("postgres").await;
        let left = "SELECT (SELECT count(*) FROM pg_database WHERE datname LIKE 'stairway%') \
                    + (SELECT count(*) FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%') - 1";
        session.value(left).await.unwrap().unwrap() == "0"
    })
}

#[test]
fn it_drills_on_a_server_that_is_there() {
    on(0, |site| {
        site.sql("CREATE ROLE shopkeeper; ALTER TABLE orders OWNER TO shopkeeper");
        site.migration(2, UP, DOWN);
        backup(&site);
        let other = servers::server(site.server.major).unwrap();
        let url = other.target("postgres").url_with_password();
        let beside = variables(&drill(&pod(BESIDE)), &[]);
        assert_eq!(beside["STAIRWAY_SERVER"], "postgres://postgres@127.0.0.1/postgres");
        let more = [("STAIRWAY_SERVER", url)];
        let good = run(&site, BESIDE, &[], &more);
        assert_eq!(good.code, 0, "{}{}", good.stdout, good.stderr);
        assert!(is_clean(&other));
        damage(&site);
        let bad = run(&site, BESIDE, &[], &more);
        assert_eq!(bad.code, 12, "{}{}", bad.stdout, bad.stderr);
    });
}

/// Writes the scripts of the ConfigMap, and a stand-in for kubectl that says that a pod is where `address` is.
fn engine_in(folder: &Path, address: &str) {
    for (name, script) in engine() {
        place::program(folder, &name, &script);
    }
    let kubectl = format!(
        "#!/bin/sh\nfolder='{}'\necho \"$*\" >>\"$folder/calls\"\ncase $1 in\n    \
         create) cat >>\"$folder/made.yaml\" ;;\n    get) printf %s '{address}' ;;\nesac\n",
        folder.display()
    );
    place::program(&folder.join("programs"), "kubectl", &kubectl);
}

/// The resources that the create command makes for the pod of a drill: a secret and a pod.
fn made(pod: &str, uid: &str) -> (Value, Value) {
    let scratch = repository::scratch();
    let folder = scratch.path();
    engine_in(folder, "10.0.0.7");
    let path = format!("{}:{}", folder.join("programs").display(), std::env::var("PATH").unwrap());
    let variables = [
        ("PATH", path),
        ("POD_NAME", pod.to_owned()),
        ("POD_UID", uid.to_owned()),
        ("SERVER_IMAGE", "postgres:15".to_owned()),
    ];
    let ran = repository::bash(folder, &variables, &["create"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let made = fs::read_to_string(folder.join("made.yaml")).unwrap();
    let made = yaml::documents(&made).unwrap_or_else(|error| panic!("{error}\n{made}"));
    let [secret, server] = &made[..] else { panic!("{made:?}") };
    let password = text(&secret["stringData"]["password"]);
    assert_eq!(ran.stdout, format!("postgres://postgres:{password}@10.0.0.7/postgres\n"));
    assert!(password.len() == 48 && !ran.stderr.contains(&password));
    (secret.clone(), server.clone())
}

#[test]
fn the_create_command_makes_a_pod_that_goes_with_the_drill() {
    let (secret, server) = made("drill-7", "uid-7");
    for resource in [&secret, &server] {
        let owner = &resource["metadata"]["ownerReferences"][0];
        assert_eq!(
            (&owner["kind"], &owner["name"], &owner["uid"]),
            (&"Pod".into(), &"drill-7".into(), &"uid-7".into())
        );
        assert_eq!(resource["metadata"]["name"], "drill-7-server");
    }
    let container = &server["spec"]["containers"][0];
    assert_eq!(container["image"], "postgres:15");
    assert_eq!(container["env"][1]["valueFrom"]["secretKeyRef"]["name"], "drill-7-server");
    let again = made("drill-7", "uid-7").0;
    assert_ne!(secret["stringData"], again["stringData"], "each has a password of its own");
}

#[test]
fn it_drills_on_a_server_that_its_commands_make_and_destroy() {
    on(1, |site| {
        site.migration(2, UP, DOWN);
        backup(&site);
        let other = servers::server(site.server.major).unwrap();
        let scratch = repository::scratch();
        let folder = scratch.path();
        // The tests' server listens on a socket, whose folder stands where the pod's address would.
        let url = other.target("postgres").url_with_password();
        let host = url.split('@').next_back().unwrap().split('/').next().unwrap();
        engine_in(folder, host);
        let path = format!(
            "{}:{}",
            folder.join("programs").display(),
            repository::path().into_string().unwrap()
        );
        let here = |name: &str| format!("sh '{}'", folder.join(name).display());
        let known = variables(&drill(&pod(BY_COMMAND)), &[("POD_NAME", ""), ("POD_UID", "")]);
        assert_eq!(known["STAIRWAY_SERVER_CREATE"], "sh /engine/create");
        assert_eq!(known["STAIRWAY_SERVER_DESTROY"], "sh /engine/destroy");
        let more = [
            ("PATH", path),
            ("STAIRWAY_SERVER_CREATE", here("create")),
            ("STAIRWAY_SERVER_DESTROY", here("destroy")),
        ];
        let given = [("POD_NAME", "drill-7"), ("POD_UID", "uid-7")];
        let ran = run(&site, BY_COMMAND, &given, &more);
        assert_eq!(ran.code, 0, "{url} {}{}", ran.stdout, ran.stderr);
        let calls = fs::read_to_string(folder.join("calls")).unwrap();
        let calls: Vec<&str> = calls.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(calls, ["create", "wait", "get", "delete"]);
        assert!(is_clean(&other));
    });
}
