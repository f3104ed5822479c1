//! Where in a migration's scripts a difference comes from: the first word that names it.

use crate::finding::Span;
use crate::migrations::Script;
use crate::schema::Change;
use crate::sql::{self, TokenKind};

/// The word that names what a change is about: the part (an index, a column) is looked for in the
/// scripts in this order, and after that the object.
pub(super) fn of_change(scripts: &[&Script], change: &Change) -> Option<Span> {
    let part = change.part.as_ref().and_then(|part| part.split_once(' ')).map(|(_, name)| name);
    let object = Some(change.name.as_str());
    [part, object]
        .into_iter()
        .flatten()
        .map(bare)
        .filter(|name| !name.is_empty())
        .find_map(|name| scripts.iter().find_map(|script| word(script, &name)))
}

/// `public.total(integer)` and `"Order Item"` as the server keeps the name itself.
fn bare(name: &str) -> String {
    let name = name.split_once('(').map_or(name, |(name, _)| name);
    let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
    last.trim_matches('"').replace("\"\"", "\"")
}

fn word(script: &Script, name: &str) -> Option<Span> {
    let is_name = |kind: TokenKind, text: &str| match kind {
        TokenKind::Word => text.to_lowercase() == name,
        TokenKind::QuotedIdent => text.trim_matches('"').replace("\"\"", "\"") == name,
        _ => false,
    };
    let named = |text: &str| {
        sql::tokens(text).find(|token| {
            text.get(token.bytes.clone()).is_some_and(|word| is_name(token.kind, word))
        })
    };
    if let Some(program) = &script.program {
        let said = program.said()?;
        return script.line(said.iter().find(|it| named(&it.sql).is_some())?.line);
    }
    named(&script.text).map(|token| Span::new(&script.path, &script.text, token.bytes))
}
