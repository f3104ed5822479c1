//! What belongs to a database and is in no dump of it: settings, privileges, owner, locale.
//!
//! Reads them where they are and gives the statements that make another database the same.

use crate::backup::SequenceContents;
use crate::postgres::{PostgresError, Session, qualified, quote_ident, quote_literal};

use super::contents::Relations;

/// Settings whose values are lists of names: quoting them as one would make one name of them.
const LISTS: [&str; 5] = [
    "search_path",
    "temp_tablespaces",
    "local_preload_libraries",
    "session_preload_libraries",
    "shared_preload_libraries",
];

/// The statements that give the database `to` the settings of the one that `session` is in: those of
/// the database alone, or those of roles in it as well.
pub async fn settings_of(
    session: &mut Session,
    to: &str,
    with_roles: bool,
) -> Result<Vec<String>, PostgresError> {
    let sql = "SELECT pg_catalog.pg_get_userbyid(nullif(s.setrole, 0)), c \
        FROM pg_catalog.pg_db_role_setting s \
        JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, pg_catalog.unnest(s.setconfig) c \
        WHERE d.datname = pg_catalog.current_database() ORDER BY 1, 2";
    let statement = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter();
        let role = cells.next().flatten();
        let setting = cells.next().flatten()?;
        let (name, value) = setting.split_once('=')?;
        let value = if LISTS.contains(&name) { list(value) } else { quote_literal(value) };
        let of = match role {
            None => format!("DATABASE {}", quote_ident(to)),
            Some(_) if !with_roles => return None,
            Some(role) => format!("ROLE {} IN DATABASE {}", quote_ident(&role), quote_ident(to)),
        };
        Some(format!("ALTER {of} SET {} TO {value}", quote_ident(name)))
    };
    Ok(session.rows(sql).await?.into_iter().filter_map(statement).collect())
}

/// The statement that has sessions in the database `to` look for names along `path`.
pub fn path_of(path: &str, to: &str) -> String {
    format!("ALTER DATABASE {} SET search_path TO {}", quote_ident(to), list(path))
}

fn list(value: &str) -> String {
    let names = value.split(',').map(|name| {
        let name = name.trim();
        quote_literal(
            &name
                .strip_prefix('"')
                .and_then(|it| it.strip_suffix('"'))
                .map_or_else(|| name.to_owned(), |quoted| quoted.replace("\"\"", "\"")),
        )
    });
    names.collect::<Vec<_>>().join(", ")
}

/// The statements that grant on the database `to` what `acl` grants; that of the database `of` if
/// none is given, the default one if that has none.
pub async fn grants_of(
    session: &mut Session,
    of: &str,
    acl: Option<Option<&str>>,
    to: &str,
) -> Result<Vec<String>, PostgresError> {
    let acl = match acl {
        Some(Some(acl)) => format!("{}::aclitem[]", quote_literal(acl)),
        Some(None) => "pg_catalog.acldefault('d', d.datdba)".to_owned(),
        None => "coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))".to_owned(),
    };
    let sql = format!(
        "SELECT pg_catalog.format('GRANT %s ON DATABASE %s TO %s%s', a.privilege_type, {}, \
           CASE WHEN a.grantee = 0 THEN 'PUBLIC' \
             ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END, \
           CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) \
         FROM pg_catalog.pg_database d, pg_catalog.aclexplode({acl}) a WHERE d.datname = {}",
        quote_literal(&quote_ident(to)),
        quote_literal(of)
    );
    Ok(session.rows(&sql).await?.into_iter().flatten().flatten().collect())
}

/// The statements that keep everybody out of a new database `to` but its owner and the session's role.
pub fn kept_private(to: &str) -> String {
    let to = quote_ident(to);
    format!("REVOKE ALL ON DATABASE {to} FROM PUBLIC; GRANT ALL ON DATABASE {to} TO CURRENT_USER")
}

/// The statements that let into the database `to` whom `acl`, or the database `of`, lets in and nobody
/// else (see [`grants_of`]), and give it the connection limit and the comment of `of`.
pub async fn places_of(
    session: &mut Session,
    of: &str,
    acl: Option<Option<&str>>,
    to: &str,
) -> Result<Vec<String>, PostgresError> {
    let taken = format!(
        "SELECT DISTINCT pg_catalog.format('REVOKE ALL ON DATABASE %s FROM %s CASCADE', {}, \
           CASE WHEN a.grantee = 0 THEN 'PUBLIC' \
             ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) \
         FROM pg_catalog.pg_database d, \
           pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a \
         WHERE d.datname = {}",
        quote_literal(&quote_ident(to)),
        quote_literal(to)
    );
    let others = format!(
        "SELECT pg_catalog.format('ALTER DATABASE %s CONNECTION LIMIT %s', {to}, d.datconnlimit) \
         FROM pg_catalog.pg_database d WHERE d.datname = {of} AND d.datconnlimit >= 0 \
         UNION ALL SELECT pg_catalog.format('COMMENT ON DATABASE %s IS %L', {to}, \
           pg_catalog.shobj_description(d.oid, 'pg_database')) FROM pg_catalog.pg_database d \
         WHERE d.datname = {of} AND pg_catalog.shobj_description(d.oid, 'pg_database') IS NOT NULL",
        to = quote_literal(&quote_ident(to)),
        of = quote_literal(of)
    );
    let mut statements: Vec<String> =
        session.rows(&taken).await?.into_iter().flatten().flatten().collect();
    statements.extend(grants_of(session, of, acl, to).await?);
    statements.extend(session.rows(&others).await?.into_iter().flatten().flatten());
    Ok(statements)
}

/// Where the sequences of the database of `session` stand.
pub async fn sequences(session: &mut Session) -> Result<Vec<SequenceContents>, PostgresError> {
    Relations::find(session).await?.sequences(session).await
}

/// Has the sequences of the database of `session` go on where those that are given stand, if that is
/// further: a number that was given out is not given out again. Gives the names of those it moved.
pub async fn carry_on(
    session: &mut Session,
    from: &[SequenceContents],
) -> Result<Vec<String>, PostgresError> {
    let sql = "SELECT n.nspname, c.relname, s.seqincrement, s.seqcycle, s.seqmin, s.seqmax \
        FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";
    let ways = session.rows(sql).await?;
    let mut moved = Vec::new();
    for here in sequences(session).await? {
        let cells = ways.iter().find(|it| {
            (it.first(), it.get(1))
                == (Some(&Some(here.schema.clone())), Some(&Some(here.name.clone())))
        });
        let Some([_, _, step, cycle, least, most]) = cells.map(Vec::as_slice) else { continue };
        let number =
            |cell: &Option<String>| cell.as_ref().and_then(|text| text.parse::<i64>().ok());
        let (Some(step), Some(least), Some(most)) = (number(step), number(least), number(most))
        else {
            continue;
        };
        let is_cycle = cycle.as_deref() == Some("t");
        let place = |it: &SequenceContents| {
            let value = i128::from(it.last_value);
            (if step < 0 { -value } else { value }, it.is_called)
        };
        let same = from.iter().filter(|it| (&it.schema, &it.name) == (&here.schema, &here.name));
        let mut same = same.filter(|it| (least..=most).contains(&it.last_value));
        // What begins anew at its end is not further where its number is greater: the last one counts.
        let wanted = if is_cycle { same.next_back() } else { same.max_by_key(|it| place(it)) };
        let Some(wanted) = wanted.filter(|it| is_cycle || place(it) > place(&here)) else {
            continue;
        };
        if place(wanted) == place(&here) {
            continue;
        }
        let set = format!(
            "SELECT pg_catalog.setval({}::pg_catalog.regclass, {}, {})",
            quote_literal(&qualified(&here.schema, &here.name)),
            wanted.last_value,
            wanted.is_called
        );
        session.execute(&set).await?;
        moved.push(format!("{}.{}", here.schema, here.name));
    }
    Ok(moved)
}

/// The statement that makes an empty database `to` with the encoding, locale and owner of the one
/// that `session`, to a server of `major`, is in.
pub async fn creation_of(
    session: &mut Session,
    major: u32,
    to: &str,
) -> Result<String, PostgresError> {
    let locale = match major {
        ..15 => "''",
        15 | 16 => {
            "CASE d.datlocprovider WHEN 'i' THEN pg_catalog.format( \
            ' LOCALE_PROVIDER icu ICU_LOCALE %L', d.daticulocale) ELSE '' END"
        }
        _ => {
            "CASE d.datlocprovider WHEN 'i' THEN pg_catalog.format( \
            ' LOCALE_PROVIDER icu ICU_LOCALE %L', d.datlocale) WHEN 'b' THEN pg_catalog.format( \
            ' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', d.datlocale) ELSE '' END"
        }
    };
    let sql = format!(
        "SELECT pg_catalog.format('CREATE DATABASE %s TEMPLATE template0 OWNER %I ENCODING %L \
           LC_COLLATE %L LC_CTYPE %L%s', {}, pg_catalog.pg_get_userbyid(d.datdba), \
           pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, {locale}) \
         FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
        quote_literal(&quote_ident(to))
    );
    let statement = session.value(&sql).await?;
    statement.ok_or_else(|| PostgresError::Unexpected("the database is not listed".to_owned()))
}
