//! What is seen of a transaction beside its rows: its time, and where sequences stand.
//!
//! Knows shapes only. Must not know who asks.

use super::rows::{Cell, Name};

/// The time of a transaction: when it began, and when it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    pub(super) utc: (String, String),
    pub(super) local: (String, String),
    /// In microseconds.
    pub(super) since_1970: (i128, i128),
}

impl Clock {
    /// Whether a value is a time between the two, as a trigger writes it.
    pub fn is_now(&self, value: &str) -> bool {
        let value = value.trim_end_matches("+00");
        let within = |(begun, asked): &(String, String)| {
            value.len() > 10 && begun.as_str() <= value && value <= asked.as_str()
                || value.len() == 10 && begun.starts_with(value)
        };
        within(&self.utc) || within(&self.local) || self.is_now_counted(value)
    }

    /// The same of a time as a number: seconds since 1970 or thousandths, millionths, billionths.
    fn is_now_counted(&self, value: &str) -> bool {
        let whole = value.split_once('.').map_or(value, |(whole, _)| whole);
        let (Ok(counted), (begun, asked)) = (whole.parse::<i128>(), self.since_1970) else {
            return false;
        };
        // A clock that nobody asked knows no time.
        if begun == 0 {
            return false;
        }
        [1_000_000, 1_000, 1].iter().any(|unit| (begun / unit..=asked / unit).contains(&counted))
            || (begun * 1_000..(asked + 1) * 1_000).contains(&counted)
    }
}

/// A sequence that a column draws from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The column's table.
    pub table: Name,
    /// The column.
    pub column: String,
    /// Its type: `int2`, `int4` or `int8`.
    pub type_name: String,
    /// The sequence, qualified and quoted where it must be.
    pub sequence: String,
    /// `INCREMENT`.
    pub increment: i64,
    /// `MAXVALUE`.
    pub max: i64,
    /// `CYCLE`.
    pub cycles: bool,
    /// `last_value`.
    pub last: i64,
    /// `is_called`.
    pub is_called: bool,
    /// The column's largest value.
    pub top: Option<i64>,
}

pub(super) fn drawn(row: Vec<Cell>) -> Option<Drawn> {
    let mut cells = row.into_iter().flatten();
    let mut next = || cells.next();
    Some(Drawn {
        table: Name::new(next()?, next()?),
        column: next()?,
        type_name: next()?,
        sequence: next()?,
        increment: next()?.parse().ok()?,
        max: next()?.parse().ok()?,
        cycles: next()? == "t",
        last: 0,
        is_called: false,
        top: None,
    })
}
