//! Keeping other roles out of the database, and letting them in again.

use std::fmt::Write;

use crate::exit::Exit;
use crate::postgres::{PostgresError, Session, quote_ident, quote_literal};

use crate::steps;

use super::journal::{Entry, Journal};
use super::run::{Run, Stop};
use super::site::Site;

/// A closed fence: what it was like before.
#[derive(Clone, Debug)]
pub(super) struct Fence {
    database: String,
    acl: Option<String>,
}

impl Fence {
    /// Takes the right to connect from everybody but the owner and superusers, ends their sessions,
    /// and sees that nobody is left.
    pub(super) async fn close(
        run: &mut Run<'_>,
        site: &Site<'_>,
        worker: &mut Session,
    ) -> Result<Self, Stop> {
        let asked = |error: &PostgresError| {
            Stop::postgres(Exit::PreflightRefused, "the fence can't be closed", error)
        };
        let _ = site;
        let sql = "SELECT datname, datacl::text FROM pg_catalog.pg_database \
                   WHERE datname = pg_catalog.current_database()";
        let row = worker.rows(sql).await.map_err(|e| asked(&e))?.into_iter().next();
        let mut cells = row.unwrap_or_default().into_iter();
        let database = cells.next().flatten().unwrap_or_default();
        let fence = Self { database, acl: cells.next().flatten() };
        run.journal(Entry::Fencing { acl: fence.acl.clone() })?;
        let result = fence.keep_out(worker).await;
        if let Err(error) = result {
            let stop = asked(&error);
            let _ = fence.open(worker).await;
            return Err(stop);
        }
        run.note("other roles are kept out until the run has ended");
        Ok(fence)
    }

    /// As a journal has it, if the run closed one and did not open it again.
    pub(super) fn in_journal(journal: &Journal) -> Option<Self> {
        let database = journal.begun()?.database.name.clone();
        journal.entries().iter().rev().find_map(|entry| match entry {
            Entry::Opened => Some(None),
            Entry::Fencing { acl } => {
                Some(Some(Self { database: database.clone(), acl: acl.clone() }))
            }
            _ => None,
        })?
    }

    /// The privileges of before.
    pub(super) fn acl(&self) -> Option<&str> {
        self.acl.as_deref()
    }

    async fn keep_out(&self, worker: &mut Session) -> Result<(), PostgresError> {
        let name = quote_ident(&self.database);
        let roles = "SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' \
                       ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END \
                     FROM pg_catalog.pg_database d, \
                       pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a \
                     WHERE d.datname = pg_catalog.current_database() AND a.privilege_type = 'CONNECT' \
                       AND a.grantee <> d.datdba \
                       AND a.grantee <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)";
        let roles: Vec<String> =
            worker.rows(roles).await?.into_iter().flatten().flatten().collect();
        // A role that may connect through PUBLIC alone must be able to go on itself.
        let mut message = format!("GRANT CONNECT ON DATABASE {name} TO CURRENT_USER");
        for role in roles {
            let _ = write!(message, "; REVOKE CONNECT ON DATABASE {name} FROM {role}");
        }
        worker.execute(&message).await?;
        worker
            .execute(
                "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity \
                 WHERE datname = pg_catalog.current_database() AND usename <> current_user \
                 AND backend_type = 'client backend'",
            )
            .await
    }

    /// Gives everybody back what they had.
    pub(super) async fn open(&self, session: &mut Session) -> Result<(), PostgresError> {
        let name = quote_ident(&self.database);
        let acl = match &self.acl {
            Some(acl) => format!("{}::aclitem[]", quote_literal(acl)),
            None => "pg_catalog.acldefault('d', d.datdba)".to_owned(),
        };
        let grants =
            steps::grants_of(session, &self.database, Some(self.acl()), &self.database).await?;
        let own = format!(
            "SELECT quote_ident(current_user) WHERE NOT EXISTS (SELECT FROM \
             pg_catalog.pg_database d, pg_catalog.aclexplode({acl}) a WHERE d.datname = {} AND a.grantee \
             = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))",
            quote_literal(&self.database)
        );
        let mut message = String::from("BEGIN");
        // What the fence gave to the run's own role, unless it had it before.
        if let Some(role) = session.value(&own).await? {
            let _ = write!(message, "; REVOKE CONNECT ON DATABASE {name} FROM {role}");
        }
        for grant in grants {
            message.push_str("; ");
            message.push_str(&grant);
        }
        message.push_str("; COMMIT");
        session.execute(&message).await
    }
}
