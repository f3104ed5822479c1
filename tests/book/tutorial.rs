//! The tutorial is done as it is written: its files are made, its commands are run one after the other, and what
//! it says that they print is what they print.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::blocks::{Block, blocks};
use crate::pages::root;
use crate::{AGAIN, VARIABLE, shown};

/// A shell in which `cd` lasts.
struct Shell {
    folder: PathBuf,
}

impl Shell {
    /// What a command prints on stdout.
    fn run(&mut self, line: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_stairway")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let place = self.folder.join(".place");
        let mut command = Command::new("bash");
        shown::at_home(&mut command);
        let output = command
            .arg("-c")
            .arg(format!("{line}\ncode=$?; pwd >\"$PLACE\"; exit $code"))
            .current_dir(&self.folder)
            .env("PATH", format!("{}:{path}", program.display()))
            .env("PLACE", &place)
            .output()
            .unwrap();
        // Findings are what it shows; anything else is a step that does not work.
        assert!(output.status.code().is_some_and(|code| code < 2), "{line}: {output:?}");
        let now = std::fs::read_to_string(&place).unwrap();
        std::fs::remove_file(&place).unwrap();
        self.folder = PathBuf::from(now.trim_end());
        String::from_utf8(output.stdout).unwrap()
    }

    /// A block as it should be.
    fn done(&mut self, block: &Block) -> String {
        if let Some(file) = &block.file {
            let path = self.folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &block.text).unwrap();
        }
        if block.info != "console" {
            return block.text.clone();
        }
        let mut text = String::new();
        for line in block.text.lines().filter_map(|line| line.strip_prefix("$ ")) {
            write!(text, "$ {line}\n{}", self.run(line)).unwrap();
        }
        assert!(!text.is_empty(), "line {}: a block without a command", block.line);
        text
    }
}

#[test]
fn the_tutorial_works_as_it_is_written() {
    let scratch = tempfile::tempdir().unwrap();
    let path = root().join("tutorial.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut shell = Shell { folder: scratch.path().canonicalize().unwrap() };
    let mut wanted = String::new();
    let mut lines = page.lines();
    for block in blocks(&page) {
        for line in lines.by_ref() {
            writeln!(wanted, "{line}").unwrap();
            if line.starts_with("```") {
                break;
            }
        }
        wanted.push_str(&shell.done(&block));
        wanted.push_str("```\n");
        lines.by_ref().find(|line| *line == "```");
    }
    lines.for_each(|line| writeln!(wanted, "{line}").unwrap());
    let differs = shown::held(&path, &wanted, VARIABLE, shown::comparable);
    assert!(differs.is_none(), "{AGAIN}\n{}", differs.unwrap());
    assert!(
        wanted.contains("error[") && wanted.contains("\npass: "),
        "it finds something and mends it"
    );
}
