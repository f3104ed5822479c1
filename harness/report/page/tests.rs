//! The parts that no page has alone.

use maud::html;

use super::read::{escapes_everything, read, verdict};
use super::{Tone, laps, next, opening, unchecked, unfinished};
use crate::exit::Exit;
use crate::report::ErrorReport;

#[test]
fn a_verdict_has_a_sign_beside_its_colour() {
    for (tone, sign, class) in [
        (Tone::Pass, "✓ w", "verdict pass"),
        (Tone::Fail, "✕ w", "verdict fail"),
        (Tone::Inconclusive, "? w", "verdict inconclusive"),
    ] {
        let opening = html! { body { (opening("verb", tone, "w", &html! { "why" })) } };
        assert_eq!(verdict(&opening.into_string()), (sign.to_owned(), class.to_owned()));
    }
}

#[test]
fn what_did_not_finish_says_so() {
    let page = |word: &str| {
        let message = format!("{word}\nand {word}");
        let causes = vec![word.to_owned(); 5];
        let error = ErrorReport { message, causes, exit: Some(Exit::NoServer.code()) };
        unfinished(("verify", "verification"), &error, 1.25, "")
    };
    escapes_everything(page);
    let (_, text) = read(&page("it broke"));
    for part in [
        "The verification did not finish: it broke",
        "and it broke",
        "caused by: it broke",
        "It ended after 1.2 s with exit code 3. Nothing was judged.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(verdict(&page("x")).0, "? inconclusive");
}

#[test]
fn nothing_is_left_to_silence() {
    let none = unchecked(&[], "Nothing: all was checked.").into_string();
    assert!(none.contains("Nothing: all was checked."), "{none}");
    let some = unchecked(&[("amcheck".to_owned(), "no\nprogram".to_owned())], "").into_string();
    assert!(some.contains("<b>amcheck</b>: no<pre"), "{some}");
}

#[test]
fn what_to_do_is_one_line_or_a_list() {
    let told = |steps: &[&str]| {
        next(&steps.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).into_string()
    };
    assert_eq!(told(&[]), "");
    assert!(
        told(&["a"]).contains("id=\"next\"><b>next: </b>a<") && told(&["a", "b"]).contains("<li")
    );
}

#[test]
fn a_hollow_bar_is_explained_where_there_is_one() {
    let lap = |has_failed| super::Lap { cells: vec![html! { "a" }], seconds: 0.5, has_failed };
    let columns = [("step", false), ("took", true), ("when", false)];
    let drawn = |failed| laps("c", &columns, vec![lap(false), lap(failed)]).into_string();
    assert!(drawn(true).contains("A hollow one failed.") && !drawn(false).contains("hollow"));
    assert!(drawn(false).contains("<data value=\"0.5\">500 ms</data>"), "{}", drawn(false));
}
