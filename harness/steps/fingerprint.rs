//! What a server is, as far as a migration can notice.

use crate::postgres::{PostgresError, Session};
use crate::server::Server;

const ABOUT: &str = "\
SELECT pg_catalog.version(), \
  (SELECT datcollate || ' ' || datctype FROM pg_catalog.pg_database WHERE datname = 'template0'), \
  (SELECT pg_catalog.string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_catalog.pg_settings \
    WHERE source NOT IN ('default', 'client', 'session') \
      AND category NOT IN ('File Locations', 'Preset Options') \
      AND category NOT LIKE 'Connections and Authentication%' \
      AND category NOT LIKE 'Reporting and Logging%'), \
  (SELECT pg_catalog.string_agg(name || ' ' || version, ',' ORDER BY name, version) \
     FROM pg_catalog.pg_available_extension_versions)";

/// Version, settings and extensions of a running server: equal ones treat a migration alike.
pub async fn fingerprint(server: &Server) -> Result<String, PostgresError> {
    let mut session = Session::connect(server.admin(), "server").await?;
    let rows = session.rows(ABOUT).await?;
    session.close().await?;
    let cells = rows.into_iter().flatten().map(Option::unwrap_or_default);
    let facts = cells.collect::<Vec<_>>().join("\n");
    Ok(format!("{} {facts}", server.backend()))
}
