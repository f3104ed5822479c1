//! `ci/release`: what is in the binary is listed as cargo resolves it, notes are the changelog's top section, and what can't be
//! made is said. The binary itself takes another compiler and minutes, so it is not made here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const TARGET: &str = "x86_64-unknown-linux-musl";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn release(folder: &Path, parts: &[&str]) -> Output {
    Command::new(root().join("ci/release"))
        .arg("--into")
        .arg(folder)
        .args(parts)
        .env("STAIRWAY", env!("CARGO_BIN_EXE_stairway"))
        .output()
        .unwrap()
}

/// Runs what must end well.
fn made(parts: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = release(folder.path(), parts);
    assert!(output.status.success(), "{output:?}");
    folder
}

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// What cargo says of all packages for the target.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The ids of all packages that the program needs to run, by way of dependencies that are neither of builds nor of tests.
fn needed(metadata: &Value) -> BTreeSet<&str> {
    let resolve = &metadata["resolve"];
    let nodes = resolve["nodes"].as_array().unwrap();
    let nodes: BTreeMap<&str, &Value> =
        nodes.iter().map(|node| (node["id"].as_str().unwrap(), node)).collect();
    let root = resolve["root"].as_str().unwrap();
    let (mut found, mut open) = (BTreeSet::new(), vec![root]);
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            let id = dependency["pkg"].as_str().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) && found.insert(id) {
                open.push(id);
            }
        }
    }
    found
}

#[test]
fn the_list_has_every_package_that_is_in_the_binary() {
    if Command::new("jq").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no jq here, so nothing is listed");
        return;
    }
    let folder = made(&["sbom"]);
    let list: Value = serde_json::from_str(&text(folder.path(), "stairway.cdx.json")).unwrap();
    assert_eq!((&list["bomFormat"], &list["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let own = &list["metadata"]["component"];
    assert_eq!(
        (&own["name"], &own["version"]),
        (&"stairway".into(), &env!("CARGO_PKG_VERSION").into())
    );
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |it: &Value| {
        format!("{} {}", it["name"].as_str().unwrap(), it["version"].as_str().unwrap())
    };
    let components = list["components"].as_array().unwrap();
    let listed: BTreeSet<String> = components.iter().map(name).collect();
    assert_eq!(listed.len(), components.len(), "one is listed twice");
    assert!(listed.len() > 100, "{listed:?}");
    // Nothing but what is needed by way of dependencies that are neither of builds nor of tests.
    let needed = needed(&metadata);
    let wanted = packages.iter().filter(|it| needed.contains(it["id"].as_str().unwrap()));
    let wanted: BTreeSet<String> = wanted.map(name).collect();
    let more: Vec<&String> = listed.difference(&wanted).collect();
    assert!(more.is_empty(), "not needed: {more:?}");
    // And all that it can't do without: what any of them has as a dependency that is no option, and the program's own.
    let names: BTreeSet<&str> = components.iter().map(|it| it["name"].as_str().unwrap()).collect();
    for package in
        packages.iter().filter(|it| listed.contains(&name(it)) || it["name"] == "stairway")
    {
        let is_own = package["name"] == "stairway";
        for dependency in package["dependencies"].as_array().unwrap() {
            let is_certain = is_own || dependency["optional"] == false;
            let is_here = dependency["kind"].is_null() && dependency["target"].is_null();
            let name = dependency["name"].as_str().unwrap();
            assert!(
                !(is_certain && is_here) || names.contains(name),
                "{name} of {}",
                package["name"]
            );
        }
    }
    let lock = text(&root(), "Cargo.lock");
    for component in components {
        let (name, version) =
            (component["name"].as_str().unwrap(), component["version"].as_str().unwrap());
        assert_eq!(component["purl"], format!("pkg:cargo/{name}@{version}"));
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        let hash = component["hashes"][0]["content"].as_str().unwrap();
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        let entry = &lock[lock.find(&entry).unwrap()..];
        assert!(entry[..entry.find("\n[[").unwrap_or(entry.len())].contains(hash), "{name}");
    }
    // What only tests need is not in it.
    assert!(!listed.iter().any(|it| it.starts_with("criterion ")), "{listed:?}");
}

#[test]
fn notes_are_the_top_section_of_the_changelog() {
    let folder = made(&["notes"]);
    let notes = text(folder.path(), "NOTES.md");
    let changelog = text(&root(), "CHANGELOG.md");
    let section = changelog.split("\n## ").nth(1).unwrap().split_once('\n').unwrap().1;
    let title = format!("# Stairway {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(notes.trim_end(), format!("{title}{section}").trim_end());
    assert!(notes.lines().count() > 3, "{notes}");
}

#[test]
fn the_kit_has_pages_completions_and_sums_of_all_of_it() {
    let folder = made(&["man", "completions", "sums"]);
    let sums = text(folder.path(), "SHA256SUMS");
    let mut names = Vec::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let text = text(folder.path(), name);
        assert_eq!(sum, stairway::report::digest(&text), "{name}");
        assert!(!text.is_empty(), "{name}");
        names.push(name);
    }
    for name in [
        "man/stairway.1",
        "man/stairway-verify.1",
        "completions/stairway.bash",
        "completions/_stairway",
    ] {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
}

/// Without rustup, a C compiler and jq, as on a machine that was just made.
#[test]
fn what_is_missing_is_said_and_the_rest_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    let link =
        |name: &str, path: &Path| std::os::unix::fs::symlink(path, programs.join(name)).unwrap();
    for name in [
        "bash", "env", "dirname", "sed", "head", "mkdir", "awk", "find", "sort", "cat", "grep",
        "rm",
    ] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|it| it.join(name))
            .find(|it| it.is_file());
        link(name, &found.unwrap());
    }
    link("cargo", Path::new(env!("CARGO")));
    let kit = folder.path().join("kit");
    let output = Command::new(root().join("ci/release"))
        .arg("--into")
        .arg(&kit)
        .args(["binary", "sbom", "notes"])
        .env("PATH", &programs)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for words in [
        "binary: not made",
        "rustup target add x86_64-unknown-linux-musl",
        "musl-tools",
        "sbom: not made",
        "apt-get install jq",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(kit.join("NOTES.md").is_file() && !kit.join("stairway").exists());
}

#[test]
fn an_unknown_part_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = release(folder.path(), &["notes", "sbomb"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("sbomb") && said.contains("binary man completions"), "{said}");
    assert!(!folder.path().join("NOTES.md").exists());
}
