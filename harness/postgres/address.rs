//! A URL of a database, and what it leaves open.
//!
//! Knows which parts a connection has. Must not know where those come from that a URL lacks.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::{PostgresError, Target};

/// A part of where and how to connect, by libpq's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The server's name, its address, or the folder of its socket.
    Host,
    /// Its port.
    Port,
    /// The role.
    User,
    /// The role's password.
    Password,
    /// The database.
    Database,
    /// How TLS is asked for.
    SslMode,
    /// What the server's certificate is checked with.
    SslRootCert,
    /// The client's certificate.
    SslCert,
    /// The client's key.
    SslKey,
    /// Settings for the session.
    Options,
}

impl Part {
    /// The names by which a URL's query may have it; the first one is libpq's.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Host => &["host", "hostaddr"],
            Self::Port => &["port"],
            Self::User => &["user"],
            Self::Password => &["password"],
            Self::Database => &["dbname"],
            Self::SslMode => &["sslmode", "ssl-mode"],
            Self::SslRootCert => &["sslrootcert", "ssl-root-cert", "ssl-ca"],
            Self::SslCert => &["sslcert", "ssl-cert"],
            Self::SslKey => &["sslkey", "ssl-key"],
            Self::Options => &["options"],
        }
    }

    /// libpq's word.
    pub fn word(self) -> &'static str {
        self.names().first().copied().unwrap_or_default()
    }
}

/// A URL to which parts may be added. It holds the password, so it has no `Debug` and no `Display`.
#[derive(Clone)]
#[allow(missing_debug_implementations)]
pub struct Address(Url);

impl Address {
    /// Reads `postgres://user:password@host:port/database?options`, also `postgresql://` and, as
    /// SQLAlchemy has them, `postgresql+driver://`. User, password and database are
    /// percent-decoded.
    pub fn parse(text: &str) -> Result<Self, PostgresError> {
        let refused = |why: &str| Err(PostgresError::Url(why.to_owned()));
        let (scheme, rest) = text.trim().split_once("://").unwrap_or_default();
        let (kind, driver) = match scheme.split_once('+') {
            Some((kind, driver)) => (kind, Some(driver)),
            None => (scheme, None),
        };
        if !matches!(kind, "postgres" | "postgresql") {
            return refused("it must begin with postgres://");
        }
        let mut url = without_host(rest)
            .unwrap_or_else(|| Url::parse(&format!("postgres://{rest}")))
            .map_err(|error| PostgresError::Url(format!("{error}{ENCODE}")))?;
        // A URL ends its host at these, and a password with one of them would become a part of it.
        let in_query = url.query_pairs().any(|(key, _)| key.contains('@'));
        if url.fragment().is_some() || url.path().contains('@') || in_query {
            return refused(ENCODE.trim_start_matches(": "));
        }
        if driver.is_some() {
            translate(&mut url);
        }
        Ok(Self(url))
    }

    /// One that leaves all open.
    pub fn open() -> Result<Self, PostgresError> {
        Self::parse("postgres://")
    }

    /// Whether the part is not in it.
    pub fn lacks(&self, part: Part) -> bool {
        let url = &self.0;
        let stands = match part {
            Part::Host => url.host_str().is_some_and(|host| !host.is_empty()),
            Part::Port => url.port().is_some(),
            Part::User => !url.username().is_empty(),
            Part::Password => url.password().is_some_and(|password| !password.is_empty()),
            Part::Database => !url.path().trim_start_matches('/').is_empty(),
            _ => false,
        };
        let names = part.names();
        !stands && !url.query_pairs().any(|(key, _)| names.contains(&key.as_ref()))
    }

    /// Adds a part that it lacks.
    pub fn add(&mut self, part: Part, value: &str) {
        self.0.query_pairs_mut().append_pair(part.word(), value);
    }

    /// Where it leads. What is still open comes from libpq's variables in the environment of this
    /// process and, for a password, from `PGPASSFILE` or `~/.pgpass`.
    pub fn target(&self) -> Result<Target, PostgresError> {
        PgConnectOptions::from_str(self.0.as_str())
            .map(Target::wrap)
            .map_err(|error| PostgresError::Url(error.to_string()))
    }
}

/// What most often makes a URL none.
const ENCODE: &str = ": characters such as `@`, `/`, `?`, `#` and `%` in a password are written as %40, %2F, %3F, \
     %23 and %25";

/// `user:password@/database`, which libpq and SQLAlchemy take and a URL proper is not: user and
/// password go into the query.
fn without_host(rest: &str) -> Option<Result<Url, url::ParseError>> {
    let (user, path) = rest.split_once("@/")?;
    if user.contains(['/', '?', '#', '@']) {
        return None;
    }
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(Url::parse(&format!("postgres:///{path}")).map(|mut url| {
        for (part, value) in [(Part::User, user), (Part::Password, password)] {
            if !value.is_empty() {
                url.query_pairs_mut().append_pair(part.word(), &decoded(value));
            }
        }
        url
    }))
}

/// What drivers of Python call otherwise.
fn translate(url: &mut Url) {
    let ssl = url.query_pairs().find(|(key, _)| key == "ssl").map(|(_, mode)| mode.into_owned());
    let has_mode = url.query_pairs().any(|(key, _)| key == "sslmode");
    if let Some(mode) = ssl.filter(|_| !has_mode) {
        let mode = if matches!(mode.as_str(), "true" | "True" | "1") { "require" } else { &mode };
        url.query_pairs_mut().append_pair("sslmode", mode);
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Part};

    #[test]
    fn schemes_of_sqlalchemy_are_read_as_ours() {
        for scheme in ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg"] {
            let url = format!("{scheme}://ann:p%40ss@db.example:5433/shop?ssl=require");
            let target = Address::parse(&url).unwrap().target().unwrap();
            assert_eq!(target.to_string(), "database \"shop\" at db.example:5433 as ann");
            let variables = target.libpq_environment();
            assert!(variables.contains(&("PGPASSWORD", "p@ss".to_owned())), "{scheme}");
            let is_asked_for = variables.contains(&("PGSSLMODE", "require".to_owned()));
            assert_eq!(is_asked_for, scheme.contains('+'), "{scheme}");
        }
        assert!(Address::parse("mysql+pymysql://localhost/x").is_err());
        assert!(Address::parse("postgres").is_err());
    }

    #[test]
    fn parts_are_added_where_they_are_open() {
        let mut address = Address::parse("postgres://ann@/shop?x=1").unwrap();
        assert!(!address.lacks(Part::User) && !address.lacks(Part::Database));
        for (part, value) in
            [(Part::Host, "::1"), (Part::Port, "5433"), (Part::Password, "p@ss w%rd")]
        {
            assert!(address.lacks(part), "{part:?}");
            address.add(part, value);
            assert!(!address.lacks(part), "{part:?}");
        }
        let target = address.target().unwrap();
        assert_eq!(target.password().unwrap().expose(), "p@ss w%rd");
        assert_eq!(target.to_string(), "database \"shop\" at [::1]:5433 as ann");
        let again = Address::parse(&target.url_with_password()).unwrap().target().unwrap();
        assert_eq!(again.libpq_environment(), target.libpq_environment());
    }

    #[test]
    fn a_password_that_is_not_encoded_is_never_taken_for_something_else() {
        for password in ["12#4secret", "12/4secret", "12?4secret", "p/secret", "x?secret@"] {
            let url = format!("postgres://ann:{password}@db.example/shop");
            let Err(error) = Address::parse(&url) else { panic!("{url} was read") };
            let error = error.to_string();
            assert!(error.contains("%40") && !error.contains("secret"), "{error}");
        }
    }
}
