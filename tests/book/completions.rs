//! What shells are given to complete command lines: each can read it, and bash completes by it.

use std::process::{Command, Output};

use crate::commands::helps;
use crate::program::program;

fn script(shell: &str) -> String {
    let output = program().args(["completions", shell]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs that stand alone.
fn verbs() -> impl Iterator<Item = &'static String> {
    helps().keys().filter(|verb| !verb.is_empty() && !verb.contains(' '))
}

#[test]
fn every_shell_has_all_verbs() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = script(shell);
        for verb in verbs() {
            assert!(script.contains(verb.as_str()), "{shell}: {verb}");
        }
        assert!(script.contains("diff-base"), "{shell}");
    }
}

#[test]
fn what_is_no_shell_is_refused_with_those_that_are() {
    for words in [&["completions", "cmd"][..], &["completions"]] {
        let output = program().args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty() && said.contains("<SHELL>"), "{said}");
    }
    let output = program().args(["completions", "cmd"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("bash, elvish, fish"), "{output:?}");
}

/// What a shell says of a file that it reads and does not run; nothing where there is no such shell.
fn read(shell: &str, script: &str) -> Option<Output> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stairway");
    std::fs::write(&path, script).unwrap();
    Command::new(shell).arg("-n").arg(&path).output().ok()
}

#[test]
fn shells_can_read_it() {
    for shell in ["bash", "zsh", "fish"] {
        let Some(output) = read(shell, &script(shell)) else {
            eprintln!("SKIPPED: there is no {shell} here to read its completions");
            continue;
        };
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
        let broken = read(shell, "if true; then\n").unwrap();
        assert!(!broken.status.success(), "{shell} reads anything: {broken:?}");
    }
}

/// What bash would offer behind these words.
fn offered(words: &[&str]) -> Vec<String> {
    let last = words.len() - 1;
    let line = format!(
        "{}\nCOMP_WORDS=({}); COMP_CWORD={last}\n\
         _stairway stairway \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{}]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        script("bash"),
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        last - 1,
    );
    let output = Command::new("bash").args(["--norc", "-c", &line]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_flags_and_values() {
    let all = offered(&["stairway", ""]);
    for verb in verbs() {
        assert!(all.contains(verb), "{verb} of {all:?}");
    }
    assert_eq!(offered(&["stairway", "ver"]), ["verify"]);
    assert_eq!(offered(&["stairway", "cache", "cl"]), ["clear"]);
    assert_eq!(offered(&["stairway", "verify", "--diff"]), ["--diff-base"]);
    assert_eq!(offered(&["stairway", "gate", "--format", "m"]), ["markdown"]);
}
