//! Where a snapshot and a dump differ on purpose: each with the statements that it takes and the
//! part that only one of the two shows.

use stairway::schema::{Change, Difference, Node, Snapshot};

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
    Snapshot(fn(&Change, &Pair<'_>) -> bool),
    /// The snapshot is silent about what is lost from the dump here.
    Dump(fn(&str) -> String),
}

/// All of them.
pub(crate) const LIST: &[Deliberate] = &[
    Deliberate {
        name: "a dump leaves every materialized view without data, a snapshot says which has none",
        is_cause: |sql| sql.starts_with("REFRESH MATERIALIZED VIEW "),
        only: Only::Snapshot(|change, _| change.part.as_deref() == Some("populated")),
    },
    Deliberate {
        name: "a constraint trigger is also a constraint, with a name of its own for SET CONSTRAINTS",
        is_cause: |sql| sql.contains(" RENAME CONSTRAINT "),
        only: Only::Snapshot(|change, _| {
            change.part.as_deref().is_some_and(|part| part.starts_with("constraint "))
                && [&change.before, &change.after]
                    .into_iter()
                    .flatten()
                    .all(|text| text.lines().next().is_some_and(|line| line.contains("  TRIGGER")))
        }),
    },
    Deliberate {
        name: "pg_dump forgets the comment on a constraint that came from a parent",
        is_cause: |sql| sql.starts_with("COMMENT ON CONSTRAINT "),
        only: Only::Snapshot(|change, pair| {
            let constraint =
                change.part.as_deref().and_then(|part| part.strip_suffix(" / comment"));
            constraint.is_some_and(|part| {
                pair.snapshots.iter().all(|snapshot| {
                    let text = part_of(snapshot, &change.object, part).map(|node| &node.text);
                    text.is_some_and(|text| {
                        text.ends_with(", inherited")
                            || text.ends_with(", of the partitioned table")
                    })
                })
            })
        }),
    },
];

/// The part of an object, both with their kinds.
fn part_of<'s>(snapshot: &'s Snapshot, object: &str, part: &str) -> Option<&'s Node> {
    let is = |node: &Node, title: &str| format!("{} {}", node.kind, node.name) == title;
    let object = snapshot.objects().find(|node| is(node, object))?;
    object.children.iter().find(|node| is(node, part))
}

/// Two states of which one witness says that they are equal.
pub(crate) struct Pair<'p> {
    pub(crate) statements: &'p [&'p str],
    pub(crate) snapshots: [&'p Snapshot; 2],
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
                    changes.retain(|change| !is_silent(change, self));
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
