//! Each migration up, down and up again, on empty tables and on rows: `cargo test --test migrations`.
//!
//! Cargo.toml says that this file brings its own `main`:
//!
//! ```toml
//! [[test]]
//! name = "migrations"
//! harness = false
//! ```

use std::process::ExitCode;

use stairway::testing::Suite;

fn main() -> ExitCode {
    // `.snapshots(stairway::beside!())` before `.main()` also compares what each migration changes with
    // files beside this one, which `cargo insta review` accepts.
    Suite::new("@MIGRATIONS@").main()
}

/// Is there only without these lines in Cargo.toml: then nothing would be tested, and all would be green.
#[test]
fn cargo_toml_says_harness_false() {
    panic!("no migration was tested: [[test]] name = \"migrations\" with harness = false is not in Cargo.toml");
}
