//! Generated SQL: statements that are hard to split, and what may stand between them.

use proptest::prelude::*;

/// What looks like an end, a quote or a comment inside of something else.
const TRAPS: &[&str] = &[
    ";",
    "a",
    "é",
    "$$",
    "$a$",
    "$",
    "--",
    "/*",
    "*/",
    "\n",
    "\r\n",
    " ",
    "\"",
    "\u{a0}",
    "1",
    "end",
    "begin atomic",
    "from stdin",
    "(",
    ")",
    "日本",
    "🪜",
    "\t",
    ",",
];

fn traps() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(TRAPS), 0..6).prop_map(|traps| traps.concat())
}

fn without(text: &str, forbidden: &[&str]) -> String {
    forbidden.iter().fold(text.to_owned(), |text, word| text.replace(word, ""))
}

/// A comment; one for a line brings the end of its line.
pub(crate) fn comment() -> impl Strategy<Value = String> {
    prop_oneof![
        traps().prop_map(|text| format!("--{}'\\\n", without(&text, &["\n", "\r"]))),
        traps().prop_map(|text| format!("/*{}'*/", without(&text, &["/", "*"]))),
        traps().prop_map(|text| format!("/* /*{}*/ $$ ; */", without(&text, &["/", "*"]))),
    ]
}

/// What may stand between two tokens; it begins and ends with a blank.
pub(crate) fn gap() -> impl Strategy<Value = String> {
    let blank = || prop::sample::select(&[" ", "\n", "\r\n", "\t", "\x0c"][..]);
    prop_oneof![
        4 => Just(" ".to_owned()),
        1 => blank().prop_map(str::to_owned),
        2 => (blank(), comment(), blank()).prop_map(|(a, b, c)| format!("{a}{b}{c}")),
    ]
}

/// What may stand between two statements: blanks, comments and lone semicolons.
pub(crate) fn between() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![gap(), Just(";".to_owned())], 0..4)
        .prop_map(|pieces| pieces.concat())
}

/// An identifier that is no keyword.
fn identifier() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-dé]z[a-z0-9_$éЖ]{0,4}",
        traps().prop_map(|text| format!("\"q{}\"", text.replace('"', "\"\""))),
        traps().prop_map(|text| format!("U&\"q{}\"", text.replace('"', "\"\""))),
    ]
}

/// A literal of any kind. None ends in a string that a string in a later line would go on with.
fn literal() -> impl Strategy<Value = String> {
    let string = || traps().prop_map(|text| format!("'{text}''\"'"));
    prop_oneof![
        string(),
        traps().prop_map(|text| format!("('{text}\\')")),
        string().prop_map(|text| format!("({text}\n  -- ;'\n{text})")),
        traps().prop_map(|text| format!("(E'{text}\\'\\\\''')")),
        traps().prop_map(|text| format!("(e'{text}' -- ;'\r\n '\\'{text};' /* ; */)")),
        traps().prop_map(|text| format!("(N'{text}')")),
        traps().prop_map(|text| format!("(U&'{text}' UESCAPE '!')")),
        "[01]{0,4}".prop_map(|text| format!("(B'{text}')")),
        "[0-9a-f]{0,4}".prop_map(|text| format!("(x'{text}')")),
        traps().prop_map(|text| format!("($${}$$)", without(&text, &["$"]))),
        traps().prop_map(|text| format!("($tag${};$$'$tag$)", without(&text, &["$"]))),
        traps().prop_map(|text| format!("($é1${};$é$$tag$'$é1$)", without(&text, &["$"]))),
        prop::sample::select(
            &["1", "1_000", "0x1F", "0b1_0", "0o17", "1.5e-3", ".5", "2.", "$1"][..]
        )
        .prop_map(str::to_owned),
    ]
}

/// An expression that the grammar takes.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![literal(), identifier()];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let operator =
            prop::sample::select(&["+", "||", "->>", "@>", "<>", "*", "-", "<@ -", "%"][..]);
        prop_oneof![
            (inner.clone(), operator, inner.clone(), gap())
                .prop_map(|(a, op, b, gap)| format!("({a} {op}{gap}{b} )")),
            (inner.clone(), inner.clone(), gap())
                .prop_map(|(a, b, gap)| format!("case{gap}when {a} then {b}{gap}end")),
            (inner.clone(), identifier()).prop_map(|(a, b)| format!("{b} ({a} )::text")),
            inner.prop_map(|a| format!("( select {a} )")),
        ]
    })
}

fn select() -> impl Strategy<Value = String> {
    let label = prop::sample::select(&["x", "\"end\"", "case", "end", "begin"][..]);
    (expression(), gap(), label, identifier()).prop_map(|(value, gap, label, table)| {
        format!("select{gap}{value}{gap}as {label} from {table}")
    })
}

/// A statement that the grammar takes, from its first token to its last one.
pub(crate) fn statement() -> impl Strategy<Value = String> {
    let bodies = || prop::collection::vec(select(), 0..3);
    let body = move || {
        (bodies(), between()).prop_map(|(all, gap)| {
            all.iter().flat_map(|one| [one, " ;", gap.as_str()]).collect::<String>()
        })
    };
    prop_oneof![
        6 => select(),
        1 => (identifier(), expression(), gap())
            .prop_map(|(name, value, gap)| format!("insert into{gap}{name} values ( {value} )")),
        1 => (identifier(), gap(), body()).prop_map(|(name, gap, body)| format!(
            "create or replace function{gap}{name} () returns int{gap}begin{gap}atomic {body} end"
        )),
        1 => (identifier(), body()).prop_map(|(name, body)| format!(
            "CREATE PROCEDURE {name} (a int DEFAULT 1) LANGUAGE sql BEGIN ATOMIC {body} END"
        )),
        1 => (identifier(), select()).prop_map(|(name, one)| format!(
            "create rule r as on insert to {name} do also ( {one} ; {one} ;)"
        )),
        1 => (identifier(), traps()).prop_map(|(name, text)| format!(
            "create function {name} () returns void language plpgsql as $body${};end;$body$",
            without(&text, &["$"])
        )),
        1 => prop::sample::select(&["begin", "END", "commit", "copy t from '/a;'", "vacuum"][..])
            .prop_map(str::to_owned),
    ]
}

/// A script: its text and where its statements are.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) text: String,
    pub(crate) statements: Vec<std::ops::Range<usize>>,
}

/// Statements with blanks, comments and semicolons between them, the last one maybe without its own.
pub(crate) fn script() -> impl Strategy<Value = Script> {
    let statements = prop::collection::vec((between(), statement(), gap()), 0..5);
    (statements, between(), any::<bool>()).prop_map(|(pieces, after, terminated)| {
        let mut script = Script { text: String::new(), statements: Vec::new() };
        let last = pieces.len();
        for (index, (before, statement, gap)) in pieces.into_iter().enumerate() {
            script.text += &before;
            let start = script.text.len();
            script.text += &statement;
            script.statements.push(start..script.text.len());
            script.text += &gap;
            if index + 1 < last || terminated {
                script.text.push(';');
            }
        }
        script.text += &after;
        script
    })
}

/// Everything that begins, ends or looks like something, glued without blanks.
pub(crate) fn soup() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "'",
        "''",
        "\"",
        "$$",
        "$a$",
        "$1",
        "$",
        "E'",
        "b'",
        "u&'",
        "U&\"",
        "--",
        "/*",
        "*/",
        "\n",
        "\r\n",
        ";",
        ";",
        "\\",
        "\\i a",
        "(",
        ")",
        "[",
        ".",
        "..",
        ":",
        "::",
        "a",
        "é",
        "end",
        "1",
        "0x",
        "1e",
        "_",
        "-",
        "+",
        "@",
        "\u{a0}",
        "🪜",
        " create function ",
        " begin ",
        " atomic ",
        " case ",
        " end ",
        " copy a from ",
        " stdin ",
        " as ",
        " or replace ",
        "\0",
        "\x0b",
        "\t",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}
