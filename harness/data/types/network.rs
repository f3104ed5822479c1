//! Addresses of networks and machines.
//!
//! Knows how they are written. Must not know who uses them.

use proptest::prelude::*;

use super::family::{Family, Listed};

pub(super) fn family(name: &str, _: i32) -> Option<Box<dyn Family>> {
    Some(match name {
        "inet" => Box::new(INET),
        "cidr" => Box::new(CIDR),
        "macaddr" => Box::new(MACADDR),
        "macaddr8" => Box::new(MACADDR8),
        _ => return None,
    })
}

fn address(n: u64) -> Option<String> {
    let [.., over, a, b, c] = n.checked_add(1)?.to_be_bytes();
    (over == 0 && n < 0x00ff_ffff).then(|| format!("10.{a}.{b}.{c}"))
}

fn machine(n: u64) -> Option<String> {
    let number = u32::try_from(n.checked_add(1)?).ok()?;
    let bytes = number.to_be_bytes().map(|byte| format!("{byte:02x}"));
    Some(format!("02:00:{}", bytes.join(":")))
}

const INET: Listed = Listed {
    boundary: &[
        "0.0.0.0",
        "127.0.0.1",
        "192.168.1.5/24",
        "192.168.1.0/24",
        "0.0.0.0/0",
        "255.255.255.255",
        "::",
        "::1",
        "2001:db8::1/64",
        "::ffff:192.168.1.5",
        "10.0.0.9",
        "10.0.0.10",
    ],
    plain: &[
        "192.168.1.10",
        "10.1.2.3",
        "203.0.113.7",
        "198.51.100.23",
        "172.16.0.4",
        "2001:db8::8a2e:370:7334",
    ],
    canonical: &["0.0.0.0", "127.0.0.1"],
    ordered: &[],
    distinct: address,
    drawn: Some(|| {
        let parts = (any::<[u8; 4]>(), 0..=32_u8);
        parts.prop_map(|([a, b, c, d], mask)| format!("{a}.{b}.{c}.{d}/{mask}")).boxed()
    }),
};

const CIDR: Listed = Listed {
    boundary: &[
        "0.0.0.0/0",
        "192.168.1.0/24",
        "192.168.1.5/32",
        "10.0.0.0/8",
        "255.255.255.255/32",
        "::/0",
        "2001:db8::/32",
        "::1/128",
    ],
    plain: &[
        "10.1.0.0/16",
        "192.168.0.0/24",
        "172.16.0.0/12",
        "203.0.113.0/24",
        "10.20.30.0/24",
        "2001:db8:1::/48",
    ],
    canonical: &["0.0.0.0/0", "10.0.0.0/8"],
    ordered: &[],
    distinct: |n| Some(format!("{}/32", address(n)?)),
    drawn: Some(|| any::<[u8; 3]>().prop_map(|[a, b, c]| format!("{a}.{b}.{c}.0/24")).boxed()),
};

const MACADDR: Listed = Listed {
    boundary: &[
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "08-00-2B-01-02-03",
        "08002b010203",
        "08:00:2b:01:02:03",
    ],
    plain: &["08:00:2b:01:02:04", "00:1b:44:11:3a:b7", "3c:22:fb:9a:10:0e", "a4:83:e7:5d:21:6f"],
    canonical: &["00:00:00:00:00:00", "00:00:00:00:00:01"],
    ordered: &[],
    distinct: machine,
    drawn: None,
};

const MACADDR8: Listed = Listed {
    boundary: &[
        "00:00:00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff:ff:ff",
        "08:00:2b:01:02:03",
        "08:00:2b:ff:fe:01:02:03",
        "08002b0102030405",
    ],
    plain: &["08:00:2b:01:02:03:04:06", "00:1b:44:ff:fe:11:3a:b7", "3c:22:fb:ff:fe:9a:10:0e"],
    canonical: &["00:00:00:00:00:00:00:00", "00:00:00:00:00:00:00:01"],
    ordered: &[],
    distinct: |n| Some(format!("{}:00:00", machine(n)?)),
    drawn: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end() {
        assert_eq!(address(0).unwrap(), "10.0.0.1");
        assert_eq!(address(255).unwrap(), "10.0.1.0");
        assert_eq!(address(0x00ff_fffe).unwrap(), "10.255.255.255");
        assert_eq!((address(0x00ff_ffff), address(u64::MAX)), (None, None));
        assert_eq!(machine(0).unwrap(), "02:00:00:00:00:01");
    }
}
