//! Rows of sections: their shape, and where an object stands in the catalog.
//!
//! Knows the thirteen columns that all sections share, and the fourteenth of those that can be read
//! for single relations. Must not know what a section says.

use super::SchemaError;

/// Where an object stands in the catalog: (number of the catalog's name, oid, column number or 0).
/// Facts of an object have -1 instead of a column number.
pub(super) type Address = (usize, u32, i32);

/// One row of a section.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) address: Address,
    pub(super) parent: Option<Address>,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) order: Option<i64>,
    pub(super) text: String,
    pub(super) owner: Option<String>,
    pub(super) acl: Option<String>,
    pub(super) acl_default: Option<String>,
    /// The relation that it is read with, for sections that can be read for single ones.
    pub(super) relation: Option<u32>,
}

impl Row {
    /// Whether nothing can hang on it. Facts of an object share its address.
    pub(super) fn is_fact(&self) -> bool {
        self.address.2 == -1 && self.acl.is_none()
    }

    /// Whether it says the same as `other`.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let all = |row: &'_ Self| (row.address, row.parent, row.order, row.relation);
        all(self) == all(other)
            && (&self.kind, &self.name, &self.text) == (&other.kind, &other.name, &other.text)
            && (&self.owner, &self.acl, &self.acl_default)
                == (&other.owner, &other.acl, &other.acl_default)
    }
}

/// Catalogs by number, so that an address is cheap to compare.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes(Vec<String>);

impl Classes {
    /// The number of a catalog's name, the same for the life of this value.
    pub(super) fn number(&mut self, class: &str) -> usize {
        let known = self.0.iter().position(|known| known == class);
        known.unwrap_or_else(|| {
            self.0.push(class.to_owned());
            self.0.len() - 1
        })
    }
}

/// Reads one row of `section`.
pub(super) fn row(
    section: &'static str,
    mut cells: Vec<Option<String>>,
    classes: &mut Classes,
) -> Result<Row, SchemaError> {
    let bad = |row: String| SchemaError::Row { section, row };
    let relation = match cells.get(13) {
        Some(Some(oid)) => Some(oid.parse().map_err(|_| bad(oid.clone()))?),
        _ => None,
    };
    cells.truncate(13);
    let cells: [Option<String>; 13] =
        cells.try_into().map_err(|cells| bad(format!("{cells:?}")))?;
    let [class, oid, sub, pclass, poid, psub, kind, name, order, text, owner, acl, acl_default] =
        cells;
    let mut address = |class: &str, oid: &str, sub: &str| {
        let numbers = oid.parse().ok().zip(sub.parse().ok());
        let (oid, sub) = numbers.ok_or_else(|| bad(format!("{class} {oid} {sub}")))?;
        Ok::<_, SchemaError>((classes.number(class), oid, sub))
    };
    let (Some(class), Some(oid), Some(sub), Some(kind)) = (class, oid, sub, kind) else {
        return Err(bad("without class, oid, sub or kind".to_owned()));
    };
    let parent = match (pclass, poid) {
        (Some(class), Some(oid)) => Some(address(&class, &oid, psub.as_deref().unwrap_or("0"))?),
        _ => None,
    };
    Ok(Row {
        address: address(&class, &oid, &sub)?,
        parent,
        kind,
        name: name.unwrap_or_default(),
        order: order.and_then(|order| order.parse().ok()),
        text: text.unwrap_or_default(),
        owner,
        acl,
        acl_default,
        relation,
    })
}
