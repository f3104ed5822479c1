//! A copy under the owner of the original, moved by the role that moves the original: what a
//! migration makes belongs to whom it belongs there.

use crate::postgres::{PostgresError, Session, quote_ident, quote_literal};

/// Gives the database `name` to `owner`. Makes that role and `mover` where the server lacks them,
/// without a login, `mover` as a superuser; gives those that were made. `admin` is on that server.
pub async fn give_to(
    admin: &mut Session,
    name: &str,
    owner: &str,
    mover: &str,
) -> Result<Vec<String>, PostgresError> {
    let mut made = Vec::new();
    // What it may do is not the copy's matter: nothing there is left to others to be granted.
    for (role, kind) in [(mover, "SUPERUSER"), (owner, "NOSUPERUSER")] {
        if is_superuser(admin, role).await?.is_none() {
            admin.execute(&format!("CREATE ROLE {} NOLOGIN {kind}", quote_ident(role))).await?;
            made.push(role.to_owned());
        }
    }
    let sql = format!(
        "SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = {}",
        quote_literal(name)
    );
    if admin.value(&sql).await?.as_deref() != Some(owner) {
        let (name, owner) = (quote_ident(name), quote_ident(owner));
        admin.execute(&format!("ALTER DATABASE {name} OWNER TO {owner}")).await?;
    }
    Ok(made)
}

/// Makes `session` one of `role`, as if that had connected. False if `role` is no superuser, and
/// could do less there than here.
pub async fn become_role(session: &mut Session, role: &str) -> Result<bool, PostgresError> {
    if session.value("SELECT session_user").await?.as_deref() == Some(role) {
        return Ok(true);
    }
    if is_superuser(session, role).await?.as_deref() != Some("t") {
        return Ok(false);
    }
    session.become_role(role).await.map(|()| true)
}

/// Whether a role is a superuser; `None` if there is none of this name.
async fn is_superuser(session: &mut Session, role: &str) -> Result<Option<String>, PostgresError> {
    let sql =
        format!("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = {}", quote_literal(role));
    session.value(&sql).await
}
