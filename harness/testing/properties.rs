//! Rows for properties of the user's own.

use super::{TestDatabase, TestError};
use crate::data::{Name, NoStrategy, TableStrategy};
use crate::postgres::Session;
use crate::sql;

/// A [`proptest`] strategy for rows of `table` in `database`, which is read once: `room`,
/// `public.room` or `"Odd"."Table"`, as in SQL; without a schema it is `public`.
///
/// The strategy makes rows and inserts nothing. Since `proptest` knows no `async`, draw and run in a
/// loop of your own:
///
/// ```no_run
/// use stairway::testing::proptest::strategy::{Strategy, ValueTree};
/// use stairway::testing::proptest::test_runner::TestRunner;
/// use stairway::testing::{TestDatabase, TestError, table_rows};
///
/// # async fn property() -> Result<(), TestError> {
/// let database = TestDatabase::at("head").await?;
/// let rooms = table_rows(&database, "public.room").await?;
/// let mut runner = TestRunner::deterministic();
/// for _ in 0..64 {
///     // The tree is gone before anything is waited for.
///     let rows = rooms.new_tree(&mut runner).map(|tree| tree.current()).expect("rows");
///     assert!(rows.insert_sql().starts_with("INSERT INTO public.room "));
/// }
/// # Ok(())
/// # }
/// ```
pub async fn table_rows(database: &TestDatabase, table: &str) -> Result<TableStrategy, TestError> {
    let names = sql::names(table);
    let name = match names.as_slice() {
        [name] => match name.parts.as_slice() {
            [name] => Some(Name::new("public", name)),
            [schema, name] => Some(Name::new(schema, name)),
            _ => None,
        },
        _ => None,
    };
    let name = name.ok_or_else(|| NoStrategy::NoTable(table.to_owned()))?;
    let session = Session::connect(database.target(), "rows").await;
    let session = session.map_err(crate::data::DataError::from).map_err(NoStrategy::from)?;
    Ok(Box::pin(TableStrategy::read(session, &name)).await?)
}
