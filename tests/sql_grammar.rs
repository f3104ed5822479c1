//! The splitter against `PostgreSQL`'s own grammar: `libpg_query` through the Python package `pglast`.
//!
//! `STAIRWAY_PYTHON` names another interpreter than `python3`; `STAIRWAY_SQL_DIR` a folder whose
//! `.sql` files are compared too. Without pglast these tests say that they are skipped, and fail
//! when `STAIRWAY_REQUIRE_GRAMMAR=1`.

mod sql_pieces;

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use stairway::sql::{SplitError, TokenKind, split, tokens};

/// One Python process that answers for the whole test.
struct Grammar {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// The grammar's `PostgreSQL` major.
    major: u64,
}

/// What the grammar made of a text, as bytes.
struct Answer {
    /// Why it did not parse; then there are tokens only.
    error: Option<String>,
    statements: Vec<Range<usize>>,
    tokens: Vec<Range<usize>>,
}

impl Grammar {
    /// None, said loudly, where there is no pglast.
    fn start() -> Option<Self> {
        let python = std::env::var("STAIRWAY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        match Self::try_start(&python) {
            Ok(grammar) => Some(grammar),
            Err(reason) => {
                eprintln!("SKIPPED: no grammar to compare with: {reason}; try: pip install pglast");
                let required = std::env::var("STAIRWAY_REQUIRE_GRAMMAR").is_ok_and(|on| on == "1");
                assert!(!required, "STAIRWAY_REQUIRE_GRAMMAR=1, but there is no grammar: {reason}");
                None
            }
        }
    }

    fn try_start(python: &str) -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql_grammar.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{python}: {error}"))?;
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            child.wait().unwrap();
            return Err(error.lines().last().unwrap_or("python said nothing").to_owned());
        }
        let hello: Value = serde_json::from_str(&line).unwrap();
        let major = hello["postgres"].as_u64().unwrap();
        eprintln!("pglast {}, the grammar of PostgreSQL {major}", hello["pglast"]);
        Ok(Self { child, input, output, major })
    }

    /// What the grammar says, or its error.
    fn ask(&mut self, text: &str) -> Result<Answer, String> {
        let answer = self.scan(text)?;
        answer.error.clone().map_or(Ok(answer), Err)
    }

    /// As `ask`; an error is one of the scanner.
    fn scan(&mut self, text: &str) -> Result<Answer, String> {
        let line = serde_json::to_string(text).unwrap() + "\n";
        self.input.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).expect("the grammar's process died");
        let error = answer["error"].as_str().map(str::to_owned);
        let ranges = |name: &str| -> Option<Vec<Range<usize>>> {
            let pairs: Vec<[usize; 2]> = serde_json::from_value(answer[name].clone()).ok()?;
            Some(pairs.into_iter().map(|[start, end]| start..end).collect())
        };
        let tokens = ranges("tokens").ok_or_else(|| error.clone().unwrap_or_default())?;
        Ok(Answer { error, statements: ranges("statements").unwrap_or_default(), tokens })
    }
}

impl Drop for Grammar {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Our tokens the way the server's scanner counts them: a string that goes on in a later line is
/// one, the `N` of `N''` is one of its own, whitespace is none.
fn server_tokens(text: &str) -> Vec<Range<usize>> {
    let mut all: Vec<(TokenKind, Range<usize>)> = Vec::new();
    let mut end_of_line = false;
    for token in tokens(text) {
        let own = &text.as_bytes()[token.bytes.clone()];
        let solid = all.iter().rposition(|(kind, _)| *kind != TokenKind::LineComment);
        match (token.kind, solid.and_then(|index| all.get(index))) {
            (TokenKind::Whitespace, _) => {
                end_of_line |= own.iter().any(|byte| b"\r\n".contains(byte));
                continue;
            }
            (TokenKind::String, Some((TokenKind::String, _))) if end_of_line && own[0] == b'\'' => {
                let index = solid.unwrap();
                all.truncate(index + 1);
                all[index].1.end = token.bytes.end;
            }
            (TokenKind::String, _) if matches!(own[0], b'n' | b'N') => {
                all.push((TokenKind::Word, token.bytes.start..token.bytes.start + 1));
                all.push((TokenKind::String, token.bytes.start + 1..token.bytes.end));
            }
            (kind, _) => all.push((kind, token.bytes)),
        }
        if token.kind != TokenKind::LineComment {
            end_of_line = false;
        }
    }
    all.into_iter().map(|(_, bytes)| bytes).collect()
}

/// Says how the two differ on a text that the grammar parsed.
fn compare(text: &str, answer: &Answer) -> Result<(), String> {
    let show = |ranges: &[Range<usize>]| -> Vec<String> {
        ranges.iter().map(|bytes| text[bytes.clone()].to_owned()).collect()
    };
    let found = match split(text) {
        Ok(found) => found.into_iter().map(|statement| statement.bytes).collect::<Vec<_>>(),
        // The grammar stops at the statement; what follows it is no SQL.
        Err(SplitError::CopyFromStdin { at }) => {
            let copy = answer.statements.iter().any(|bytes| bytes.start == at);
            return copy.then_some(()).ok_or_else(|| format!("no COPY at byte {at}"));
        }
        Err(error) => return Err(format!("{error}, but it parses")),
    };
    if found != answer.statements {
        return Err(format!("ours {:#?}\ngrammar {:#?}", show(&found), show(&answer.statements)));
    }
    compare_tokens(text, answer)
}

fn compare_tokens(text: &str, answer: &Answer) -> Result<(), String> {
    let ours = server_tokens(text);
    if ours == answer.tokens {
        return Ok(());
    }
    let same = ours.iter().zip(&answer.tokens).take_while(|(a, b)| a == b).count();
    let show =
        |tokens: &[Range<usize>]| tokens.get(same).map(|bytes| text[bytes.clone()].to_owned());
    Err(format!("{text:?}: ours {:?}, grammar {:?}", show(&ours), show(&answer.tokens)))
}

/// Nasty texts that the grammar takes.
const PARSED: &[&str] = &[
    "",
    ";;;",
    "-- only a comment",
    "/* a /* nested ; */ ; */ select 1; -- ; trailing\n;; select 2 /* end */ -- x",
    "select 'a;b''c', e'\\';', E'a\\\\', '\\'; select 2",
    "select e'a' -- ;\n  '\\';' ; select 'x'\r\n'\\'; select 3",
    "select U&'d\\0061t;' UESCAPE '!', U&\"a;\"\"\" from t; select N'a;', B'01', X'1F', b''",
    "select $$a;$b$'$$, $tag$ $$ ; $tag$, $été$;$été$, $_1$;$$;$_1$; select a$b$c, d$$ from e",
    "select $1, $2::int; select a from b where c = $1;",
    "select 1_000, 0x1F, 0o17, 0b01, 1.5e-3, .5, 1., 1e10; select a[1:2], b[ : ], c.d.e, f.*",
    "select 1 as \"a;\"\"b\", \"ü;\"; select \"é\"\"\"",
    "select a*-1, b=-2, c@-d, e<@-f, g->>'h', -- x\n -i, j/* ; */*k, l !=-m; select 1+/*;*/-2",
    "select a::text, b||'c', d ~* 'e', f #>> '{g}', h ?| array['i'], @-1, |/ 4, !~~ 'a';",
    "create function f() returns int language sql begin atomic select 1; select 2; end; select 3",
    "create or replace procedure p(a int) language sql begin /* ; */ atomic insert into t values (1);
       select case when a then case b when 1 then 2 end else 3 end; end; select 4;",
    "create function f() returns int begin atomic select 1 as end, 2 as case; select t.end, t.case from t; end;select 1",
    "create function f() returns int begin atomic; select (case a when 1 then 2 end);; end; select 1",
    "create function f() returns int begin atomic end; create function g() returns int return 1; select 1",
    "create function f(a int default case when true then 1 end) returns int return case when a then 1 end; select 1",
    "create function f() returns int begin atomic create function g() returns int begin atomic select 1; end; end; select 1",
    "create function begin() returns int as 'begin; end;', 'atomic' language c; select 1",
    "create function f(\"begin\" int, atomic int) returns int as $f$begin atomic; end$f$ language sql; select 1",
    "create table begin (atomic int, \"end\" int); select 1 as begin; begin; select 1 as atomic; end; select 2",
    "create rule r as on insert to t do also (select 1; insert into a values (';'); delete from b;); select 1",
    "create schema s create table a (b int) create view c as select 1 create index d on a (b); select 1",
    "do $do$ begin perform 1; /* ' */ end; $do$; do language plpgsql 'begin null; end';",
    "begin; savepoint a; rollback to a; commit and chain; end; abort; start transaction; rollback",
    "copy t to stdout; copy (select 1) to '/a;b'; copy t (a, b) from '/c' with (format csv, delimiter ';'); select 1",
    "copy t from program 'cat; x'; select 1",
    "copy s.t (a) from stdin with (format csv)",
    "select 1;\r\n\tselect\x0c2;\x0b select 3",
    "select a\u{a0}b, ünï from \u{3000}z; select '🪜;', \"🪜;\" -- 🪜;\n, $🪜$;$🪜$",
    "select '--', '/*', \"--\", \"/*\" from t; select $$--$$ /* ' \" $$ */; -- ' \" $$ /*\nselect 1",
    "select /*/ ; */ 1; select /**/ 2; select /***/ 3 /* * / ; **/; select 4 /*/**/*/",
    "select 1 where a = any ('{;}') and b in (select ';' from c); with d as (select 1) select * from d;",
    "create view v as select case when a then 'b;' end; select 1 end; select 2",
    "select x.\"from\" from y; table a; values (1), (2); (select 1) union (select 2);",
    "merge into a using b on a.c = b.c when matched then delete when not matched then insert values (1); select 1",
    "create table p partition of q for values from (';') to (maxvalue); alter table q detach partition p concurrently;",
    "listen a; notify a, 'b;'; prepare c as select $1; execute c(';'); deallocate c; explain (analyze) select ';'",
    "grant select on all tables in schema a to b; comment on table a is 'b;c'; security label on table a is ';'",
    "select 'a' /* ; */ ; select interval '1' day, date '2024-01-01', timestamp with time zone 'now;'",
    "select json_object('a': 1, 'b;': 2), xmlelement(name a, ';'), f(b => 1, c := ';')",
];

/// Texts that the grammar of 18 refuses and that split all the same, with why.
const UNPARSED: &[(&str, &str, &[&str])] = &[
    ("byte order mark at the start", "\u{feff}select 1; select 2", &["select 1", "select 2"]),
    ("misspelt command", "selec 1; select 2", &["selec 1", "select 2"]),
    ("numeric range outside of PL/pgSQL", "select 1..2; select 3", &["select 1..2", "select 3"]),
    ("letters behind a number", "select 1a; select 2", &["select 1a", "select 2"]),
    ("dollar on its own", "select $ ; select 2", &["select $", "select 2"]),
    ("semicolon in a parenthesis", "select (1; 2); select 3", &["select (1; 2)", "select 3"]),
];

#[test]
fn nasty_texts_split_as_the_grammar_does() {
    let Some(mut grammar) = Grammar::start() else { return };
    let mut differences = Vec::new();
    for text in PARSED {
        let compared = grammar.ask(text).and_then(|answer| compare(text, &answer));
        differences.extend(compared.err().map(|difference| format!("{text:?}\n{difference}")));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn what_the_grammar_refuses_still_splits() {
    for (_, text, want) in UNPARSED {
        let found = split(text).unwrap();
        let texts: Vec<_> = found.iter().map(|statement| statement.text(text)).collect();
        assert_eq!(&texts, want);
    }
    let Some(mut grammar) = Grammar::start() else { return };
    for (name, text, _) in UNPARSED {
        match grammar.ask(text) {
            Err(error) => eprintln!("not parsed by PostgreSQL {}: {name}: {error}", grammar.major),
            Ok(_) => panic!("{name}: {text:?} parses, so it belongs to the other cases"),
        }
    }
}

#[test]
fn generated_scripts_split_as_the_grammar_does() {
    let Some(grammar) = Grammar::start() else { return };
    let grammar = RefCell::new(grammar);
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() };
    let outcome = TestRunner::new(config).run(&sql_pieces::script(), |script| {
        let answer = grammar.borrow_mut().ask(&script.text);
        let compared = answer.and_then(|answer| compare(&script.text, &answer));
        compared.map_err(TestCaseError::fail)
    });
    outcome.unwrap();
}

/// Also where nothing parses, the server's scanner tells where each token ends.
#[test]
fn glued_pieces_have_the_tokens_of_the_scanner() {
    let Some(grammar) = Grammar::start() else { return };
    let (grammar, compared) = (RefCell::new(grammar), Cell::new(0));
    let config = ProptestConfig { cases: 6000, failure_persistence: None, ..Default::default() };
    let outcome = TestRunner::new(config).run(&sql_pieces::soup(), |text| {
        let ours_alone = |kind| matches!(kind, TokenKind::MetaCommand | TokenKind::Unterminated(_));
        if text.contains('\0') || tokens(&text).any(|token| ours_alone(token.kind)) {
            return Ok(());
        }
        let Ok(answer) = grammar.borrow_mut().scan(&text) else { return Ok(()) };
        compared.set(compared.get() + 1);
        compare_tokens(&text, &answer).map_err(TestCaseError::fail)
    });
    outcome.unwrap();
    eprintln!("{} glued texts have the same tokens", compared.get());
    assert!(compared.get() > 500, "too few texts could be compared");
}

/// Every `.sql` file below a folder, in a stable order.
fn sql_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let below = paths
        .into_iter()
        .flat_map(|path| if path.is_dir() { sql_files(&path) } else { vec![path] });
    below.filter(|path| path.extension().is_some_and(|name| name == "sql")).collect()
}

#[test]
fn histories_split_as_the_grammar_does() {
    let Some(mut grammar) = Grammar::start() else { return };
    let mut files = sql_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
    if let Some(folder) = std::env::var_os("STAIRWAY_SQL_DIR") {
        let more = sql_files(Path::new(&folder));
        assert!(!more.is_empty(), "STAIRWAY_SQL_DIR has no .sql files");
        files.extend(more);
    }
    if files.is_empty() {
        eprintln!("SKIPPED: no .sql files: fixtures has none and STAIRWAY_SQL_DIR is not set");
        return;
    }
    let (mut same, mut statements, mut differences) = (0, 0, Vec::new());
    for file in &files {
        let Ok(text) = String::from_utf8(std::fs::read(file).unwrap()) else {
            eprintln!("not UTF-8: {}", file.display());
            continue;
        };
        match grammar.ask(&text) {
            Err(error) => eprintln!(
                "not parsed by PostgreSQL {}: {}: {error}; ours: {:?}",
                grammar.major,
                file.display(),
                split(&text).map(|found| found.len())
            ),
            Ok(answer) => match compare(&text, &answer) {
                Ok(()) => {
                    same += 1;
                    statements += answer.statements.len();
                }
                Err(difference) => differences.push(format!("{}: {difference}", file.display())),
            },
        }
    }
    eprintln!("{} files, {same} split the same, {statements} statements", files.len());
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}
