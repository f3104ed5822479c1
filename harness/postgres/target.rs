//! Where to connect: host or socket, database, role. Its text never shows the password.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::PostgresError;

/// One database of one server, and as whom.
#[derive(Clone)]
pub struct Target(pub(super) PgConnectOptions);

impl Target {
    /// Reads `postgres://user:password@host:port/database?options`; what is not given comes from
    /// libpq's variables (`PGHOST` and so on) and `~/.pgpass`.
    pub fn parse(url: &str) -> Result<Self, PostgresError> {
        let scheme_is_right = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !scheme_is_right {
            return Err(PostgresError::Url("it must begin with postgres://".to_owned()));
        }
        PgConnectOptions::from_str(url)
            .map(Self::wrap)
            .map_err(|error| PostgresError::Url(error.to_string()))
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

    fn wrap(options: PgConnectOptions) -> Self {
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

    /// The name of the role.
    pub fn role(&self) -> &str {
        self.0.get_username()
    }

    /// The URL with its password: for child programs and for printing on request, never for logs.
    pub fn url_with_password(&self) -> String {
        self.0.to_url_lossy().to_string()
    }

    /// The variables that make libpq programs connect here; the password is among them, so they
    /// belong in a child's environment and never on its command line.
    pub fn libpq_environment(&self) -> Vec<(&'static str, String)> {
        let url = self.0.to_url_lossy();
        let host = match self.0.get_socket() {
            Some(directory) => directory.display().to_string(),
            None => self.0.get_host().to_owned(),
        };
        let mut variables = vec![
            ("PGHOST", host),
            ("PGPORT", self.0.get_port().to_string()),
            ("PGUSER", self.0.get_username().to_owned()),
        ];
        if let Some(database) = self.0.get_database() {
            variables.push(("PGDATABASE", database.to_owned()));
        }
        if let Some(password) = url.password().filter(|password| !password.is_empty()) {
            variables.push(("PGPASSWORD", percent_decode(password)));
        }
        if let Some(options) = self.0.get_options() {
            variables.push(("PGOPTIONS", options.to_owned()));
        }
        for (key, value) in url.query_pairs() {
            let name = match key.as_ref() {
                "sslmode" | "ssl-mode" => "PGSSLMODE",
                "sslrootcert" => "PGSSLROOTCERT",
                "sslcert" => "PGSSLCERT",
                "sslkey" => "PGSSLKEY",
                _ => continue,
            };
            // Files are shown as such.
            let value = value.strip_prefix("file: ").unwrap_or(&value);
            variables.push((name, value.to_owned()));
        }
        variables
    }
}

impl Target {
    /// `text` with the password taken out: for what child programs say.
    pub fn without_password(&self, text: &str) -> String {
        let url = self.0.to_url_lossy();
        let Some(encoded) = url.password().filter(|password| !password.is_empty()) else {
            return text.to_owned();
        };
        text.replace(&percent_decode(encoded), "***").replace(encoded, "***")
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let pair: Vec<u8> = bytes.by_ref().take(2).collect();
        let value =
            std::str::from_utf8(&pair).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.extend(value);
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.0.get_socket() {
            Some(directory) => directory.display().to_string(),
            None => format!("{}:{}", self.0.get_host(), self.0.get_port()),
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
        assert_eq!(target.without_password("got p@ss and p%40ss"), "got *** and ***");
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
    fn other_schemes_are_refused() {
        assert!(Target::parse("mysql://localhost/x").is_err());
    }
}
