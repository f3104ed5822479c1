//! Truth, bytes, bits and uuids.
//!
//! Knows how they are written. Must not know what they stand for.

use proptest::collection::vec;
use proptest::prelude::*;

use super::family::{Family, Listed, filled, pool, unique};

pub(super) fn family(name: &str, modifier: i32) -> Option<Box<dyn Family>> {
    Some(match name {
        "bool" => Box::new(BOOL),
        "bytea" => Box::new(BYTEA),
        "uuid" => Box::new(UUID),
        "bit" => Box::new(Bits::new(modifier, true)),
        "varbit" => Box::new(Bits::new(modifier, false)),
        _ => return None,
    })
}

/// Of bits without a modifier, this many are written.
const BITS: usize = 8;

/// `bit(n)`, which is always full, or `varbit(n)`.
struct Bits {
    least: usize,
    most: usize,
}

impl Bits {
    fn new(modifier: i32, is_full: bool) -> Self {
        let length = usize::try_from(modifier).unwrap_or(BITS);
        if is_full {
            return Self { least: length, most: length };
        }
        Self { least: 0, most: length }
    }

    /// The number in binary, in as many digits as there may be.
    fn number(&self, number: u64) -> Option<String> {
        let digits = format!("{number:b}");
        let width = if self.least == 0 { self.most.min(64) } else { self.most };
        (digits.len() <= width).then(|| format!("{digits:0>width$}"))
    }
}

impl Family for Bits {
    fn boundary(&self) -> Vec<String> {
        let lone = if self.least == 0 { vec![String::new(), "0".to_owned()] } else { Vec::new() };
        let most = self.most;
        let full = [
            "0".repeat(most),
            "1".repeat(most),
            format!("{:0<most$}", "1"),
            format!("{:0>most$}", "1"),
        ];
        unique(lone.into_iter().chain(full))
    }

    fn plain(&self) -> Vec<String> {
        filled(Vec::new(), |n| self.distinct(n))
    }

    fn canonical(&self) -> Vec<String> {
        unique(["0".repeat(self.least), format!("{:0>width$}", "1", width = self.least.max(1))])
    }

    fn distinct(&self, n: u64) -> Option<String> {
        self.number(n)
    }

    fn any(&self) -> BoxedStrategy<String> {
        let (least, most) = (self.least, self.most.min(self.least.max(64)));
        let drawn = vec(any::<bool>(), least..=most);
        let drawn = drawn
            .prop_map(|bits| bits.into_iter().map(|bit| if bit { '1' } else { '0' }).collect());
        prop_oneof![1 => pool(self.known()), 2 => drawn].boxed()
    }
}

const BOOL: Listed = Listed {
    boundary: &["false", "true"],
    plain: &["true", "false"],
    canonical: &["false", "true"],
    ordered: &["false", "true"],
    distinct: |n| match n {
        0 => Some("false".to_owned()),
        1 => Some("true".to_owned()),
        _ => None,
    },
    drawn: None,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

const BYTEA: Listed = Listed {
    boundary: &[
        "\\x",
        "\\x00",
        "\\x61",
        "\\x41",
        "\\xff",
        "\\x6100",
        "\\x5c78",
        "\\xc3a9",
        "\\xdeadbeef",
    ],
    plain: &["\\x01", "\\x68656c6c6f", "\\x89504e47", "\\x0102030405", "\\xcafe", "\\x7b7d"],
    canonical: &["\\x", "\\x61"],
    ordered: &[],
    distinct: |n| Some(format!("\\x{:016x}", n.checked_add(1)?)),
    drawn: Some(|| vec(any::<u8>(), 0..24).prop_map(|bytes| hex(&bytes)).boxed()),
};

fn uuid(high: u64, low: u64) -> String {
    let all = format!("{high:016x}{low:016x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in all.chars().enumerate() {
        if [8, 12, 16, 20].contains(&at) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

const UUID: Listed = Listed {
    boundary: &[
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "0190163d-8694-739b-aea5-966c26f8ad91",
        "00000000-0000-0000-0000-000000000001",
        "80000000-0000-4000-8000-000000000000",
    ],
    plain: &[
        "3f2b8c1e-5d47-4a9b-9c0e-1f6a7d2e4b80",
        "9d1c7a52-0e3f-4b68-8a7d-c25e9f013b46",
        "c56a4180-65aa-42ec-a945-5fd21dec0538",
        "7b0f4a3d-92c1-4f5e-b6d8-03e1a9c7f254",
        "e4d909c2-90d0-4fb1-9a06-8d2f5b1c7e33",
        "1a79a4d6-0de6-4718-a8e5-b326e338ae53",
    ],
    canonical: &["00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001"],
    ordered: &[],
    distinct: |n| Some(uuid(0x4000, (1 << 63) | (n.checked_add(1)? & (u64::MAX >> 1)))),
    drawn: Some(|| (any::<u64>(), any::<u64>()).prop_map(|(high, low)| uuid(high, low)).boxed()),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_as_long_as_they_must_be() {
        let exact = Bits::new(3, true);
        assert!(exact.known().iter().chain(&exact.canonical()).all(|it| it.len() == 3));
        assert_eq!((0..20).map_while(|n| exact.distinct(n)).count(), 8);
        let up_to = Bits::new(3, false);
        assert!(up_to.known().iter().chain(&up_to.canonical()).all(|it| it.len() <= 3));
        assert_eq!(up_to.canonical(), ["", "1"]);
        assert_eq!(Bits::new(100, true).distinct(5).unwrap().len(), 100);
    }

    #[test]
    fn a_uuid_has_its_dashes() {
        let first = UUID.distinct(0).unwrap();
        assert_eq!(first, "00000000-0000-4000-8000-000000000001");
    }
}
