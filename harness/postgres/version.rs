//! Server versions as `server_version` and `postgres --version` print them.

use std::fmt;

/// A server version, for example `15.18`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The major version, for example 15.
    pub major: u32,
    /// The minor version, for example 18; 0 for a beta.
    pub minor: u32,
}

impl Version {
    /// Reads the first `N[.M]` in a text such as `postgres (PostgreSQL) 15.18 (Debian ..)`.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text
            .split(|c: char| c.is_whitespace() || c == '(' || c == ')')
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let mut numbers = word.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = match word.find('.') {
            Some(_) => numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0),
            None => 0,
        };
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn reads_what_servers_and_programs_print() {
        for (text, major, minor) in [
            ("15.18 (Debian 15.18-0+deb12u1)", 15, 18),
            ("postgres (PostgreSQL) 18.6", 18, 6),
            ("pg_dump (PostgreSQL) 17.2 - Percona Distribution", 17, 2),
            ("19beta1", 19, 0),
        ] {
            assert_eq!(Version::parse(text), Some(Version { major, minor }), "{text}");
        }
        assert_eq!(Version::parse("no digits here"), None);
    }
}
