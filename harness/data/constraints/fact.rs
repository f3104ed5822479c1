//! What an expression says of a column.
//!
//! Knows the vocabulary only: `find` reads it from text, `values` makes values of it.

/// How a column is compared with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    /// What an operator means, LIKE and the like left out.
    pub(super) fn of(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Eq,
            "<>" | "!=" => Self::Ne,
            "<" => Self::Lt,
            "<=" => Self::Le,
            ">" => Self::Gt,
            ">=" => Self::Ge,
            _ => return None,
        })
    }

    /// With its sides exchanged.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            other => other,
        }
    }

    /// Under NOT.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
        }
    }

    /// How far from the constant values are worth a try: those that hold first, edges first.
    pub(super) fn offsets(self) -> &'static [i64] {
        match self {
            Self::Eq | Self::Le => &[0, -1, 1],
            Self::Ne => &[1, -1, 0],
            Self::Lt => &[-1, -2, 0, 1],
            Self::Gt => &[1, 2, 0, -1],
            Self::Ge => &[0, 1, -1],
        }
    }
}

/// What is wanted at a place within a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Want {
    /// The place is spoken of.
    Any,
    /// This text, or this number.
    One(serde_json::Value),
    /// What `jsonb_typeof` calls so.
    Kind(String),
}

/// What an expression says of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    /// It is compared with a constant.
    Compare(Op, String),
    /// Its length is.
    Length(Op, i64),
    /// The number of its elements is.
    Count(Op, i64),
    /// Its year is.
    Year(Op, i64),
    /// It is matched by a regular expression; true where case is ignored.
    Pattern(String, bool),
    /// It is matched by LIKE.
    Like(String),
    /// It begins with this.
    Prefix(String),
    /// It is taken apart at this.
    Separator(String),
    /// It is a document that is looked into.
    Json(Vec<String>, Want),
    /// It becomes this type with these modifiers.
    Cast(String, Vec<String>),
    /// It is used in some way.
    Used,
}
