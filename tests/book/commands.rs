//! Commands in the text: a shell can read them, and each verb and flag of `stairway` is one that it has.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::blocks::{blocks, spans};
use crate::pages::{self, Page};
use crate::program;

/// The help of each verb, by its words, such as `workload import`; of the program itself by none.
pub(crate) fn helps() -> &'static BTreeMap<String, String> {
    static HELPS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    HELPS.get_or_init(|| {
        let mut helps = BTreeMap::new();
        gather("", &mut helps);
        assert!(helps.len() > 20, "the verbs were not found: {helps:?}");
        helps
    })
}

fn gather(words: &str, helps: &mut BTreeMap<String, String>) {
    let output = program::program().args(words.split_whitespace()).arg("--help").output().unwrap();
    assert!(output.status.success(), "{words}: {output:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    for verb in verbs(&help) {
        gather(format!("{words} {verb}").trim(), helps);
    }
    helps.insert(words.to_owned(), help);
}

/// The verbs that a help lists.
fn verbs(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    // What does not fit into a line goes on below, farther to the right.
    let named = lines.filter_map(|line| line.strip_prefix("  ").filter(|it| !it.starts_with(' ')));
    let words = named.filter_map(|line| line.split(' ').next()).filter(|verb| *verb != "help");
    words.map(str::to_owned).collect()
}

/// The words of each command of a script.
fn commands(script: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let (mut word, mut quote, mut begun) = (String::new(), None, false);
    let script = script.replace("\\\n", " ");
    let mut letters = script.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => (quote, begun) = (Some(letter), true),
            (None, '#') if !begun => while letters.next_if(|it| *it != '\n').is_some() {},
            (None, ' ' | '\n' | '|' | '&' | ';' | '(' | ')' | '>' | '<') => {
                if begun {
                    all.last_mut().unwrap().push(std::mem::take(&mut word));
                    begun = false;
                }
                if letter != ' ' {
                    all.push(Vec::new());
                }
            }
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        all.last_mut().unwrap().push(word);
    }
    // Assignments before a command are none of its words.
    let is_set = |word: &String| {
        word.split('=').next().is_some_and(|name| word.contains('=') && !name.contains('-'))
    };
    all.into_iter()
        .map(|words| words.into_iter().skip_while(is_set).collect::<Vec<_>>())
        .filter(|words| !words.is_empty())
        .collect()
}

/// What `stairway` does not have of these words.
fn unknown(words: &[String]) -> Vec<String> {
    let Some(("stairway", rest)) = words.split_first().map(|(first, rest)| (first.as_str(), rest))
    else {
        return Vec::new();
    };
    let mut verb = String::new();
    for word in rest {
        let longer = format!("{verb} {word}").trim().to_owned();
        if helps().contains_key(&longer) {
            verb = longer;
        }
    }
    let bare = rest.iter().find(|word| !word.starts_with('-'));
    if let (true, Some(bare)) = (verb.is_empty(), bare) {
        return vec![format!("stairway {bare}")];
    }
    let help = &helps()[&verb];
    let flags = rest.iter().filter(|word| {
        word.starts_with("--")
            || (word.starts_with('-') && word[1..].starts_with(char::is_alphabetic))
    });
    let flags = flags.map(|word| word.split('=').next().unwrap());
    let is_missing = |flag: &&str| !lists(help, flag);
    flags.filter(is_missing).map(|flag| format!("stairway {verb} {flag}")).collect()
}

/// Whether a help lists a flag, and not only a longer one.
fn lists(help: &str, flag: &str) -> bool {
    help.match_indices(flag).any(|(at, _)| {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '-';
        !help[..at].ends_with(is_part) && !help[at + flag.len()..].starts_with(is_part)
    })
}

/// Pages of the book, and the README.
fn documents() -> Vec<Page> {
    let path = format!("{}/README.md", env!("CARGO_MANIFEST_DIR"));
    let readme =
        Page { name: "README.md".to_owned(), text: std::fs::read_to_string(path).unwrap() };
    pages::all().into_iter().chain([readme]).collect()
}

#[test]
fn commands_have_verbs_and_flags_that_exist() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in documents() {
        let shell =
            blocks(&page.text).into_iter().filter(|it| it.info == "sh" || it.info == "console");
        let shell = shell.map(|block| match block.info.as_str() {
            "sh" => block.text,
            _ => block
                .text
                .lines()
                .filter_map(|line| line.strip_prefix("$ "))
                .collect::<Vec<_>>()
                .join("\n"),
        });
        let (spans, _) = spans(&page.text);
        let spans = spans.into_iter().filter(|span| span.starts_with("stairway "));
        for text in shell.chain(spans) {
            for words in commands(&text) {
                count += usize::from(words[0] == "stairway");
                wrong.extend(unknown(&words).into_iter().map(|it| format!("{}: {it}", page.name)));
            }
        }
    }
    assert!(count > 100, "only {count} commands were found");
    assert!(wrong.is_empty(), "unknown:\n{}", wrong.join("\n"));
}

#[test]
fn a_shell_can_read_them() {
    let mut count = 0;
    for page in documents() {
        for block in blocks(&page.text).iter().filter(|it| it.info == "sh") {
            let said = bash(&block.text);
            assert!(said.is_empty(), "{}:{}: {said}", page.name, block.line);
            count += 1;
        }
    }
    assert!(count > 20, "only {count} blocks were found");
}

/// What bash has against a script; nothing is run.
fn bash(script: &str) -> String {
    let mut child = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { said } else { format!("{} {said}", output.status) }
}

#[test]
fn what_does_not_exist_is_seen() {
    let see = |script: &str| commands(script).iter().flat_map(|it| unknown(it)).collect::<Vec<_>>();
    assert_eq!(
        see("A=b stairway verify \\\n --jobs=2 | tee x # stairway no\nstairway cache path"),
        [""; 0]
    );
    assert_eq!(see("x=$(stairway verfy)"), ["stairway verfy"]);
    assert_eq!(see("stairway --env staging upgrade -1 --skip"), ["stairway upgrade --skip"]);
    assert_eq!(see("stairway workload import 'a b.csv' -y"), ["stairway workload import -y"]);
    assert!(!bash("if true; then").is_empty());
}
