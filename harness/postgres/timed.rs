//! One statement sent as fast as can be, its rows dropped: what a load is made of.
//!
//! Knows values in the binary form of their types. Must not know when something is sent, nor how long
//! it took.

use futures_util::TryStreamExt;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::{Arguments, AssertSqlSafe, Encode, Postgres, Type};

use super::{PostgresError, Session};

/// A value in the form of the extended protocol, as its type's send function gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinaryValue {
    type_oid: u32,
    bytes: Option<Vec<u8>>,
}

impl BinaryValue {
    /// A value of the type with this object id; `None` is NULL.
    pub fn new(type_oid: u32, bytes: Option<Vec<u8>>) -> Self {
        Self { type_oid, bytes }
    }
}

impl Type<Postgres> for BinaryValue {
    fn type_info() -> PgTypeInfo {
        // What a value of its own says is asked first.
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for BinaryValue {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(bytes) = &self.bytes else { return Ok(IsNull::Yes) };
        buffer.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.type_oid)))
    }
}

impl Session {
    /// The server's process that works for this session.
    pub async fn backend(&mut self) -> Result<u32, PostgresError> {
        let backend = self.value("SELECT pg_catalog.pg_backend_pid()").await?.unwrap_or_default();
        backend.parse().map_err(|_| PostgresError::Unexpected(backend))
    }

    /// Executes a statement that is prepared when it is met for the first time in this session, with
    /// these values, and drops its rows.
    pub async fn execute_prepared(
        &mut self,
        sql: &str,
        values: &[BinaryValue],
    ) -> Result<(), PostgresError> {
        let mut arguments = PgArguments::default();
        for value in values {
            arguments
                .add(value.clone())
                .map_err(|error| PostgresError::Unexpected(error.to_string()))?;
        }
        let sent = |connection| async {
            let mut rows = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch(connection);
            while rows.try_next().await?.is_some() {}
            Ok(())
        };
        self.limited(sent).await
    }
}
