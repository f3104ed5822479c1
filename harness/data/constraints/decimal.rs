//! Decimal numbers as text, exactly.
//!
//! Knows digits and a point. Must not know types.

/// A number with so many digits behind the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    units: i128,
    scale: u32,
}

impl Decimal {
    /// A plain decimal number; none with an exponent or with more digits than are kept.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = bare.split_once('.').unwrap_or((bare, ""));
        let digits = format!("{whole}{fraction}");
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let units: i128 = digits.parse().ok().filter(|_| is_number && digits.len() <= 30)?;
        let scale = u32::try_from(fraction.len()).ok()?;
        Some(Self { units: if text.starts_with('-') { -units } else { units }, scale })
    }

    /// The number that is `offset` higher.
    pub(super) fn plus(self, offset: i64) -> Self {
        let one = 10_i128.saturating_pow(self.scale);
        Self { units: self.units + i128::from(offset) * one, scale: self.scale }
    }

    /// The numbers a tenth below and above.
    pub(super) fn tenths(self) -> [Self; 2] {
        let fine = if self.scale == 0 { Self { units: self.units * 10, scale: 1 } } else { self };
        let tenth = 10_i128.saturating_pow(fine.scale - 1);
        [-tenth, tenth].map(|step| Self { units: fine.units + step, scale: fine.scale })
    }

    /// How many digits stand before the point, without leading zeros.
    pub(super) fn whole_digits(self) -> usize {
        let whole = self.units.unsigned_abs() / 10_u128.saturating_pow(self.scale);
        if whole == 0 { 0 } else { whole.to_string().len() }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scale = usize::try_from(self.scale).unwrap_or_default();
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at_checked(digits.len() - scale).unwrap_or_default();
        let sign = if self.units < 0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        write!(out, "{sign}{whole}{point}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn neighbours_keep_the_digits() {
        let near = |text: &str, offset| Decimal::parse(text).map(|it| it.plus(offset).to_string());
        assert_eq!(near("10.50", 1).as_deref(), Some("11.50"));
        assert_eq!(near("0", -1).as_deref(), Some("-1"));
        assert_eq!(near("-0.5", 1).as_deref(), Some("0.5"));
        assert_eq!(near("1e5", 1), None);
        assert_eq!(near("", 1), None);
        let tenths = Decimal::parse("1").unwrap().tenths().map(|it| it.to_string());
        assert_eq!(tenths, ["0.9", "1.1"]);
        assert_eq!(Decimal::parse("0012.5").unwrap().whole_digits(), 2);
    }
}
