//! Reading tables and types from the catalog: those that a script names, and what these need.
//!
//! Knows the two queries, which are prepared once in a session. Must not know what is done with the
//! shapes. Expects `search_path` to be empty, so that expressions come qualified.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::DataError;
use super::model::{
    Attribute, Column, Exclusion, ForeignKey, Identity, Partition, Table, TableKind, Type,
    TypeKind, Types, Unique,
};
use super::rows::Name;
use super::wire::Wire;
use crate::postgres::{Batch, ResultSet, quote_literal};

/// To be sent once in a session before the first reading.
pub(super) fn prepare_tables() -> String {
    format!("PREPARE stairway_tables(text[], oid[], bool, bool) AS {}", include_str!("catalog.sql"))
}

/// Likewise.
pub(super) fn prepare_types() -> String {
    format!("PREPARE stairway_types(oid, oid) AS {}", include_str!("types.sql"))
}

/// The first object id that can be a user's.
const FIRST_USER: u32 = 16384;

/// Which tables are asked for; those that they refer to come along, and those that these must refer
/// to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names of tables, indexes, sequences, types, functions; folded, without a schema.
    pub words: BTreeSet<String>,
    /// Tables by object id.
    pub oids: BTreeSet<u32>,
    /// All of them.
    pub all: bool,
    /// With all that the tables which come along may refer to.
    pub deep: bool,
}

/// Tables, and the types that they use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// By schema and name.
    pub tables: Vec<Table>,
    /// What their columns are made of.
    pub types: Types,
}

/// The types that every server of one version has, read once.
#[derive(Clone, Debug, Default)]
pub(super) struct Builtin(Option<Types>);

#[derive(Deserialize)]
struct RawTable {
    schema: String,
    name: String,
    kind: String,
    is_empty: bool,
    has_row_security: bool,
    has_insert_rule: bool,
    has_update_trigger: bool,
    has_insert_trigger: bool,
    inserting: Option<Vec<String>>,
    columns: Vec<RawColumn>,
    constraints: Vec<RawConstraint>,
    indexes: Vec<RawIndex>,
    is_partition: bool,
    partition: Option<String>,
    parents: Vec<u32>,
    policies: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawColumn {
    name: String,
    number: i16,
    r#type: u32,
    modifier: i32,
    not_null: bool,
    generated: bool,
    identity: String,
    default: Option<String>,
    sequence: Option<String>,
}

#[derive(Deserialize)]
struct RawConstraint {
    r#type: String,
    name: String,
    deferrable: bool,
    validated: bool,
    columns: Option<Vec<i16>>,
    check: Option<String>,
    parent: u32,
    match_full: bool,
    parent_columns: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawIndex {
    name: String,
    is_unique: bool,
    is_primary: bool,
    columns: Vec<i16>,
    uses: Vec<i16>,
    nulls_not_distinct: bool,
    expressions: Option<String>,
    predicate: Option<String>,
    deferrable: bool,
}

#[derive(Deserialize)]
struct RawDomain {
    base: u32,
    modifier: i32,
    not_null: bool,
    checks: Vec<String>,
}

#[derive(Deserialize)]
struct RawAttribute {
    name: String,
    r#type: u32,
    modifier: i32,
}

/// The statement that asks for what is wanted.
pub(super) fn ask_tables(wanted: &Wanted) -> String {
    let words = wanted.words.iter().map(|word| array_item(word)).collect::<Vec<_>>().join(",");
    let oids = wanted.oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    format!(
        "EXECUTE stairway_tables({}, '{{{oids}}}', {}, {})",
        quote_literal(&format!("{{{words}}}")),
        wanted.all,
        wanted.deep,
    )
}

/// Reads the answer, and the types that the tables use.
pub(super) async fn read(
    wire: &mut Wire,
    builtin: &mut Builtin,
    tables: ResultSet,
) -> Result<Model, DataError> {
    let tables = tables.into_iter().map(table).collect::<Result<Vec<_>, _>>()?;
    let types = types(wire, builtin, &tables).await?;
    Ok(Model { tables, types })
}

fn array_item(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

async fn types(
    wire: &mut Wire,
    builtin: &mut Builtin,
    tables: &[Table],
) -> Result<Types, DataError> {
    let own = |table: &Table| table.columns.iter().any(|column| column.type_oid >= FIRST_USER);
    let mut batch = Batch::default();
    let of_system = format!("EXECUTE stairway_types(0, {})", FIRST_USER - 1);
    let of_system = builtin.0.is_none().then(|| batch.say(&of_system));
    let of_users = format!("EXECUTE stairway_types({FIRST_USER}, {})", u32::MAX);
    let of_users = tables.iter().any(own).then(|| batch.say(&of_users));
    let mut types = Types::default();
    if batch.count() > 0 {
        let mut answers = wire.send(&batch).await?;
        if let Some(asked) = of_system {
            builtin.0 = Some(to_types(answers.take(asked))?);
        }
        if let Some(asked) = of_users {
            types = to_types(answers.take(asked))?;
        }
    }
    // Of the system's own only those that are used.
    let columns = tables.iter().flat_map(|table| &table.columns).map(|column| column.type_oid);
    let of_own = types.0.values().flat_map(|own| parts(&own.kind));
    let mut open: Vec<u32> = columns.chain(of_own).collect();
    while let Some(oid) = open.pop() {
        let known = builtin.0.as_ref().and_then(|types| types.get(oid));
        if let (Some(known), None) = (known, types.get(oid)) {
            open.extend(parts(&known.kind));
            types.0.insert(oid, known.clone());
        }
    }
    Ok(types)
}

/// The types that a type is made of.
fn parts(kind: &TypeKind) -> Vec<u32> {
    match kind {
        TypeKind::Base | TypeKind::Told(_) | TypeKind::Enum(_) => Vec::new(),
        TypeKind::Array(oid) | TypeKind::Range(oid) | TypeKind::Multirange(oid) => vec![*oid],
        TypeKind::Domain { base, .. } => vec![*base],
        TypeKind::Composite(attributes) => attributes.iter().map(|it| it.type_oid).collect(),
    }
}

fn to_types(rows: ResultSet) -> Result<Types, DataError> {
    let types = rows.into_iter().map(to_type).collect::<Result<Vec<_>, _>>()?;
    Ok(Types(types.into_iter().map(|it| (it.oid, it)).collect()))
}

fn to_type(row: Vec<Option<String>>) -> Result<Type, DataError> {
    let shape = format!("{row:?}");
    let mut cells = row.into_iter();
    let mut next = || cells.next().flatten();
    let oid = next().and_then(|oid| oid.parse().ok()).ok_or(DataError::Shape(shape))?;
    let (name, schema) = (next().unwrap_or_default(), next().unwrap_or_default());
    let sql = next().unwrap_or_default();
    let class = next().unwrap_or_default();
    let (labels, domain) = (next(), next());
    let mut oid_of = || next().and_then(|text| text.parse::<u32>().ok()).filter(|oid| *oid != 0);
    let (element, subtype, range) = (oid_of(), oid_of(), oid_of());
    let attributes = next();
    let kind = match (class.as_str(), element, subtype, range) {
        ("e", ..) => TypeKind::Enum(json(&labels.unwrap_or_else(|| "[]".to_owned()))?),
        ("d", ..) => {
            let RawDomain { base, modifier, not_null, checks } = json(&domain.unwrap_or_default())?;
            TypeKind::Domain { base, modifier, not_null, checks }
        }
        ("c", ..) => {
            let raw: Vec<RawAttribute> = json(&attributes.unwrap_or_else(|| "[]".to_owned()))?;
            let attribute = |it: RawAttribute| Attribute {
                name: it.name,
                type_oid: it.r#type,
                modifier: it.modifier,
            };
            TypeKind::Composite(raw.into_iter().map(attribute).collect())
        }
        (_, Some(element), ..) => TypeKind::Array(element),
        ("r", _, Some(subtype), _) => TypeKind::Range(subtype),
        ("m", _, _, Some(range)) => TypeKind::Multirange(range),
        _ => TypeKind::Base,
    };
    Ok(Type { oid, name, schema, sql, kind })
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, DataError> {
    serde_json::from_str(text).map_err(|error| DataError::Shape(format!("{error}: {text}")))
}

fn table(row: Vec<Option<String>>) -> Result<Table, DataError> {
    let shape = || DataError::Shape("a table without its parts".to_owned());
    let mut cells = row.into_iter();
    let oid = cells.next().flatten().and_then(|oid| oid.parse().ok()).ok_or_else(shape)?;
    let is_named = cells.next().flatten().is_some_and(|flag| flag == "t");
    let raw: RawTable = json(&cells.next().flatten().ok_or_else(shape)?)?;
    let name_of = |number: &i16| {
        raw.columns.iter().find(|column| column.number == *number).map(|it| it.name.clone())
    };
    let names = |numbers: &[i16]| numbers.iter().filter_map(name_of).collect::<Vec<_>>();
    let mut expressions = raw.policies.clone().unwrap_or_default();
    let mut uniques = Vec::new();
    for index in &raw.indexes {
        expressions.extend(index.expressions.clone());
        expressions.extend(index.predicate.clone());
        if index.is_unique {
            uniques.push(unique(index, &names));
        }
    }
    let of = |kind: &'static str| raw.constraints.iter().filter(move |it| it.r#type == kind);
    let foreign_keys = of("f").map(|it| ForeignKey {
        name: it.name.clone(),
        columns: names(it.columns.as_deref().unwrap_or_default()),
        parent: it.parent,
        parent_columns: it.parent_columns.clone().unwrap_or_default(),
        match_full: it.match_full,
        is_validated: it.validated,
        is_deferrable: it.deferrable,
    });
    let exclusions = of("x").map(|it| Exclusion {
        name: it.name.clone(),
        columns: names(it.columns.as_deref().unwrap_or_default()),
        is_deferrable: it.deferrable,
    });
    let checks = of("c").filter_map(|it| it.check.clone()).collect();
    let (foreign_keys, exclusions) = (foreign_keys.collect(), exclusions.collect());
    for column in &raw.columns {
        expressions.extend(column.default.clone());
    }
    Ok(Table {
        oid,
        name: Name::new(raw.schema, raw.name),
        kind: match raw.kind.as_str() {
            "p" => TableKind::Partitioned,
            "f" => TableKind::Foreign,
            _ => TableKind::Plain,
        },
        is_named,
        is_empty: raw.is_empty,
        has_row_security: raw.has_row_security,
        has_insert_rule: raw.has_insert_rule,
        has_update_trigger: raw.has_update_trigger,
        has_insert_trigger: raw.has_insert_trigger,
        inserting: raw.inserting.unwrap_or_default(),
        columns: raw.columns.into_iter().map(column).collect(),
        checks,
        uniques,
        exclusions,
        foreign_keys,
        partition: raw.is_partition.then_some(Partition { constraint: raw.partition }),
        parents: raw.parents,
        expressions,
    })
}

fn unique(index: &RawIndex, names: &impl Fn(&[i16]) -> Vec<String>) -> Unique {
    let mut columns = names(&index.columns);
    for name in names(&index.uses) {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    Unique {
        name: index.name.clone(),
        columns,
        is_primary: index.is_primary,
        nulls_not_distinct: index.nulls_not_distinct,
        predicate: index.predicate.clone(),
        has_expression: index.expressions.is_some(),
        is_deferrable: index.deferrable,
    }
}

fn column(raw: RawColumn) -> Column {
    Column {
        name: raw.name,
        number: raw.number,
        type_oid: raw.r#type,
        modifier: raw.modifier,
        not_null: raw.not_null,
        sequence: raw.sequence.or_else(|| raw.default.as_deref().and_then(drawn_from)),
        default: raw.default,
        is_generated: raw.generated,
        identity: match raw.identity.as_str() {
            "a" => Some(Identity::Always),
            "d" => Some(Identity::ByDefault),
            _ => None,
        },
    }
}

/// The sequence of a default as the server prints it where no schema is searched:
/// `nextval('public.t_id_seq'::regclass)`.
fn drawn_from(default: &str) -> Option<String> {
    let (_, rest) = default.split_once("nextval('")?;
    let (name, _) = rest.split_once("'::regclass")?;
    Some(name.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::drawn_from;

    #[test]
    fn the_sequence_of_a_default() {
        let default = "nextval('public.\"it''s\"'::regclass)";
        assert_eq!(drawn_from(default).as_deref(), Some("public.\"it's\""));
        assert_eq!(drawn_from("('x'::text || nextval('s.q'::regclass))").as_deref(), Some("s.q"));
        assert_eq!(drawn_from("now()"), None);
    }
}
