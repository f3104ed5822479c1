//! Which roles and extensions the SQL of a dump expects to be there.
//!
//! `pg_dump` writes each statement that names a role on one line; rows between `COPY .. FROM stdin`
//! and `\.` are passed over.

use std::collections::BTreeSet;
use std::io::BufRead;

use crate::sql::{self, TokenKind};

/// What must be there before a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expects {
    /// Roles that own something or are granted something.
    pub roles: BTreeSet<String>,
    /// Extensions that are created.
    pub extensions: BTreeSet<String>,
    /// A `\connect` in a plain dump: it would leave the database that was made for it.
    pub connects: bool,
    /// What could speak to other machines, or work by itself, where it is restored: `server far`,
    /// `subscription s`, `extension dblink`.
    pub outward: BTreeSet<String>,
}

/// Extensions that reach a network, start programs or run jobs.
const OUTWARD: [&str; 20] = [
    "aws_lambda",
    "aws_s3",
    "dblink",
    "file_fdw",
    "http",
    "mysql_fdw",
    "oracle_fdw",
    "pg_background",
    "pg_cron",
    "pg_net",
    "pg_timetable",
    "pgagent",
    "pgsql_http",
    "plperlu",
    "plpython3u",
    "plsh",
    "postgres_fdw",
    "tds_fdw",
    "timescaledb",
    "wrappers",
];

/// The roles that a script such as that of `pg_dumpall --globals-only` makes.
pub fn roles_made(script: &str) -> BTreeSet<String> {
    let mut made = BTreeSet::new();
    for line in script.lines() {
        let words = words(line);
        let mut words = words.iter().map(String::as_str);
        if let (Some("create"), Some("role" | "user"), Some(name)) =
            (words.next(), words.next(), words.next())
        {
            made.insert(name.to_owned());
        }
    }
    made
}

const NO_ROLES: [&str; 5] = ["public", "current_user", "current_role", "session_user", "none"];

impl Expects {
    /// Reads the SQL of a dump line by line.
    pub fn read(dump: impl BufRead) -> std::io::Result<Self> {
        let mut expects = Self::default();
        let mut in_rows = false;
        for line in dump.split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            if in_rows {
                in_rows = line.trim_end() != "\\.";
            } else if line.starts_with("COPY ") && line.trim_end().ends_with("FROM stdin;") {
                in_rows = true;
            } else {
                expects.line(&line);
            }
        }
        Ok(expects)
    }

    fn line(&mut self, line: &str) {
        if line.starts_with("\\connect") {
            self.connects = true;
        }
        let words = words(line);
        let word = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
        match (word(0), word(1)) {
            ("create", "extension") => {
                let name = if word(2) == "if" { word(5) } else { word(2) };
                self.extensions.insert(name.to_owned());
                if OUTWARD.contains(&name) {
                    self.outward.insert(format!("extension {name}"));
                }
            }
            ("create", kind @ ("server" | "subscription")) => {
                self.outward.insert(format!("{kind} {}", word(2)));
            }
            ("alter", "default") => {
                self.after(&words, &["role"], 1);
                self.after(&words, &["to"], 1);
                self.after(&words, &["from"], 1);
            }
            ("alter", _) => self.after(&words, &["owner", "to"], 1),
            ("grant", _) | ("create", "policy") => self.after(&words, &["to"], usize::MAX),
            ("revoke", _) => self.after(&words, &["from"], usize::MAX),
            ("set", "session") | ("create", "schema") => {
                self.after(&words, &["authorization"], 1);
            }
            ("create", "user") if word(2) == "mapping" => {
                self.outward.insert("user mapping".to_owned());
                self.after(&words, &["for"], 1);
            }
            _ => {}
        }
    }

    /// Takes up to `most` names of a comma list that follows the last place of `lead`.
    fn after(&mut self, words: &[String], lead: &[&str], most: usize) {
        let found = words.windows(lead.len()).rposition(|window| window == lead);
        let Some(start) = found else { return };
        let mut rest = words.iter().skip(start + lead.len());
        for _ in 0..most {
            let Some(name) = rest.next() else { return };
            let is_role = !NO_ROLES.contains(&name.as_str())
                && !name.starts_with("pg_")
                && !name.starts_with('\'');
            if is_role {
                self.roles.insert(name.clone());
            }
            if rest.next().map(String::as_str) != Some(",") {
                return;
            }
        }
    }
}

/// The words, commas and literals of a line, folded as the server folds them.
fn words(line: &str) -> Vec<String> {
    let keep = |kind: TokenKind, text: &str| match kind {
        TokenKind::Word => Some(text.to_lowercase()),
        TokenKind::QuotedIdent => Some(text.trim_matches('"').replace("\"\"", "\"")),
        TokenKind::String => Some("'".to_owned()),
        _ => (text == ",").then(|| text.to_owned()),
    };
    sql::tokens(line).filter_map(|token| keep(token.kind, line.get(token.bytes.clone())?)).collect()
}

#[cfg(test)]
mod tests {
    use super::Expects;

    #[test]
    fn roles_and_extensions_are_found_where_pg_dump_writes_them() {
        let dump = r#"
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
ALTER TABLE public.note OWNER TO "App Owner";
GRANT SELECT,INSERT ON TABLE public.note TO clerk;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE POLICY own ON public.note FOR SELECT TO reader, writer USING ((who = CURRENT_USER));
ALTER DEFAULT PRIVILEGES FOR ROLE boss IN SCHEMA public GRANT SELECT ON TABLES TO viewer;
COPY public.note (id) FROM stdin;
GRANT SELECT ON TABLE public.note TO nobody_at_all;
\.
COMMENT ON TABLE public.note IS 'granted to everyone';
"#;
        let expects = Expects::read(dump.as_bytes()).unwrap();
        let roles: Vec<_> = expects.roles.iter().map(String::as_str).collect();
        assert_eq!(roles, ["App Owner", "boss", "clerk", "reader", "viewer", "writer"]);
        assert_eq!(expects.extensions.iter().collect::<Vec<_>>(), ["btree_gist"]);
        assert!(!expects.connects);
        assert!(expects.outward.is_empty());
    }

    #[test]
    fn roles_of_a_file_of_globals() {
        let script = "CREATE ROLE ann;\nALTER ROLE ann WITH NOSUPERUSER LOGIN;\n\
                      CREATE ROLE \"App Owner\";\nCREATE USER bob PASSWORD 'x';\nGRANT ann TO bob;\n";
        let made: Vec<String> = super::roles_made(script).into_iter().collect();
        assert_eq!(made, ["App Owner", "ann", "bob"]);
    }

    #[test]
    fn what_could_speak_to_others_is_told() {
        let dump = "CREATE EXTENSION IF NOT EXISTS dblink WITH SCHEMA public;\n\
                    CREATE EXTENSION hstore;\n\
                    CREATE SERVER \"Far\" FOREIGN DATA WRAPPER postgres_fdw OPTIONS (\n\
                    CREATE USER MAPPING FOR ann SERVER \"Far\" OPTIONS (\n\
                    CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p WITH (connect = false);\n";
        let outward = Expects::read(dump.as_bytes()).unwrap().outward;
        let outward: Vec<_> = outward.iter().map(String::as_str).collect();
        assert_eq!(outward, ["extension dblink", "server Far", "subscription s", "user mapping"]);
    }
}
