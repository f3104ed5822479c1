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
        is_cause: |sql| sql.contains(" RENAME CONSTRAINT ") || sql.contains(" CONSTRAINT TRIGGER "),
        only: Only::Snapshot(|change, _| {
            change.part.as_deref().is_some_and(|part| part.starts_with("constraint "))
                && [&change.before, &change.after]
                    .into_iter()
                    .flatten()
                    .all(|text| text.lines().next().is_some_and(|line| line.contains("  TRIGGER")))
        }),
    },
    Deliberate {
        name: "pg_dump forgets the comment on what it does not write: constraints and triggers that \
               came from a parent, constraints of constraint triggers",
        is_cause: |sql| {
            sql.starts_with("COMMENT ON CONSTRAINT ") || sql.starts_with("COMMENT ON TRIGGER ")
        },
        only: Only::Snapshot(|change, pair| {
            let part = change.part.as_deref().unwrap_or_default();
            let commented = part.strip_suffix(" / comment").unwrap_or(part);
            pair.snapshots.iter().all(|snapshot| {
                match part_of(snapshot, &change.object, commented) {
                    Some(node) => {
                        node.text.ends_with(", inherited")
                            || node.text.ends_with("of the partitioned table")
                            || node.kind == "constraint" && node.text.starts_with("TRIGGER")
                    }
                    // A trigger that is like its parent's has a line only for its comment.
                    None => part.starts_with("trigger "),
                }
            })
        }),
    },
    Deliberate {
        name: "a dump does not say that an inherited constraint was validated before its parent's",
        is_cause: |sql| sql.contains(" VALIDATE CONSTRAINT "),
        only: Only::Snapshot(|change, _| is_inherited_but_for(change, " NOT VALID")),
    },
    Deliberate {
        name: "before 18 a dump does not say whether a column that is NOT NULL in its parent is that too",
        is_cause: |sql| sql.contains(" NOT NULL"),
        only: Only::Snapshot(|change, _| is_inherited_but_for(change, " not null")),
    },
    Deliberate {
        name: "a dump does not say whether a partition's NOT NULL, which its table has too, is also its own",
        is_cause: |sql| sql.contains(" SET NOT NULL"),
        only: Only::Snapshot(|change, pair| {
            let inherited = |text: &Option<String>| Some(text.as_ref()?.replace(" and local", ""));
            let before = inherited(&change.before);
            change.part.as_deref().is_some_and(|part| part.contains(" / not null"))
                && before.as_deref().is_some_and(|text| text.contains("inherited "))
                && before == inherited(&change.after)
                && pair.snapshots.iter().all(|snapshot| {
                    part_of(snapshot, &change.object, "").is_some_and(|table| {
                        table.children.iter().any(|part| part.kind == "partition of")
                    })
                })
        }),
    },
    Deliberate {
        name: "a dump has no invalid indexes, and those of partitioned tables as if they were valid",
        is_cause: |sql| {
            ["INDEX", "CONSTRAINT ", "PARTITION "].iter().any(|word| sql.contains(word))
        },
        only: Only::Snapshot(|change, _| {
            let side = |text: &Option<String>| {
                let line = text.as_deref()?.lines().next()?.trim_end();
                let valid =
                    line.strip_suffix("INVALID").map(|line| line.trim_end_matches([',', ' ']));
                Some((valid.unwrap_or(line).to_owned(), valid.is_some()))
            };
            match (side(&change.before), side(&change.after)) {
                (Some(before), Some(after)) => before.0 == after.0,
                (Some((_, is_invalid)), None) | (None, Some((_, is_invalid))) => is_invalid,
                (None, None) => false,
            }
        }),
    },
    Deliberate {
        name: "the tags of an event trigger are a set",
        is_cause: |sql| sql.contains("CREATE EVENT TRIGGER "),
        only: Only::Dump(|dump| words_sorted(dump, "WHEN TAG IN")),
    },
    Deliberate {
        name: "an access list is a set",
        is_cause: |sql| sql.contains("GRANT ") || sql.contains("REVOKE "),
        only: Only::Dump(|dump| lines_sorted(dump, &["GRANT ", "REVOKE "])),
    },
    Deliberate {
        name: "objects stand in a dump after those that they depend on, also by what it does not write",
        is_cause: |sql| sql.contains(" INHERIT "),
        only: Only::Dump(|dump| {
            let mut lines: Vec<&str> = dump.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        }),
    },
    Deliberate {
        name: "a dump has no members that users add to operator families which it does not write",
        is_cause: |sql| sql.starts_with("ALTER OPERATOR FAMILY "),
        only: Only::Snapshot(|change, _| {
            change.part.as_deref() == Some("members operator family entries")
                || change.object.starts_with("operator family member pg_catalog.")
        }),
    },
    Deliberate {
        name: "a dump has no statistics of users on a table that belongs to an extension",
        is_cause: |sql| sql.contains(" STATISTICS "),
        only: Only::Snapshot(|change, pair| {
            let texts = [&change.before, &change.after].into_iter().flatten();
            let tables = texts.filter_map(|text| text.lines().next()?.rsplit_once(" from "));
            change.object.starts_with("statistics ")
                && tables.map(|(_, table)| format!("table {table}")).all(|table| {
                    pair.snapshots.iter().all(|snapshot| part_of(snapshot, &table, "").is_none())
                })
        }),
    },
];

/// The part of an object, both with their kinds; the object itself for no part.
fn part_of<'s>(snapshot: &'s Snapshot, object: &str, part: &str) -> Option<&'s Node> {
    let is = |node: &Node, title: &str| format!("{} {}", node.kind, node.name) == title;
    let object = snapshot.objects().find(|node| is(node, object))?;
    match part {
        "" => Some(object),
        part => object.children.iter().find(|node| is(node, part)),
    }
}

/// Whether an inherited part differs in nothing but these words.
fn is_inherited_but_for(change: &Change, words: &str) -> bool {
    let text = |text: &Option<String>| text.as_ref().map(|text| text.replace(words, ""));
    let (before, after) = (text(&change.before), text(&change.after));
    before == after && before.is_some_and(|text| text.trim_end().ends_with(", inherited"))
}

/// Lines that hold `word` with their own words sorted.
fn words_sorted(dump: &str, word: &str) -> String {
    let lines = dump.lines().map(|line| {
        if !line.contains(word) {
            return line.to_owned();
        }
        let mut words: Vec<&str> = line.split([' ', ',', '(', ')', ';']).collect();
        words.sort_unstable();
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Neighbours that begin with one of `words`, sorted.
fn lines_sorted(dump: &str, words: &[&str]) -> String {
    let mut lines: Vec<&str> = dump.lines().collect();
    let is_one = |line: &&str| words.iter().any(|word| line.starts_with(word));
    for block in lines.chunk_by_mut(|a, b| is_one(a) && is_one(b)) {
        block.sort_unstable();
    }
    lines.join("\n")
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
