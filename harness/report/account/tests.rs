//! The page of hand-made accounts.

use super::{account_html, dry_run_html};
use crate::exit::Exit;
use crate::report::page::read::{escapes_everything, read, verdict};
use crate::runs::production::{
    Account, BackupAccount, CheckAccount, Class, Ended, MoveAccount, Remark, Room, State,
    StepAccount, Trouble, Weight,
};
use crate::secret::Scrubber;
use crate::steps::Blocker;

/// One of everything, in which each text of a user is `word`.
fn full(word: &str) -> Account {
    let text = || word.to_owned();
    let step = |name: &str, ended| StepAccount {
        name: name.to_owned(),
        ended,
        seconds: 1.5,
        notes: vec![format!("{word}\nmore {word}")],
    };
    let remark = |weight| Remark {
        about: "disk",
        weight,
        message: format!("{word} is {weight:?}"),
        help: Some(text()),
        room: Some(Room { folder: word.into(), mount: word.into(), needed: 5, free: 7 }),
    };
    let blocker = Blocker { pid: text(), application: text(), state: text(), seconds: text() };
    Account {
        schema: 1,
        run: text(),
        verb: "upgrade".to_owned(),
        environment: text(),
        database: text(),
        server: Some(text()),
        from: None,
        to: Some(text()),
        began: text(),
        seconds: 12.5,
        state: State::Before,
        exit: Exit::RehearsalFailed,
        outcome: format!("it did not: {word}"),
        trouble: Some(Trouble {
            step: "rehearse".to_owned(),
            message: format!("the way back of {word} does not lead back:\n- {word}\n+ other"),
            sqlstate: Some(text()),
            object: Some(text()),
            place: Some(text()),
            class: Some(Class::Environment),
            help: Some(text()),
        }),
        notes: vec![text()],
        steps: vec![
            step("preflight", Ended::Done),
            step("backup", Ended::Skipped),
            step("rehearse", Ended::Failed),
        ],
        preflight: vec![remark(Weight::Fine), remark(Weight::Warning), remark(Weight::Refused)],
        backup: Some(BackupAccount {
            file: word.into(),
            created_at: "2026-01-31T00:00:00Z".parse().unwrap(),
            bytes: 12_345_678,
            sha256: text(),
            level: 3,
            tables: 2,
            rows: 5,
        }),
        moves: vec![MoveAccount {
            revision: text(),
            direction: "upgrade",
            ended: Ended::Failed,
            tries: 4,
            seconds: 0.5,
            rehearsed: None,
            blockers: vec![blocker],
        }],
        validation: vec![CheckAccount { name: text(), ended: Ended::Skipped, detail: text() }],
        orphans: None,
        kept_database: Some(text()),
    }
}

fn page(account: &Account) -> String {
    account_html(account, &Scrubber::new([]))
}

#[test]
fn no_text_becomes_anything_but_text() {
    escapes_everything(|word| page(&full(word)));
    escapes_everything(|word| {
        let sql = format!("SELECT '{word}';\n").repeat(500);
        dry_run_html(&full(word), Some(&sql), &Scrubber::new([]))
    });
}

/// All of an account says it, and no page does.
#[test]
fn no_secret_is_on_a_page_however_it_is_written() {
    for secret in ["a<b&\"c>d", "it's a\r\nsecret", "p4ss w0rd%", "\u{202e}turned"] {
        let scrubber = Scrubber::new([secret]);
        let sql = format!("CREATE ROLE a PASSWORD '{}';", secret.replace('\'', "''"));
        for page in [
            account_html(&full(secret), &scrubber),
            dry_run_html(&full(secret), Some(&sql), &scrubber),
        ] {
            let (_, text) = read(&page);
            assert!(text.matches("***").count() > 10, "{text}");
            let parts =
                [secret.to_owned(), secret.replace("\r\n", "\n"), secret.replace('\'', "''")];
            let shown = secret.replace('\u{202e}', "\u{fffd}");
            for part in parts.iter().chain([&shown]) {
                assert!(!text.contains(part) && !page.contains(part), "{part}: {text}");
            }
        }
    }
    let url = full("postgres://u:s3cret-1@host/db");
    assert!(!page(&url).contains("s3cret-1"), "what looks like a secret is one");
}

#[test]
fn each_end_has_its_word_and_tone() {
    let mut words = std::collections::BTreeSet::new();
    for exit in Exit::ALL {
        let (word, class) = verdict(&page(&Account { exit, ..full("x") }));
        assert_eq!(class == "verdict pass", exit == Exit::Clean, "{exit:?}: {class}");
        assert!(words.insert(word), "{exit:?}");
    }
}

#[test]
fn what_a_failed_rehearsal_showed_is_there_in_full() {
    let (_, text) = read(&page(&full("x")));
    for part in [
        "the way back of x does not lead back:",
        "- x\n+ other",
        "in step rehearse; place x; SQLSTATE x; object x; it is about environment",
        "BEFORE",
        "next: x",
        "step backup: x",
        "the migrations: the run did not come to it",
        "in the way: process x (x, x, open for x s)",
        "not rehearsed",
        "not counted",
        "kept as x",
        "error disk x is Refused",
        "5 bytes needed, 7 bytes free",
        "level 3 of 4",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches("+ other").count(), 2, "with what is wrong, and with the rehearsal");
}

#[test]
fn what_was_forced_on_says_where_its_rehearsal_is_told() {
    let (_, text) = read(&page(&Account { trouble: None, ..full("x") }));
    assert!(
        text.contains("It failed, and the run went on: the notes at the head say how."),
        "{text}"
    );
    let bare = Account { trouble: None, steps: Vec::new(), ..full("x") };
    let (_, text) = read(&page(&bare));
    assert!(
        text.contains("Nothing was rehearsed on a copy.") && text.contains("No step was begun.")
    );
}

#[test]
fn a_dry_run_has_all_of_its_sql_or_says_why_there_is_none() {
    let fine = Account { exit: Exit::Clean, trouble: None, preflight: Vec::new(), ..full("x") };
    let sql: String = (0..5000).map(|at| format!("SELECT {at};")).collect::<Vec<_>>().join("\n");
    let page = dry_run_html(&fine, Some(&sql), &Scrubber::new([]));
    assert_eq!(verdict(&page).0, "✓ would run");
    let (_, text) = read(&page);
    assert!(text.contains("SELECT 0;") && text.contains("SELECT 4999;"), "nothing is cut");
    let (_, text) = read(&dry_run_html(&fine, Some(""), &Scrubber::new([])));
    assert!(text.contains("None: nothing is to be done."), "{text}");
    let page = dry_run_html(&full("x"), None, &Scrubber::new([]));
    assert_eq!(verdict(&page).0, "✕ would be refused");
    assert!(read(&page).1.contains("It is not known"));
}
