//! Where a snapshot and a dump differ on purpose: each with the statements that it takes and the
//! part that only one of the two shows.

use stairway::schema::{Change, Difference};

/// One difference on purpose.
pub(crate) struct Deliberate {
    /// What is different, and why.
    pub(crate) name: &'static str,
    /// Whether a statement can be the cause.
    is_cause: fn(&str) -> bool,
    only: Only,
}

enum Only {
    /// The dump is silent about these changes of the snapshot.
    Snapshot(fn(&Change) -> bool),
    /// The snapshot is silent about what is lost from the dump here.
    Dump(fn(&str) -> String),
}

/// All of them.
pub(crate) const LIST: &[Deliberate] = &[];

/// Two states of which one witness says that they are equal.
pub(crate) struct Pair<'p> {
    pub(crate) statements: &'p [&'p str],
    pub(crate) difference: &'p Difference,
    pub(crate) dumps: [&'p str; 2],
}

impl Pair<'_> {
    /// The names of what is different on purpose, if that explains all of it.
    pub(crate) fn excuse(&self) -> Vec<&'static str> {
        let fitting =
            LIST.iter().filter(|one| self.statements.iter().any(|sql| (one.is_cause)(sql)));
        let mut names = Vec::new();
        let mut changes: Vec<&Change> = self.difference.changes.iter().collect();
        let mut dumps = self.dumps.map(str::to_owned);
        let is_of_snapshot = !changes.is_empty();
        for one in fitting {
            match one.only {
                Only::Snapshot(is_silent) if is_of_snapshot => {
                    let all = changes.len();
                    changes.retain(|change| !is_silent(change));
                    if changes.len() < all {
                        names.push(one.name);
                    }
                }
                Only::Dump(without) if !is_of_snapshot && dumps[0] != dumps[1] => {
                    let less = [without(&dumps[0]), without(&dumps[1])];
                    if less != dumps {
                        names.push(one.name);
                    }
                    dumps = less;
                }
                _ => {}
            }
        }
        let is_explained = if is_of_snapshot { changes.is_empty() } else { dumps[0] == dumps[1] };
        if is_explained { names } else { Vec::new() }
    }
}
