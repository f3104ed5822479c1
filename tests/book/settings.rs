//! Settings and SQL in the text: what a page says to write down can be read.

use std::collections::BTreeSet;

use stairway::config::Config;
use stairway::finding::Claim;
use stairway::sql;

use crate::blocks::blocks;
use crate::pages;

#[test]
fn settings_can_be_read() {
    let mut count = 0;
    for page in pages::all() {
        for block in blocks(&page.text).iter().filter(|it| it.info == "toml") {
            let place = format!("{}:{}", page.name, block.line);
            let is_manifest = block.file.as_ref().is_some_and(|file| file.ends_with("Cargo.toml"));
            let error = if is_manifest {
                toml::from_str::<toml::Table>(&block.text).err().map(|it| it.to_string())
            } else {
                count += 1;
                Config::parse(&block.text).err().map(|it| it.to_string())
            };
            assert!(error.is_none(), "{place}: {error:?}");
        }
    }
    assert!(count > 3, "only {count} blocks were found");
}

/// The keys that a section may have, as its reader says them.
fn keys(section: &str) -> BTreeSet<String> {
    // So that what is missing is no error before.
    let filled = match section {
        "[[alert]]" => "kind = \"webhook\"\n",
        _ => "",
    };
    let error = Config::parse(&format!("{section}\n{filled}no-such-key = 1\n")).unwrap_err();
    let said = error.to_string();
    let known = said.split_once("expected one of ").or_else(|| said.split_once("expected "));
    let known = known.unwrap_or_else(|| panic!("{section}: {said}")).1;
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The lines of the annotated settings below a heading, or before all headings.
fn lines<'t>(text: &'t str, section: &str) -> Vec<&'t str> {
    let lines = text.lines();
    let begun = lines.skip_while(|line| !section.is_empty() && !line.starts_with(section));
    let rest = begun.skip(usize::from(!section.is_empty()));
    rest.take_while(|line| !line.starts_with('[')).collect()
}

#[test]
fn the_annotated_settings_have_every_key() {
    let text = std::fs::read_to_string(pages::root().join("reference/stairway.toml")).unwrap();
    Config::parse(&text).unwrap();
    let mut missing = Vec::new();
    let mut sections = vec![String::new()];
    while let Some(section) = sections.pop() {
        for key in keys(&section) {
            let inner = section.trim_matches(['[', ']']);
            let path = if inner.is_empty() { key.clone() } else { format!("{inner}.{key}") };
            let heading = [format!("[{path}]"), format!("[[{path}]]")]
                .into_iter()
                .find(|it| text.lines().any(|line| line.starts_with(it.as_str())));
            // Its keys are names of tables.
            if let Some(heading) = heading.clone().filter(|it| it != "[bench.production-rows]") {
                sections.push(heading);
            }
            let is_set = |line: &&str| {
                line.trim_start_matches("# ")
                    .strip_prefix(key.as_str())
                    .is_some_and(|it| it.starts_with(" ="))
            };
            if heading.is_none() && !lines(&text, &section).iter().any(is_set) {
                missing.push(path);
            }
        }
    }
    assert!(missing.is_empty(), "not in the annotated settings: {missing:?}");
}

#[test]
fn sql_can_be_cut_and_claims_can_be_read() {
    let mut count = 0;
    for page in pages::all() {
        for block in blocks(&page.text).iter().filter(|it| it.info == "sql") {
            let place = format!("{}:{}", page.name, block.line);
            assert!(sql::split(&block.text).is_ok(), "{place}");
            let queries = ["weight ", "budget ", "param ", "rate ", "commits"];
            for line in block.text.lines().filter_map(|line| line.strip_prefix("-- stairway: ")) {
                let is_query = queries.iter().any(|word| line.starts_with(word));
                assert!(is_query || Claim::parse_body(line).is_ok(), "{place}: {line}");
                count += 1;
            }
        }
    }
    assert!(count > 3, "only {count} claims were found");
}
