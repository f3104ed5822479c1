//! Seed rows of a migration: those that its upgrade inserts and its downgrade deletes again.
//!
//! Knows the texts of the two scripts. Must not know rows.

use std::collections::BTreeSet;

use crate::sql::{self, StatementKind, TokenKind};

/// The two scripts without the constants that only tell the rows which the upgrade brought: a row
/// made of them would be taken for one of those. What the upgrade itself says of them stays, but
/// where they are told by how they are called.
pub(super) fn without_seeds(upgrade: &str, downgrade: &str) -> (String, String) {
    let seeded = inserted_into(upgrade);
    let mut called = BTreeSet::new();
    let downgrade = without_constants(downgrade, |text| {
        let mut undone = target(text, ("delete", "from")).filter(|table| seeded.contains(table));
        let first = undone.next().filter(|_| sql::kind(text) == StatementKind::Delete);
        if has_pattern(text) {
            called.extend(first.clone());
        }
        first.is_some()
    });
    let upgrade = without_constants(upgrade, |text| {
        sql::kind(text) == StatementKind::Insert
            && target(text, ("insert", "into")).any(|table| called.contains(&table))
    });
    (upgrade, downgrade)
}

/// A script with NULL for the constants of some of its statements.
fn without_constants(script: &str, mut is_one: impl FnMut(&str) -> bool) -> String {
    let mut out = script.to_owned();
    let Ok(statements) = sql::split(script) else { return out };
    for statement in statements.iter().rev() {
        let text = statement.text(script);
        if !is_one(text) {
            continue;
        }
        for token in sql::tokens(text).collect::<Vec<_>>().into_iter().rev() {
            if matches!(token.kind, TokenKind::String | TokenKind::DollarString | TokenKind::Number)
            {
                let begin = statement.bytes.start;
                out.replace_range(begin + token.bytes.start..begin + token.bytes.end, "NULL");
            }
        }
    }
    out
}

/// Whether rows are told by a pattern.
fn has_pattern(statement: &str) -> bool {
    sql::tokens(statement).any(|token| {
        let text = statement.get(token.bytes).unwrap_or_default().to_ascii_lowercase();
        matches!(text.as_str(), "like" | "ilike" | "similar" | "~" | "~*" | "~~" | "~~*" | "^@")
    })
}

/// The tables that a script inserts into, bodies included; without their schemas.
fn inserted_into(text: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = target(text, ("insert", "into")).collect();
    for token in sql::tokens(text).filter(|token| token.kind == TokenKind::DollarString) {
        let body = text.get(token.bytes).map(|it| it.trim_matches('$')).unwrap_or_default();
        found.extend(target(body, ("insert", "into")));
    }
    found
}

/// The names behind these words, without schemas.
fn target(text: &str, (first, second): (&str, &str)) -> impl Iterator<Item = String> {
    let mut names = sql::names(text).into_iter().map(|name| name.parts);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    std::iter::from_fn(move || {
        loop {
            let next = names.next()?;
            let is_behind = one == [first] && two == [second];
            if is_behind && next == ["only"] {
                continue;
            }
            one = std::mem::replace(&mut two, next.clone());
            if is_behind {
                return next.last().cloned();
            }
        }
    })
    .collect::<Vec<_>>()
    .into_iter()
}

#[cfg(test)]
mod tests {
    use super::without_seeds;

    #[test]
    fn constants_that_tell_seed_rows_are_left_out() {
        let upgrade = "INSERT INTO public.tag (name) VALUES ('a_1'); \
                       DO $$ BEGIN INSERT INTO \"Kind\" VALUES (1); END $$; \
                       INSERT INTO grp VALUES ('g')";
        let downgrade = "DELETE FROM ONLY tag WHERE name LIKE 'a\\_%' AND n > 5; \
                         DELETE FROM \"Kind\" WHERE id = 1; DELETE FROM grp WHERE name = 'g'; \
                         DELETE FROM other WHERE name = 'b'; UPDATE tag SET name = 'c'";
        let (up, down) = without_seeds(upgrade, downgrade);
        assert_eq!(up, upgrade.replace("'a_1'", "NULL"), "a pattern tells those of tag");
        assert_eq!(
            down,
            "DELETE FROM ONLY tag WHERE name LIKE NULL AND n > NULL; \
             DELETE FROM \"Kind\" WHERE id = NULL; DELETE FROM grp WHERE name = NULL; \
             DELETE FROM other WHERE name = 'b'; UPDATE tag SET name = 'c'"
        );
    }
}
