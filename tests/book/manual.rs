//! The pages of the manual: one for each verb, with each of its flags, which groff and mandoc can set.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use stairway::exit::Exit;

use crate::commands::helps;
use crate::program::program;

/// Writes all pages into `folder`, and gives their names.
fn written(folder: &Path) -> BTreeSet<String> {
    let output = program().args(["man", "--output"]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said: BTreeSet<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    let name = |path: &str| Path::new(path).file_name().unwrap().to_str().unwrap().to_owned();
    let there = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(said, there.map(|path| path.to_str().unwrap().to_owned()).collect());
    said.iter().map(|path| name(path)).collect()
}

/// A page as it is read, without what roff wants.
fn bare(page: &str) -> String {
    page.replace("\\-", "-").replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")
}

/// The flags that a help lists, long ones.
fn flags(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split([' ', ',', '=']));
    words.filter(|word| word.starts_with("--")).map(str::to_owned).collect()
}

#[test]
fn every_verb_has_a_page_with_all_of_its_flags() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("share/man/man1");
    let names = written(&folder);
    let wanted = helps().keys().map(|verb| match verb.as_str() {
        "" => "stairway.1".to_owned(),
        verb => format!("stairway-{}.1", verb.replace(' ', "-")),
    });
    assert_eq!(names, wanted.collect());
    for (verb, help) in helps() {
        let name = format!("stairway {verb}").trim().replace(' ', "-");
        let page = bare(&std::fs::read_to_string(folder.join(format!("{name}.1"))).unwrap());
        assert!(page.contains(&format!(".TH {name} 1 ")), "{name}");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
            assert!(page.contains(&format!(".SH {section}\n")), "{name}: {section}");
        }
        assert!(flags(help).len() >= 3, "{name}: {help}");
        for flag in flags(help) {
            assert!(page.contains(&flag), "{name}: {flag}");
        }
        let example = help.lines().find(|line| line.starts_with("  stairway "));
        if let Some(example) = example {
            assert!(page.contains(".SH EXAMPLES\n"), "{name}");
            let line = bare(example.trim());
            assert!(page.lines().any(|it| it.replace("\\*(Aq", "'") == line), "{name}: {line}");
        }
    }
    let page = bare(&std::fs::read_to_string(folder.join("stairway.1")).unwrap());
    for exit in Exit::ALL {
        assert!(page.contains(&format!("\n{}\n", exit.code())), "{exit:?}");
    }
    for variable in stairway::env::ALL.iter().filter(|it| !it.is_of_tests()) {
        assert!(page.contains(&format!("\n{}\n", variable.name)), "{}", variable.name);
    }
}

#[test]
fn the_page_of_the_program_goes_to_stdout() {
    let scratch = tempfile::tempdir().unwrap();
    written(scratch.path());
    let output = program().arg("man").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(output.stdout, std::fs::read(scratch.path().join("stairway.1")).unwrap());
}

#[test]
fn a_folder_that_can_t_be_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    std::fs::write(&file, "it").unwrap();
    let below = file.join("below");
    let no_folder = format!("{} is no folder", file.display());
    let unwritten = format!("can't write {}", below.display());
    for (folder, wanted) in [(&file, no_folder), (&below, unwritten)] {
        let output = program().args(["man", "--output"]).arg(folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&wanted) && output.stdout.is_empty(), "{said}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"it");
}

/// Programs that set a page, and have them say what is wrong with it.
const SETTERS: [(&str, &[&str]); 2] =
    [("groff", &["-man", "-Tascii", "-ww", "-z"]), ("mandoc", &["-T", "lint", "-W", "error"])];

#[test]
fn pages_are_set_without_a_word() {
    let scratch = tempfile::tempdir().unwrap();
    let names = written(scratch.path());
    for (setter, options) in SETTERS {
        if Command::new(setter).arg("-v").stdin(Stdio::null()).output().is_err() {
            eprintln!("SKIPPED: there is no {setter} here, so it sets no page of the manual");
            continue;
        }
        for name in &names {
            let page = scratch.path().join(name);
            let output = Command::new(setter).args(options).arg(page).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(output.status.success() && said.is_empty(), "{setter} {name}: {said}");
        }
    }
}

#[test]
fn the_title_has_the_version_in_its_place() {
    let output = program().arg("man").output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let title = format!(".TH stairway 1 \"\" \"stairway {version}\" Stairway");
    assert!(page.lines().any(|line| line == title), "{page}");
    assert_eq!(page.matches(".ds Aq").count(), 2, "roff is told once");
}
