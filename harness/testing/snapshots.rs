//! Snapshots beside the user's tests, by insta: what each migration changes, and head.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::finding::{CheckId, Finding};

/// The place of a user's test, beside which snapshots are: made by [`beside!`](crate::beside).
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    /// The package, the file as the compiler names it, and its module.
    place: [&'static str; 3],
    assert: fn(&str, &str),
}

impl Beside {
    #[doc(hidden)]
    pub fn new(place: [&'static str; 3], assert: fn(&str, &str)) -> Self {
        Self { place, assert }
    }

    /// The folder of the test.
    pub(super) fn folder(self) -> Option<PathBuf> {
        let [package, file, _] = self.place;
        // The compiler names files from the root of the workspace.
        let roots = Path::new(package).ancestors();
        let test = roots.map(|root| root.join(file)).find(|path| path.is_file())?;
        Some(test.parent()?.to_owned())
    }

    /// Where insta keeps a snapshot, unless it was told another place.
    fn path(self, name: &str, major: u32) -> Option<PathBuf> {
        let [.., module] = self.place;
        let module = module.replace("::", "__");
        Some(self.folder()?.join("snapshots").join(format!("{module}__{name}@{major}.snap")))
    }

    /// The finding if `text` is not the snapshot `name` for this major.
    pub(super) fn compare(self, name: &str, major: u32, text: &str) -> Option<Finding> {
        silence();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_suffix(major.to_string());
        settings.set_omit_expression(true);
        QUIET.set(true);
        let same = catch_unwind(AssertUnwindSafe(|| settings.bind(|| (self.assert)(name, text))));
        QUIET.set(false);
        same.err().map(|panic| {
            let is_there = self.path(name, major).is_none_or(|path| path.is_file());
            let message = if is_there {
                format!("{name} is not what its snapshot for PostgreSQL {major} says")
            } else {
                format!("{name} has no snapshot for PostgreSQL {major} yet")
            };
            let said = panic.downcast_ref::<String>().map_or("", String::as_str);
            let finding = Finding::new(CheckId::SnapshotChanged, message);
            // Anything but a difference is said in insta's own words.
            let is_usual = said.contains("snapshot assertion");
            let finding = if is_usual { finding } else { finding.detail(said) };
            finding.help(
                "look at the difference above and accept it with `cargo insta review`; in CI nothing \
                 is written to be reviewed: run `cargo test` on your own machine first",
            )
        })
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// insta says what differs and then panics: the panic itself has nothing to add.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
}

/// The place of the test that this is written in, for [`Suite::snapshots`](crate::testing::Suite).
#[macro_export]
macro_rules! beside {
    () => {
        $crate::testing::Beside::new(
            [env!("CARGO_MANIFEST_DIR"), file!(), module_path!()],
            |name, text| $crate::testing::insta::assert_snapshot!(name, text),
        )
    };
}
