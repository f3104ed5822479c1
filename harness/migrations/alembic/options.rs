//! What a user says about an environment besides its own files.

use serde::Deserialize;

/// `[alembic]`: what Alembic's command line would be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AlembicOptions {
    /// The section of `alembic.ini`, `alembic` by default: `alembic --name`.
    pub section: Option<String>,
    /// Arguments for its `env.py`, each `KEY=VALUE` or `KEY`: `alembic -x`.
    #[serde(default)]
    pub x: Vec<String>,
    /// The name of the version table, where its `env.py` can't be asked for it without a connection.
    pub version_table: Option<String>,
    /// The schema of the version table, likewise.
    pub version_table_schema: Option<String>,
}
