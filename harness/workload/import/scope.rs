//! Where in a statement each word stands: in which query of it, in which clause, and what tables that
//! query names.
//!
//! Knows the clauses of queries and changes. Must not know which tables there are, nor any values.

use super::words::Words;
use crate::sql::TokenKind;

/// The part of a query that a word stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    /// Up to the first keyword that says more.
    Head,
    From,
    Where,
    Set,
    Values,
    /// `GROUP BY` and `ORDER BY`, where a number is a column of the result.
    Places,
    Other,
}

/// What is said after `FROM`, `JOIN`, `INTO` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    /// Its name, with a schema if that is written; empty for a query in brackets.
    pub(super) name: Vec<String>,
    pub(super) alias: Option<String>,
    /// Whether it can be a table: not a function, a query, or one that WITH names.
    pub(super) is_table: bool,
}

/// One query of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) parent: Option<usize>,
    /// What it does, as its first word says, in lower case.
    pub(super) verb: String,
    pub(super) relations: Vec<Relation>,
    /// The columns that an INSERT names.
    pub(super) columns: Vec<String>,
    /// `SELECT .. INTO`.
    pub(super) makes_table: bool,
}

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) scope: usize,
    pub(super) clause: Clause,
    /// In how many brackets within its query.
    pub(super) depth: usize,
    /// In a row of VALUES: which of its values.
    pub(super) value: Option<usize>,
    /// In SET: the word that names the column.
    pub(super) set: usize,
}

/// All of a statement.
#[derive(Clone, Debug)]
pub(super) struct Scopes {
    pub(super) scopes: Vec<Scope>,
    places: Vec<Place>,
}

const QUERIES: [&str; 8] =
    ["select", "with", "values", "insert", "update", "delete", "merge", "table"];
/// Words after a relation that are no alias of it.
const NO_ALIAS: [&str; 11] = [
    "set",
    "where",
    "join",
    "values",
    "default",
    "cross",
    "natural",
    "left",
    "overriding",
    "when",
    "tablesample",
];

impl Scopes {
    pub(super) fn read(words: &Words<'_>) -> Self {
        let mut walk = Walk::new(words);
        for at in words.places() {
            walk.step(at);
        }
        let with = common_names(words);
        for relation in walk.scopes.iter_mut().flat_map(|scope| &mut scope.relations) {
            let is_common = matches!(relation.name.as_slice(), [name] if with.contains(name));
            relation.is_table &= !is_common;
        }
        Self { scopes: walk.scopes, places: walk.places }
    }

    pub(super) fn place(&self, at: usize) -> Place {
        self.places.get(at).copied().unwrap_or(START)
    }

    pub(super) fn scope(&self, at: usize) -> Option<&Scope> {
        self.scopes.get(at)
    }

    /// The relations of all queries that can be tables.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Relation> {
        self.scopes.iter().flat_map(|scope| &scope.relations).filter(|it| it.is_table)
    }
}

/// The names that WITH gives to queries: `name AS (SELECT ..`, or with columns or MATERIALIZED between.
fn common_names(words: &Words<'_>) -> Vec<String> {
    let begins = |at: &usize| words.text(*at) == "(" && words.is_one_of(at + 1, &QUERIES);
    let name = |open: usize| {
        let mut at = open.saturating_sub(1);
        while words.is_one_of(at, &["not", "materialized"]) {
            at -= 1;
        }
        if !words.is(at, "as") {
            return None;
        }
        at -= 1;
        if words.text(at) == ")" {
            at = words.opening(at).saturating_sub(1);
        }
        words.name(at)
    };
    words.places().filter(begins).filter_map(name).collect()
}

const START: Place = Place { scope: 0, clause: Clause::Head, depth: 0, value: None, set: 0 };

/// What an opening bracket begins, with the place to go back to.
#[derive(Clone, Copy)]
enum Frame {
    /// A query; whether it is what a FROM reads.
    Query(Place, bool),
    /// The columns of an INSERT.
    Columns(Place),
    /// Brackets around joins: as if they were not there.
    Joins(Place),
    Plain(Place),
}

struct Walk<'w, 't> {
    words: &'w Words<'t>,
    scopes: Vec<Scope>,
    places: Vec<Place>,
    frames: Vec<Frame>,
    now: Place,
    /// A relation comes next.
    expects: bool,
    /// Words before this one belong to a relation that was read.
    read_to: usize,
    /// The columns of an INSERT may come next.
    columns_follow: bool,
}

impl<'w, 't> Walk<'w, 't> {
    fn new(words: &'w Words<'t>) -> Self {
        Self {
            words,
            scopes: vec![Scope::default()],
            places: vec![START],
            frames: Vec::new(),
            now: START,
            expects: false,
            read_to: 0,
            columns_follow: false,
        }
    }

    fn step(&mut self, at: usize) {
        match self.words.text(at) {
            "(" | "[" => {
                self.places.push(self.now);
                self.open(at);
            }
            ")" | "]" => {
                self.close(at);
                self.places.push(self.now);
            }
            "," => {
                self.comma();
                self.places.push(self.now);
            }
            _ => {
                self.word(at);
                self.places.push(self.now);
            }
        }
    }

    fn open(&mut self, at: usize) {
        let back = self.now;
        let follows = std::mem::take(&mut self.columns_follow);
        if self.words.text(at) == "(" && self.words.is_one_of(at + 1, &QUERIES) {
            self.frames.push(Frame::Query(back, std::mem::take(&mut self.expects)));
            self.begin(Some(back.scope));
        } else if follows {
            self.frames.push(Frame::Columns(back));
            self.now.depth += 1;
        } else if self.expects && self.now.depth == 0 {
            self.frames.push(Frame::Joins(back));
        } else {
            self.frames.push(Frame::Plain(back));
            if back.clause == Clause::Values && back.depth == 0 && self.words.text(at) == "(" {
                self.now.value = Some(0);
            }
            self.now.depth += 1;
        }
    }

    fn close(&mut self, at: usize) {
        match self.frames.pop() {
            Some(Frame::Query(back, is_read)) => {
                self.now = back;
                self.expects = false;
                if is_read {
                    self.relation(Vec::new(), at + 1, false);
                }
            }
            Some(Frame::Joins(back)) => {
                self.now = Place { clause: Clause::From, ..back };
                self.expects = false;
            }
            Some(Frame::Plain(back) | Frame::Columns(back)) => self.now = back,
            None => {}
        }
    }

    fn comma(&mut self) {
        match (self.now.clause, self.now.depth) {
            // Behind what follows ON, the FROM goes on.
            (Clause::From | Clause::Where, 0) => {
                self.now.clause = Clause::From;
                self.expects = true;
            }
            (Clause::Set, 0) => self.now.set = 0,
            (Clause::Values, 1) => self.now.value = self.now.value.map(|value| value + 1),
            _ => {}
        }
    }

    fn begin(&mut self, parent: Option<usize>) {
        self.scopes.push(Scope { parent, ..Scope::default() });
        self.now = Place { scope: self.scopes.len() - 1, ..START };
    }

    fn scope(&mut self) -> Option<&mut Scope> {
        self.scopes.get_mut(self.now.scope)
    }

    fn word(&mut self, at: usize) {
        if at < self.read_to {
            return;
        }
        self.columns_follow = false;
        if let Some(Frame::Columns(_)) = self.frames.last() {
            let name = self.words.name(at).or_else(|| Some(self.words.text(at).to_lowercase()));
            if let Some(scope) = self.scope() {
                scope.columns.extend(name);
            }
            return;
        }
        if self.now.depth > 0 {
            return;
        }
        let words = self.words;
        let skipped = words.is_one_of(at, &["only", "lateral"])
            || words.is(at, "rows") && words.is(at + 1, "from");
        if self.expects && !skipped && (words.name(at).is_some() || words.is(at, "values")) {
            self.expects = false;
            self.named(at);
        } else if words.kind(at) == TokenKind::Word {
            self.keyword(at);
        } else if self.now.clause == Clause::Set && words.text(at) == "=" && self.now.set == 0 {
            self.now.set = at - 1;
        }
    }

    /// A relation's name begins at `at`.
    fn named(&mut self, at: usize) {
        let mut name: Vec<String> = self.words.name(at).into_iter().collect();
        let mut end = at + 1;
        while self.words.text(end) == "." {
            name.extend(
                self.words.name(end + 1).or_else(|| Some(self.words.text(end + 1).to_owned())),
            );
            end += 2;
        }
        let verb = self.scope().map(|scope| scope.verb.clone()).unwrap_or_default();
        let inserts = verb == "insert" && self.now.clause == Clause::Other;
        let is_function = self.words.text(end) == "(" && !inserts;
        if is_function {
            end = self.words.close(end) + 1;
        }
        if self.words.text(end) == "*" {
            end += 1;
        }
        self.read_to = if is_function { self.read_to } else { end };
        let end = self.relation(name, end, !is_function);
        self.read_to = if is_function { self.read_to } else { end };
        self.columns_follow = inserts;
    }

    /// Adds a relation whose alias may stand at `at`; gives the place behind that.
    fn relation(&mut self, name: Vec<String>, at: usize, is_table: bool) -> usize {
        let (words, mut end) = (self.words, at);
        let has_as = words.is(at, "as");
        let named = at + usize::from(has_as);
        let alias = words.name(named).filter(|_| has_as || !words.is_one_of(named, &NO_ALIAS));
        if alias.is_some() {
            end = named + 1;
        }
        if let Some(scope) = self.scope() {
            scope.relations.push(Relation { name, alias, is_table });
        }
        end
    }

    fn keyword(&mut self, at: usize) {
        let word = self.words.text(at).to_ascii_lowercase();
        let verb = self.scope().map(|scope| scope.verb.clone()).unwrap_or_default();
        let before = |word: &str| self.words.is(at - 1, word);
        let clause = match word.as_str() {
            "with" if verb.is_empty() => return,
            word if verb.is_empty() && QUERIES.contains(&word) => return self.first(word),
            "from" if before("distinct") && self.words.is_one_of(at - 2, &["is", "not"]) => return,
            "from" | "join" => Clause::From,
            "using" if self.words.text(at + 1) != "(" || verb == "merge" => Clause::From,
            "where" | "on" | "having" => Clause::Where,
            "set" => Clause::Set,
            "values" => Clause::Values,
            "by" if before("group") || before("order") => Clause::Places,
            "into" => {
                let selects = verb == "select";
                if let Some(scope) = self.scope() {
                    scope.makes_table |= selects;
                }
                self.expects = true;
                Clause::Other
            }
            "insert" if verb == "merge" => {
                self.columns_follow = true;
                Clause::Other
            }
            "union" | "intersect" | "except" => {
                let parent = self.scopes.get(self.now.scope).and_then(|scope| scope.parent);
                return self.begin(parent);
            }
            "limit" | "offset" | "fetch" | "for" | "returning" | "window" | "conflict" => {
                Clause::Other
            }
            // Those of CASE begin nothing.
            "when" | "then" if verb == "merge" => Clause::Other,
            _ => return,
        };
        self.expects |= clause == Clause::From;
        self.now = Place { clause, value: None, set: 0, ..self.now };
    }

    /// The first word of a query.
    fn first(&mut self, word: &str) {
        if let Some(scope) = self.scope() {
            word.clone_into(&mut scope.verb);
        }
        self.now.clause = match word {
            "values" => Clause::Values,
            "update" | "table" => {
                self.expects = true;
                Clause::From
            }
            _ => Clause::Head,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Clause, Scopes};
    use crate::workload::import::words::Words;

    fn relations(text: &str) -> Vec<String> {
        let words = Words::read(text).unwrap();
        let scopes = Scopes::read(&words);
        let told = |scope: &super::Scope| {
            let all = scope.relations.iter().map(|it| {
                let alias = it.alias.as_ref().map(|alias| format!(" {alias}")).unwrap_or_default();
                let mark = if it.is_table { "" } else { "?" };
                format!("{}{alias}{mark}", it.name.join(".")).trim().to_owned()
            });
            format!("{}: {}", scope.verb, all.collect::<Vec<_>>().join(", "))
        };
        scopes.scopes.iter().map(told).collect()
    }

    #[test]
    fn each_query_has_its_relations() {
        for (text, expected) in [
            ("SELECT a FROM t", &["select: t"][..]),
            (
                "SELECT * FROM s.t AS x JOIN \"U u\" y ON x.a = y.a, ONLY v WHERE x.a IS DISTINCT FROM 1",
                &["select: s.t x, U u y, v"],
            ),
            ("SELECT * FROM a LEFT JOIN b USING (c) CROSS JOIN d", &["select: a, b, d"]),
            ("SELECT extract(epoch FROM x), substring(y FROM 2) FROM z", &["select: z"]),
            (
                "SELECT * FROM a WHERE b IN (SELECT c FROM d e) AND f = 1",
                &["select: a", "select: d e"],
            ),
            ("SELECT 1 FROM a UNION ALL SELECT 2 FROM b", &["select: a", "select: b"]),
            (
                "WITH x AS (SELECT * FROM a), y (n) AS MATERIALIZED (SELECT 1) SELECT * FROM x, y, b",
                &["select: x?, y?, b", "select: a", "select: "],
            ),
            (
                "SELECT * FROM (SELECT 1) q, generate_series(1, 2) g, LATERAL (SELECT 2) AS r WHERE 1 = 1",
                &["select: q?, generate_series g?, r?", "select: ", "select: "],
            ),
            ("SELECT * FROM a, ROWS FROM (f(1), g(2)) AS u (b, c)", &["select: a, f?, g?"]),
            ("SELECT * FROM (a JOIN b ON a.x = b.x) JOIN c ON true", &["select: a, b, c"]),
            (
                "INSERT INTO s.t AS x (a, b) VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET b = 3 RETURNING a",
                &["insert: s.t x"],
            ),
            ("UPDATE t x SET a = 1 FROM u WHERE x.b = u.b", &["update: t x, u"]),
            ("DELETE FROM t USING u WHERE t.a = u.a", &["delete: t, u"]),
            (
                "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET b = 1 \
              WHEN NOT MATCHED THEN INSERT (a, b) VALUES (u.a, 2)",
                &["merge: t, u"],
            ),
            ("SELECT * FROM t FOR UPDATE OF t", &["select: t"]),
        ] {
            assert_eq!(relations(text), expected, "{text}");
        }
    }

    #[test]
    fn values_and_assignments_know_their_columns() {
        let words = Words::read(
            "INSERT INTO t (a, \"B\") VALUES (1, f(2, 3)), (4, 5) ON CONFLICT (a) \
                                 DO UPDATE SET a = 6, b = 7",
        )
        .unwrap();
        let scopes = Scopes::read(&words);
        assert_eq!(scopes.scopes[0].columns, ["a", "B"]);
        let of = |word: &str| {
            let at = words.places().find(|at| words.text(*at) == word).unwrap();
            let place = scopes.place(at);
            (place.clause, place.value, words.text(place.set))
        };
        assert_eq!(of("1"), (Clause::Values, Some(0), ""));
        assert_eq!(of("3"), (Clause::Values, Some(1), ""));
        assert_eq!(of("5"), (Clause::Values, Some(1), ""));
        assert_eq!(of("6"), (Clause::Set, None, "a"));
        assert_eq!(of("7"), (Clause::Set, None, "b"));
        let text = "UPDATE t SET a = CASE WHEN b THEN 8 END, c = 9 WHERE d = 10";
        let words = Words::read(text).unwrap();
        let scopes = Scopes::read(&words);
        let of = |word: &str| {
            let place = scopes.place(words.places().find(|at| words.text(*at) == word).unwrap());
            (place.clause, words.text(place.set))
        };
        assert_eq!((of("8"), of("9")), ((Clause::Set, "a"), (Clause::Set, "c")));
    }
}
