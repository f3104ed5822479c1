//! Where to connect: host or socket, database, role. Its text never shows the password.

use std::fmt;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::{Address, PostgresError};
use crate::secret::{Scrubber, Secret};

/// What is encoded in each part of a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One database of one server, and as whom.
#[derive(Clone)]
pub struct Target(pub(super) PgConnectOptions);

impl Target {
    /// Reads a URL as [`Address::parse`] does; what is not given comes from libpq's variables
    /// (`PGHOST` and so on) and `~/.pgpass`.
    pub fn parse(url: &str) -> Result<Self, PostgresError> {
        Address::parse(url)?.target()
    }

    /// A server that listens on a unix socket in `directory`, without a password.
    pub fn socket(directory: &Path, port: u16, role: &str, database: &str) -> Self {
        Self::wrap(
            PgConnectOptions::new_without_pgpass()
                .socket(directory)
                .port(port)
                .username(role)
                .password("")
                .database(database),
        )
    }

    pub(super) fn wrap(options: PgConnectOptions) -> Self {
        Self(options.disable_statement_logging())
    }

    /// The same server and role, another database.
    #[must_use]
    pub fn database(&self, name: &str) -> Self {
        Self(self.0.clone().database(name))
    }

    /// The same database as another role.
    #[must_use]
    pub fn as_role(&self, name: &str) -> Self {
        Self(self.0.clone().username(name))
    }

    /// The name of the database, if one was given.
    pub fn database_name(&self) -> Option<&str> {
        self.0.get_database()
    }

    /// Whether it is reached by a socket in the file system.
    pub fn is_socket(&self) -> bool {
        self.host().starts_with('/')
    }

    /// The name of the role.
    pub fn role(&self) -> &str {
        self.0.get_username()
    }

    /// The password, if there is one.
    pub fn password(&self) -> Option<Secret> {
        let url = self.rest();
        let encoded = url.password().filter(|password| !password.is_empty())?;
        Some(Secret::new(percent_decode_str(encoded).decode_utf8_lossy()))
    }

    /// The URL with its password: for child programs and for printing on request, never for logs.
    pub fn url_with_password(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        let host = self.host();
        let host = match host.as_str() {
            directory if directory.starts_with('/') => encode(directory),
            address if address.contains(':') => format!("[{address}]"),
            name => encode(name),
        };
        let password = self.password();
        let password = password.map(|it| format!(":{}", encode(it.expose()))).unwrap_or_default();
        let (role, port) = (encode(self.role()), self.0.get_port());
        let database = encode(self.database_name().unwrap_or_default());
        let options = self.options().map(|(key, _, value)| format!("{key}={}", encode(&value)));
        let options = options.collect::<Vec<_>>().join("&");
        format!("postgres://{role}{password}@{host}:{port}/{database}?{options}")
    }

    /// The variables that make libpq programs connect here; the password is among them, so they
    /// belong in a child's environment and never on its command line.
    pub fn libpq_environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("PGHOST", self.host()),
            ("PGPORT", self.0.get_port().to_string()),
            ("PGUSER", self.0.get_username().to_owned()),
        ];
        if let Some(database) = self.0.get_database() {
            variables.push(("PGDATABASE", database.to_owned()));
        }
        if let Some(password) = self.password() {
            variables.push(("PGPASSWORD", password.expose().to_owned()));
        }
        if let Some(options) = self.0.get_options() {
            variables.push(("PGOPTIONS", options.to_owned()));
        }
        variables.extend(self.options().map(|(_, variable, value)| (variable, value)));
        variables
    }

    /// `text` with the password taken out: for what child programs say.
    pub fn without_password(&self, text: &str) -> String {
        let Some(password) = self.password() else { return text.to_owned() };
        Scrubber::new(std::iter::once(password.expose())).scrub(text).into_owned()
    }

    /// The host's name or address, or the folder of its socket.
    pub(super) fn host(&self) -> String {
        match self.0.get_socket() {
            Some(directory) => directory.display().to_string(),
            None => self.0.get_host().trim_matches(['[', ']']).to_owned(),
        }
    }

    /// What sqlx tells only as a URL. It panics where a host or a role can't stand in one as they
    /// are (an address of IPv6, the folder of a socket), so those are others here.
    fn rest(&self) -> Url {
        self.0.clone().host("localhost").username("role").to_url_lossy()
    }

    /// How TLS is asked for: name in a URL, variable, value.
    pub(super) fn options(&self) -> impl Iterator<Item = (&'static str, &'static str, String)> {
        let pairs: Vec<(String, String)> = self.rest().query_pairs().into_owned().collect();
        pairs.into_iter().filter_map(|(key, value)| {
            let (key, variable) = match key.as_str() {
                "sslmode" => ("sslmode", "PGSSLMODE"),
                "sslrootcert" => ("sslrootcert", "PGSSLROOTCERT"),
                "sslcert" => ("sslcert", "PGSSLCERT"),
                "sslkey" => ("sslkey", "PGSSLKEY"),
                _ => return None,
            };
            // sqlx writes so where a file is meant.
            let value = value.strip_prefix("file: ").map(str::to_owned).unwrap_or(value);
            Some((key, variable, value))
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.0.get_socket() {
            Some(directory) => directory.display().to_string(),
            None => match self.host() {
                address if address.contains(':') => format!("[{address}]:{}", self.0.get_port()),
                name => format!("{name}:{}", self.0.get_port()),
            },
        };
        let database = self.0.get_database().unwrap_or_else(|| self.role());
        write!(out, "database {database:?} at {host} as {}", self.role())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_password_is_never_shown_but_reaches_child_programs() {
        let target = Target::parse("postgres://ann:p%40ss@db.example:5433/shop").unwrap();
        assert!(!format!("{target} {target:?}").contains("p@ss"));
        assert!(target.libpq_environment().contains(&("PGPASSWORD", "p@ss".to_owned())));
        assert_eq!(target.database("other").database_name(), Some("other"));
    }

    #[test]
    fn child_programs_connect_as_the_url_says() {
        let url = "postgres://ann@db/shop?sslmode=verify-full&sslrootcert=/etc/root.crt\
                   &options=-c%20lock_timeout%3D1s";
        let variables = Target::parse(url).unwrap().libpq_environment();
        for wanted in [
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/etc/root.crt"),
            ("PGOPTIONS", "-c lock_timeout=1s"),
        ] {
            let wanted = (wanted.0, wanted.1.to_owned());
            assert!(variables.contains(&wanted), "{wanted:?} is not in {variables:?}");
        }
    }

    #[test]
    fn sockets_and_addresses_come_back_from_a_url() {
        for url in ["postgres://a%2Fnn@[::1]:5433/shop", "postgres:///a%3Fb?host=/var/run/x"] {
            let target = Target::parse(url).unwrap();
            let again = Target::parse(&target.url_with_password()).unwrap();
            assert_eq!(again.to_string(), target.to_string());
            assert_eq!(again.libpq_environment(), target.libpq_environment());
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        assert!(Target::parse("mysql://localhost/x").is_err());
    }
}
