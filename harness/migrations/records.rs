//! Where a tool records what was applied: a table with its usual name, or with the one that its own settings
//! give it.

use super::tool::Tool;

/// Whose version table is meant, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Whose it is.
    pub tool: Tool,
    /// Its schema, where its tool is told of one; otherwise it is found along the search path.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

impl Records {
    /// Where nothing else is said.
    pub fn usual(tool: Tool) -> Self {
        Self { tool, schema: None, name: tool.version_table().name.to_owned() }
    }

    /// The same with another name, as `NAME` or `SCHEMA.NAME`; the usual one where none is said.
    pub(super) fn named(tool: Tool, name: Option<String>) -> Self {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Self::usual(tool) };
        match name.split_once('.') {
            Some((schema, name)) => {
                Self { tool, schema: Some(schema.to_owned()), name: name.to_owned() }
            }
            None => Self { tool, schema: None, name },
        }
    }
}
