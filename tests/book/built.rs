//! mdBook itself makes the book without a word, where it is installed.

use std::process::Command;

#[test]
fn mdbook_has_nothing_against_it() {
    if Command::new("mdbook").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no mdbook here, so the book is not built");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("mdbook")
        .args(["build", "docs", "--dest-dir"])
        .arg(folder.path())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    assert!(folder.path().join("tutorial.html").is_file());
}
