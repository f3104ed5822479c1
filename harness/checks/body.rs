//! A plpgsql body as words: which relations and columns it surely names.

use crate::sql::{self, TokenKind};

/// The words of a body, cut at semicolons, folded as the server folds them.
#[derive(Debug)]
pub(super) struct Body {
    pieces: Vec<Vec<String>>,
}

impl Body {
    pub(super) fn new(text: &str) -> Self {
        let mut pieces = vec![Vec::new()];
        for token in sql::tokens(text) {
            let Some(word) = text.get(token.bytes.clone()) else { continue };
            let word = match token.kind {
                TokenKind::Word => word.to_lowercase(),
                TokenKind::QuotedIdent => word.trim_matches('"').replace("\"\"", "\""),
                kind if kind.is_blank() => continue,
                TokenKind::String | TokenKind::DollarString => "'".to_owned(),
                _ => word.to_owned(),
            };
            if word == ";" {
                pieces.push(Vec::new());
            } else if let Some(piece) = pieces.last_mut() {
                piece.push(word);
            }
        }
        Self { pieces }
    }

    /// Whether the word stands anywhere.
    pub(super) fn mentions(&self, word: &str) -> bool {
        self.pieces.iter().flatten().any(|at| at == word)
    }

    /// Whether a function of this name is called.
    pub(super) fn calls(&self, name: &str) -> bool {
        self.pieces.iter().any(|piece| {
            piece.windows(2).enumerate().any(|(at, pair)| {
                let before = at.checked_sub(1).and_then(|at| piece.get(at)).map(String::as_str);
                // The columns of `INSERT INTO t (..)`, and a CTE or an alias with columns.
                let is_relation = matches!(before, Some("into" | "with" | "as" | "table"));
                matches!(pair, [word, open] if word == name && open == "(") && !is_relation
            })
        })
    }

    /// Whether `name`, with or without a schema, stands where only a relation can, or as
    /// `name%ROWTYPE`.
    pub(super) fn reads(&self, name: &str) -> bool {
        let made_here = self.pieces.iter().any(|piece| makes(piece, name));
        let read = |piece: &Vec<String>| {
            relations(piece).iter().any(|relation| relation.name == name)
                || piece
                    .windows(2)
                    .any(|pair| matches!(pair, [word, next] if word == name && next == "%"))
        };
        !made_here && self.pieces.iter().any(read)
    }

    /// Whether `NEW.column` or `OLD.column` stands in it, and nothing that asks for which table.
    pub(super) fn reads_row_column(&self, column: &str) -> bool {
        let asks = self.mentions("tg_table_name")
            || self.mentions("tg_relid")
            || self.mentions("tg_relname");
        !asks
            && self.pieces.iter().any(|piece| {
                piece.windows(3).any(|words| {
                    matches!(words, [row, dot, name]
                        if (row == "new" || row == "old") && dot == "." && name == column)
                })
            })
    }

    /// Whether a statement whose only relation is the table (by either name) uses the column.
    pub(super) fn reads_column(&self, qualified: &str, bare: &str, column: &str) -> bool {
        // A variable of that name would be read instead.
        let declared = self.pieces.iter().any(|piece| {
            let start = usize::from(piece.first().is_some_and(|word| word == "declare"));
            piece.get(start).is_some_and(|word| word == column)
        });
        !declared
            && self.pieces.iter().any(|piece| {
                let relations = relations(piece);
                let only = matches!(relations.as_slice(),
                    [one] if (one.name == qualified || one.name == bare)
                        && one.alias.as_deref() != Some(column));
                only && piece.iter().enumerate().any(|(at, word)| {
                    let next = piece.get(at + 1).map(String::as_str);
                    let before = at.checked_sub(1).and_then(|at| piece.get(at)).map(String::as_str);
                    let aliased = before == Some("as");
                    let elsewhere = before == Some(".") && {
                        let row = at.checked_sub(2).and_then(|at| piece.get(at));
                        !row.is_some_and(|row| {
                            row == bare
                                || relations.iter().any(|one| one.alias.as_ref() == Some(row))
                        })
                    };
                    word == column
                        && next != Some("(")
                        && next != Some(".")
                        && !aliased
                        && !elsewhere
                })
            })
    }
}

/// A relation that a statement names.
#[derive(Debug)]
struct Relation {
    name: String,
    alias: Option<String>,
}

/// The relations of a statement: what follows FROM, JOIN, UPDATE, INSERT INTO and the like.
fn relations(piece: &[String]) -> Vec<Relation> {
    let mut found = Vec::new();
    let word = |at: usize| piece.get(at).map(String::as_str).unwrap_or_default();
    for at in 0..piece.len() {
        let leads = match word(at) {
            // `IS DISTINCT FROM x`, `EXTRACT(day FROM x)`
            "from" => at == 0 || word(at - 1) != "distinct",
            "join" | "update" | "truncate" => true,
            "into" => at > 0 && matches!(word(at - 1), "insert" | "merge"),
            "table" => at > 0 && matches!(word(at - 1), "truncate" | "lock" | "alter"),
            _ => false,
        };
        if !leads {
            continue;
        }
        let mut start = at + 1;
        while matches!(word(start), "only" | "table" | "lateral") {
            start += 1;
        }
        found.extend(relation(piece, start));
    }
    found
}

fn relation(piece: &[String], start: usize) -> Option<Relation> {
    let word = |at: usize| piece.get(at).map(String::as_str).unwrap_or_default();
    let first = word(start);
    if !first.starts_with(|c: char| c.is_alphabetic() || c == '_') || first == "set" {
        return None;
    }
    let (name, end) = if word(start + 1) == "." {
        (format!("{first}.{}", word(start + 2)), start + 3)
    } else {
        (first.to_owned(), start + 1)
    };
    if word(end) == "(" && !matches!(word(start.saturating_sub(1)), "into") {
        // A function in FROM.
        return None;
    }
    let alias = if word(end) == "as" { word(end + 1) } else { word(end) };
    let is_alias = alias.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && !matches!(
            alias,
            "set" | "where" | "join" | "on" | "values" | "select" | "group" | "order"
        );
    Some(Relation { name, alias: is_alias.then(|| alias.to_owned()) })
}

/// Whether a statement makes something of that name itself: a temporary table, a CTE.
fn makes(piece: &[String], name: &str) -> bool {
    let creates =
        piece.first().is_some_and(|word| word == "create") && piece.iter().any(|word| word == name);
    let with = piece.windows(3).any(
        |words| matches!(words, [word, next, open] if word == name && next == "as" && open == "("),
    );
    creates || with
}

#[cfg(test)]
mod tests {
    use super::Body;

    #[test]
    fn relations_are_found_where_only_a_relation_can_stand() {
        let body = Body::new(
            "begin insert into public.log (a) values (1); select count(*) into n from orders o \
             join item i on i.o = o.id; perform 1 from lateral f(1); end",
        );
        for name in ["public.log", "orders", "item"] {
            assert!(body.reads(name), "{name}");
        }
        for name in ["n", "f", "a", "i"] {
            assert!(!body.reads(name), "{name}");
        }
        assert!(!Body::new("create temp table t (a int); insert into t values (1)").reads("t"));
        assert!(!Body::new("with t as (select 1) select * from t").reads("t"));
        assert!(!Body::new("if new.a is distinct from orders then null").reads("orders"));
        assert!(Body::new("declare r orders%rowtype; begin end").reads("orders"));
    }

    #[test]
    fn calls_are_names_before_a_parenthesis() {
        let body = Body::new(
            "begin x := tax (1); perform public.fee(2); insert into log (a) values (1); \
             -- old(1)\n with due (a) as (select 1) select a into y from due; end",
        );
        for (name, expected) in [
            ("tax", true),
            ("fee", true),
            ("log", false),
            ("old", false),
            ("due", false),
            ("x", false),
        ] {
            assert_eq!(body.calls(name), expected, "{name}");
        }
        assert!(Body::new("begin return coalesce(a, tax(b)); end").calls("tax"));
    }

    #[test]
    fn columns_are_found_in_trigger_rows_and_single_table_statements() {
        let body = Body::new("begin new.mail := lower(new.mail); return new; end");
        assert!(body.reads_row_column("mail"));
        assert!(!body.reads_row_column("email"));
        let guarded = Body::new("begin if TG_TABLE_NAME = 'a' then x := new.mail; end if; end");
        assert!(!guarded.reads_row_column("mail"));
        let body = Body::new("begin update usr u set mail = '' where u.id = 1; end");
        assert!(body.reads_column("public.usr", "usr", "mail"));
        assert!(!body.reads_column("public.usr", "usr", "u"));
        let body = Body::new("begin select mail into v from usr join other on true; end");
        assert!(!body.reads_column("public.usr", "usr", "mail"));
        let body = Body::new("declare mail text; begin update usr set x = mail; end");
        assert!(!body.reads_column("public.usr", "usr", "mail"));
        let body = Body::new("begin select o.mail into v from usr; end");
        assert!(!body.reads_column("public.usr", "usr", "mail"));
    }
}
