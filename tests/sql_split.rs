//! What splitting promises, on any text and on generated scripts.

mod sql_pieces;

use proptest::prelude::*;
use sql_pieces::{script, soup};
use stairway::sql::{self, SplitError, TokenKind, split, tokens};

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![soup(), any::<String>(), script().prop_map(|script| script.text)]
}

/// Ranges follow each other inside of the text, on character boundaries.
fn check_statements(text: &str) -> Result<(), TestCaseError> {
    let mut end = 0;
    let Ok(statements) = split(text) else { return Ok(()) };
    let count = statements.len();
    for (index, statement) in statements.into_iter().enumerate() {
        prop_assert!(end <= statement.bytes.start && statement.bytes.start < statement.bytes.end);
        prop_assert!(statement.terminated || index + 1 == count);
        end = statement.bytes.end;
        let own = text.get(statement.bytes.clone());
        prop_assert!(own.is_some_and(|own| !sql::is_blank(own)));
        let own = own.unwrap_or_default();
        let again = split(own).map_err(|error| TestCaseError::fail(format!("{own:?}: {error}")))?;
        prop_assert_eq!(again.iter().map(|one| one.text(own)).collect::<Vec<_>>(), vec![own]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokens_cover_every_byte(text in any_text()) {
        let mut end = 0;
        for token in tokens(&text) {
            prop_assert_eq!(token.bytes.start, end);
            prop_assert!(token.bytes.end > end && text.get(token.bytes.clone()).is_some());
            end = token.bytes.end;
        }
        prop_assert_eq!(end, text.len());
    }

    #[test]
    fn statements_are_apart_and_split_into_themselves(text in soup()) {
        check_statements(&text)?;
    }

    #[test]
    fn no_text_panics(text in any_text(), place in 0_usize..200, bom in any::<bool>()) {
        let text = if bom { format!("\u{feff}{text}") } else { text };
        let found = sql::statement_at(&text, place);
        prop_assert!(found.is_none_or(|found| text.get(found.bytes).is_some()));
        for name in sql::names(&text) {
            prop_assert!(text.get(name.bytes).is_some());
        }
        for comment in sql::comments(&text) {
            prop_assert!(text.get(comment.bytes).is_some_and(|whole| whole.contains(comment.text)));
        }
        let (line, column) = sql::line_col(&text, place);
        prop_assert!(line >= 1 && column >= 1);
        // An error's place is inside of the text, and what it names stands there.
        if let Err(error) = split(&text) {
            let at = error.at();
            let rest = text.get(at..).unwrap_or_default();
            match &error {
                SplitError::MetaCommand { command, .. } => prop_assert!(rest.starts_with(command)),
                SplitError::Nul { .. } => prop_assert!(rest.starts_with('\0')),
                SplitError::CopyFromStdin { .. } => {
                    prop_assert_eq!(sql::kind(rest), sql::StatementKind::Copy);
                }
                _ => {}
            }
            prop_assert!(text.is_char_boundary(at) && at < text.len());
        }
        // Words that no keyword is among are of no kind and run anywhere.
        let unknown = format!("zzz {text}");
        prop_assert_eq!(sql::kind(&unknown), sql::StatementKind::Other);
        prop_assert_eq!(sql::refuses_transaction(&unknown), None);
    }

    #[test]
    fn a_script_splits_into_what_it_was_made_of(script in script()) {
        let found = split(&script.text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let ranges: Vec<_> = found.into_iter().map(|statement| statement.bytes).collect();
        prop_assert_eq!(&ranges, &script.statements);
        check_statements(&script.text)?;
        for (index, bytes) in script.statements.iter().enumerate() {
            let inside = script.text.get(..bytes.start).unwrap_or_default().chars().count();
            let at = sql::statement_at(&script.text, inside).map(|found| found.bytes);
            prop_assert_eq!(at, Some(bytes.clone()), "statement {}", index);
        }
    }

    #[test]
    fn a_comment_between_tokens_changes_nothing(
        script in script(),
        place in any::<prop::sample::Index>(),
        block in any::<bool>(),
    ) {
        let all: Vec<_> = tokens(&script.text).collect();
        prop_assume!(!all.is_empty());
        let rest = &all[place.index(all.len())..];
        // A block comment between the pieces of one string would make them two.
        let next = rest.iter().find(|token| !token.kind.is_blank());
        let block = block && next.is_none_or(|token| token.kind != TokenKind::String);
        let comment = if block { " /* ;' /* */ ; */ " } else { " -- ;'$$\n" };
        let mut text = script.text.clone();
        text.insert_str(rest[0].bytes.start, comment);
        let found = split(&text).map_err(|error| TestCaseError::fail(format!("{text:?}: {error}")))?;
        prop_assert_eq!(found.len(), script.statements.len());
    }
}
