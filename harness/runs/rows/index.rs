//! Indexes as far as rows may be in their way.
//!
//! Knows how `CREATE INDEX` is written. Must not know which columns hold values.

use super::items::{Cursor, Item, parted};

/// An index.
pub(super) struct Index<'a> {
    pub(super) table: &'a [String],
    /// The columns that are elements of their own.
    pub(super) columns: Vec<&'a String>,
    pub(super) is_unique: bool,
    /// Whether no expression in it can fail.
    pub(super) is_plain: bool,
}

impl<'a> Index<'a> {
    /// Reads a `CREATE INDEX`.
    pub(super) fn of(items: &'a [Item]) -> Option<Self> {
        let is_unique = items.get(1)?.is("unique");
        let mut rest = Cursor(items);
        rest.seek("on");
        rest.skip(&["only"]);
        let table = rest.name()?;
        let has_method = rest.skip(&["using"]);
        let is_known = !has_method || rest.0.first()?.is_any(&["btree", "hash", "brin", "gin"]);
        if has_method {
            rest.name()?;
        }
        let elements = rest.list();
        let is_column = |element: &[Item]| match element {
            [call, open, column, close] => {
                call.is_any(&["lower", "upper"]) && open.is_sign("(") && close.is_sign(")")
                    || [call, open, column, close].iter().all(|it| !it.parts().is_empty())
            }
            other => !other.is_empty() && other.iter().all(|it| !it.parts().is_empty()),
        };
        let is_plain = is_known
            && parted(elements).all(is_column)
            && rest.after("where").is_none_or(is_comparison);
        let columns = parted(elements).filter_map(|it| it.first()?.name()).collect();
        Some(Self { table, columns, is_unique, is_plain })
    }
}

/// Whether a predicate does nothing but compare columns with constants: it can't fail.
fn is_comparison(predicate: &[Item]) -> bool {
    let is_plain = |item: &Item| match item {
        Item::Name(_) | Item::Quoted(_) => item.name().is_some() && !item.is_any(MAY_FAIL),
        Item::Constant => true,
        Item::Sign(sign) => SIGNS.contains(&sign.as_str()),
        Item::Other => false,
    };
    let is_call = |pair: &[Item]| match pair {
        [name, open] => {
            open.is_sign("(")
                && !name.parts().is_empty()
                && !name.is_any(&["and", "or", "not", "in"])
        }
        _ => false,
    };
    predicate.iter().all(is_plain) && !predicate.windows(2).any(is_call)
}

/// Operators that are words and can fail: of a bad pattern, of a time that is too far away.
const MAY_FAIL: &[&str] = &["like", "ilike", "similar", "escape", "at"];
/// What can't fail between values of one type.
const SIGNS: &[&str] = &["=", "<>", "!=", "<", ">", "<=", ">=", "(", ")", ","];
