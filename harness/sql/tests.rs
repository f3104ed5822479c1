//! Hand-written cases for tokens and statements.

use super::{SplitError, TokenKind, is_blank, split, tokens};

fn texts(text: &str) -> Vec<&str> {
    split(text).unwrap().iter().map(|statement| statement.text(text)).collect()
}

fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
    tokens(text)
        .filter(|token| !token.kind.is_blank())
        .map(|token| (token.kind, text.get(token.bytes).unwrap()))
        .collect()
}

fn words(text: &str) -> Vec<&str> {
    kinds(text).into_iter().map(|(_, word)| word).collect()
}

#[test]
fn blanks_and_comments_stay_outside() {
    let text = "\u{feff};; -- a ; b\r\n select 1 /* ; */ ;\r\n/* only */;\n select 2 -- end";
    assert_eq!(texts(text), ["select 1", "select 2"]);
    let flags: Vec<_> = split(text).unwrap().iter().map(|s| s.terminated).collect();
    assert_eq!(flags, [true, false]);
    assert!(split(" -- nothing").unwrap().is_empty());
}

#[test]
fn quotes_hide_semicolons() {
    for text in [
        "select 'a;b''c;'",
        r"select '\'",
        r"select e'\';' as x",
        "select E'a'\n  -- more\n '\\';'",
        "select n'a;', b'1;', x'f;', u&'a;' uescape '!', U&\"a;\"\";\"",
        "select $$;'$$ || $a$;$$;$a$ || $é$;$é$",
        "select $b$ $a$ ; $$b$",
        "select a$b$c, $1, \"x;\"\";\"",
        "select /* a /* ; */ ; */ 1",
        "create rule r as on insert to t do also (insert into a values (1); delete from b)",
    ] {
        assert_eq!(texts(&format!("{text};select 2;")), [text, "select 2"], "{text}");
    }
    assert_eq!(texts("select '\\'; select 'b'"), ["select '\\'", "select 'b'"]);
    assert_eq!(texts("select e'a' '\\'; select 'b'"), ["select e'a' '\\'", "select 'b'"]);
    assert_eq!(texts("select 1 $$a;b$$;select 2"), ["select 1 $$a;b$$", "select 2"]);
}

#[test]
fn atomic_bodies_belong_to_their_routine() {
    for text in [
        "create function f() returns int begin atomic select 1; select 2; end",
        "CREATE OR REPLACE PROCEDURE p(begin int) LANGUAGE sql BEGIN ATOMIC
           SELECT CASE WHEN a THEN 1 ELSE CASE b WHEN 1 THEN 2 END END; SELECT (CASE x WHEN 1 THEN 2 END); END",
        "create function f() returns int begin atomic select t.end, 1 as end, 2 as case; select 3; end",
        "create function begin() returns int return 1",
        "create function f() returns int as 'begin' language sql",
        "create function f() returns int begin atomic end",
    ] {
        assert_eq!(texts(&format!("{text};select 2")), [text, "select 2"], "{text}");
    }
    assert_eq!(texts("begin; select 1 as atomic; end"), ["begin", "select 1 as atomic", "end"]);
    assert_eq!(texts("create table begin(a int); select 1").len(), 2);
    assert_eq!(
        split("create function f() returns int begin atomic select 1; "),
        Err(SplitError::Unterminated { what: "BEGIN ATOMIC body", at: 32 })
    );
}

#[test]
fn what_psql_alone_understands_is_refused_by_name() {
    for (text, command, at) in [
        ("\\restrict abc\nselect 1;", "\\restrict", 0),
        ("select 1;\n  \\i file.sql", "\\i", 12),
        ("\\connect - postgres", "\\connect", 0),
        ("select 1 \\gset pre_", "\\gset", 9),
        ("\\.\n", "\\.", 0),
        ("\\copy t from 'x'", "\\copy", 0),
        ("select 1 \\; select 2", "\\;", 9),
        ("\\", "\\", 0),
    ] {
        let command = command.to_owned();
        assert_eq!(split(text), Err(SplitError::MetaCommand { command, at }), "{text}");
    }
    assert_eq!(texts("select '\\i', $$\n\\i$$ -- \\i"), ["select '\\i', $$\n\\i$$"]);
}

#[test]
fn rows_of_copy_are_refused() {
    for text in [
        "select 1; copy t (a, \"from\") from stdin;\n1\t'\n\\.\n",
        "select 1; COPY a.from /* x */ FROM\nSTDIN with (format csv)",
        "select 1; copy binary t from stdout",
    ] {
        assert_eq!(split(text), Err(SplitError::CopyFromStdin { at: 10 }), "{text}");
    }
    for text in ["copy t from '/a'", "copy t to stdout", "copy (select a from stdin) to stdout"] {
        assert_eq!(texts(text), [text]);
    }
}

#[test]
fn what_nothing_closes_is_named() {
    for (text, what, at) in [
        ("select 'a", "string", 7),
        ("select e'a\\'", "string", 7),
        ("select e'a\\", "string", 7),
        ("select u&'a", "string", 7),
        ("select \"a\"\"", "quoted identifier", 7),
        ("select u&\"a", "quoted identifier", 7),
        ("select $a$ $$ $b$", "dollar-quoted string", 7),
        ("/* a /* b */", "block comment", 0),
        ("/*/", "block comment", 0),
        ("select (1; select (2)", "parenthesis", 7),
    ] {
        assert_eq!(split(text), Err(SplitError::Unterminated { what, at }), "{text}");
    }
    assert_eq!(split("select 'é\0'"), Err(SplitError::Nul { at: 10 }));
}

#[test]
fn operators_end_where_the_server_ends_them() {
    assert_eq!(words("a*-- x\n-1"), ["a", "*", "-", "1"]);
    assert_eq!(words("a=-1 @- b <@-/*c*/2"), ["a", "=", "-", "1", "@-", "b", "<@-", "2"]);
    assert_eq!(
        words("a->>'b'::c[1:2] := d"),
        ["a", "->>", "'b'", "::", "c", "[", "1", ":", "2", "]", ":=", "d"]
    );
}

#[test]
fn numbers_parameters_and_words() {
    let numbers = ["1_000", "0x1F", "0b0_1", "0o17", "1.5e-3", ".5", "1.", "0x_f"];
    for text in numbers {
        assert_eq!(kinds(text), [(TokenKind::Number, text)]);
    }
    assert_eq!(
        words("1..2 1e 0xg $1$a$;$a$ $ 1__0"),
        ["1", "..", "2", "1", "e", "0", "xg", "$1", "$a$;$a$", "$", "1", "__0"]
    );
    // A no-break space is a letter, as for the server.
    assert_eq!(words("a\u{a0}b ünï"), ["a\u{a0}b", "ünï"]);
}

#[test]
fn blank_is_what_no_server_would_see() {
    for text in ["", " \n", "-- a", "/* a */ ; ;\r\n", "\u{feff}"] {
        assert!(is_blank(text), "{text:?}");
    }
    for text in ["select 1", "/* a", "\\i a", "'", ";a", "\0"] {
        assert!(!is_blank(text), "{text:?}");
    }
}
