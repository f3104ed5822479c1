//! A folder of queries, `workload/*.sql`.
//!
//! Knows files. Must not know what is sent.

use std::path::Path;

use crate::sql;

use super::query::Query;
use super::{WorkloadError, header};

/// The queries of a folder, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// At least one.
    pub queries: Vec<Query>,
}

impl Workload {
    /// Reads the files of `folder` that end in `.sql`.
    pub fn load(folder: &Path) -> Result<Self, WorkloadError> {
        let error = |source| WorkloadError::Read { path: folder.to_owned(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(error)? {
            let path = entry.map_err(error)?.path();
            if path.extension().is_some_and(|ending| ending == "sql") && path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        let queries = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
        if queries.is_empty() {
            return Err(WorkloadError::Empty(folder.to_owned()));
        }
        Ok(Self { queries })
    }
}

fn read(path: &Path) -> Result<Query, WorkloadError> {
    let bytes = std::fs::read(path)
        .map_err(|source| WorkloadError::Read { path: path.to_owned(), source })?;
    let text = String::from_utf8(bytes).map_err(|_| WorkloadError::NotText(path.to_owned()))?;
    parse(path, &text)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Query, WorkloadError> {
    let statements = sql::split(text)
        .map_err(|source| WorkloadError::Split { path: path.to_owned(), source })?;
    let [statement] = statements.as_slice() else {
        return Err(WorkloadError::Count { path: path.to_owned(), count: statements.len() });
    };
    let mut query = Query::new(path.to_owned(), statement.text(text));
    query.line = sql::line_col(text, statement.bytes.start).0;
    header::read(&mut query, text)?;
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::Workload;

    #[test]
    fn a_folder_holds_one_query_a_file() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let error = || Workload::load(folder).unwrap_err().to_string();
        assert!(error().contains("no queries in"), "{}", error());
        std::fs::write(folder.join("b.sql"), "-- second\nSELECT 2;\n").unwrap();
        std::fs::write(folder.join("a.sql"), "SELECT 1").unwrap();
        std::fs::write(folder.join("notes.txt"), "none").unwrap();
        let workload = Workload::load(folder).unwrap();
        let read: Vec<_> = workload
            .queries
            .iter()
            .map(|it| (it.name.as_str(), it.line, it.text.as_str()))
            .collect();
        assert_eq!(read, [("a", 1, "SELECT 1"), ("b", 2, "SELECT 2")]);
        std::fs::write(folder.join("c.sql"), "SELECT 1; SELECT 2;").unwrap();
        assert!(error().contains("c.sql holds 2 statements"), "{}", error());
        std::fs::write(folder.join("c.sql"), [0xff]).unwrap();
        assert!(error().contains("c.sql is not UTF-8"), "{}", error());
    }
}
