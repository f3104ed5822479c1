//! What makes a value simpler.
//!
//! Knows one value and its column. Must not know rows.

use super::case::CaseColumn;

/// One way to make a value simpler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The canonical value at this place.
    Canonical(usize),
    /// The first character; of a number the power of ten with as many digits.
    Shortest,
    /// Half the characters; half of a number.
    Half,
}

/// At most four ways that are worth a call, the most promising first. Values that belong together
/// (twins) lose that by becoming the same one, but not by losing their ends.
pub(super) fn ways(column: &CaseColumn, are_many: bool) -> Vec<Way> {
    // Where NULL is refused, the first canonical value was tried as the blank.
    let from = usize::from(!column.is_nullable);
    let canonical = [Way::Canonical(from), Way::Canonical(from + 1)];
    let own = [Way::Shortest, Way::Half];
    let (first, second) = if are_many { (own, canonical) } else { (canonical, own) };
    first.into_iter().chain(second).collect()
}

impl Way {
    /// The simpler value; none if this way leads to no simpler one.
    pub(super) fn simpler(self, column: &CaseColumn, value: &str) -> Option<String> {
        let found = match self {
            Self::Canonical(place) => {
                let earlier = column.canonical.iter().take(place + 1);
                let is_simple = earlier.clone().any(|it| it == value);
                return if is_simple { None } else { column.canonical.get(place).cloned() };
            }
            // A canonical value is as simple as can be.
            _ if column.canonical.iter().any(|it| it == value) => return None,
            Self::Shortest if column.is_numeric() => power_of_ten(value),
            Self::Half if column.is_numeric() => half(value),
            Self::Shortest if column.is_text() => Some(value.chars().take(1).collect()),
            Self::Half if column.is_text() => {
                Some(value.chars().take(value.chars().count() / 2).collect())
            }
            Self::Shortest | Self::Half => None,
        };
        found.filter(|found| found != value && !found.is_empty())
    }
}

fn power_of_ten(value: &str) -> Option<String> {
    let (sign, digits) = parts(value)?;
    Some(format!("{sign}1{}", "0".repeat(digits.len().checked_sub(1)?)))
}

fn half(value: &str) -> Option<String> {
    let (sign, digits) = parts(value)?;
    let half = digits.parse::<i128>().ok()? / 2;
    if half == 0 { None } else { Some(format!("{sign}{half}")) }
}

/// A number's sign and the digits before its point.
fn parts(value: &str) -> Option<(&str, &str)> {
    let (sign, rest) = value.strip_prefix('-').map_or(("", value), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let are_digits = whole.chars().chain(fraction.chars()).all(|it| it.is_ascii_digit());
    let digits = whole.trim_start_matches('0');
    (are_digits && !digits.is_empty()).then_some((sign, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(canonical: &[&str]) -> CaseColumn {
        CaseColumn {
            name: "it".to_owned(),
            is_nullable: true,
            canonical: canonical.iter().map(|it| (*it).to_owned()).collect(),
            known: Vec::new(),
            is_key: false,
            is_given: true,
            is_number: false,
        }
    }

    fn all(canonical: &[&str], value: &str) -> Vec<String> {
        let column = column(canonical);
        ways(&column, false).iter().filter_map(|way| way.simpler(&column, value)).collect()
    }

    #[test]
    fn text_gets_shorter() {
        assert_eq!(all(&["", "a"], "Straße"), ["", "a", "S", "Str"]);
        assert_eq!(all(&["", "a"], "b"), ["", "a"]);
        assert_eq!(all(&["", "a"], "a"), [""]);
        assert_eq!(all(&["", "a"], ""), [""; 0]);
    }

    #[test]
    fn numbers_go_toward_zero() {
        assert_eq!(all(&["0", "1"], "4711"), ["0", "1", "1000", "2355"]);
        assert_eq!(all(&["0", "1"], "-70.25"), ["0", "1", "-10", "-35"]);
        assert_eq!(all(&["0", "1"], "NaN"), ["0", "1"]);
    }

    #[test]
    fn other_types_take_canonical_values_only() {
        assert_eq!(all(&["2000-01-01"], "1969-12-31"), ["2000-01-01"]);
    }
}
