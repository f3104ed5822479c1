//! Databases: made empty or as a copy, dropped with everybody in them.

use super::{ServerError, place};
use crate::postgres::{Session, Target, quote_ident};

/// A database that we made.
#[derive(Debug)]
pub struct Database {
    /// Its name, `stairway_` and hexadecimal digits.
    pub name: String,
    /// How to connect to it.
    pub target: Target,
}

/// What a new database begins as.
#[derive(Clone, Copy, Debug)]
pub enum Template<'a> {
    /// `template0`, in UTF8.
    Empty,
    /// A copy of this one; nobody may be connected to it while it is copied.
    Of(&'a Database),
}

/// A name that nobody else has.
pub(super) fn new_name() -> Result<String, ServerError> {
    Ok(format!("stairway_{}", place::random(8)?))
}

/// Makes the database `name` on the server that `admin` is a database of.
pub(super) async fn create(
    admin: &Target,
    name: String,
    template: Template<'_>,
) -> Result<Database, ServerError> {
    let from = match template {
        Template::Empty => "template0 ENCODING 'UTF8'".to_owned(),
        Template::Of(database) => quote_ident(&database.name),
    };
    let sql = format!("CREATE DATABASE {} TEMPLATE {from}", quote_ident(&name));
    let doing = format!("create the database {name}");
    administer(admin, &sql, doing).await?;
    Ok(Database { target: admin.database(&name), name })
}

/// Drops it, whoever is connected.
pub(super) async fn drop(admin: &Target, name: &str) -> Result<(), ServerError> {
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_ident(name));
    administer(admin, &sql, format!("drop the database {name}")).await
}

/// Writes everything into the files of the server that `admin` is a database of.
pub(super) async fn checkpoint(admin: &Target) -> Result<(), ServerError> {
    administer(admin, "CHECKPOINT", "write a checkpoint".to_owned()).await
}

async fn administer(admin: &Target, sql: &str, doing: String) -> Result<(), ServerError> {
    let work = async {
        let mut session = Session::connect(admin, "admin").await?;
        session.execute(sql).await?;
        session.close().await
    };
    work.await.map_err(ServerError::postgres(doing))
}
