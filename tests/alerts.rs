//! Notices against receivers that answer, refuse, fail and hang: what arrives, what is tried again,
//! what waits on disk, and that no secret is in anything that stays.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stairway::alert::{
    Channel, Delivery, Limits, Notice, Outcome, Receiver, Severity, deliver, resend,
};
use stairway::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "T0KEN-of-the-address-that-nobody-sees";
const SESAME: &str = "sesame-of-the-webhook";

/// What a receiver does with a request.
#[derive(Clone)]
enum Does {
    Answer(u16, &'static str),
    /// 503, and to come back after a year.
    Later,
    Hang,
}

#[derive(Clone, Debug, Default)]
struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// A receiver on the loopback address: it does what it was told to, in order, and then answers 200.
struct Listening {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    does: Arc<Mutex<VecDeque<Does>>>,
}

impl Listening {
    async fn start(does: impl IntoIterator<Item = Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let does = Arc::new(Mutex::new(does.into_iter().collect::<VecDeque<_>>()));
        let (requests, todo) = (seen.clone(), does.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, requests.clone(), todo.clone()));
            }
        });
        Self { port, seen, does }
    }

    fn always(&self, does: Does) {
        *self.does.lock().unwrap() = std::iter::repeat_n(does, 100).collect();
    }

    fn well(&self) {
        self.does.lock().unwrap().clear();
    }

    fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    fn channel(&self, name: &str, receiver: Receiver) -> Channel {
        let address = format!("http://ann:pass-of-ann@127.0.0.1:{}/hook/{TOKEN}", self.port);
        Channel::new(name, receiver, &address).unwrap().limits(quick())
    }

    fn webhook(&self, name: &str) -> Channel {
        let secret = Some(Secret::new(SESAME));
        self.channel(name, Receiver::Webhook { form: false, secret })
    }
}

/// Answers one request and closes: the client sees each of them on a connection of its own.
async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Request>>>,
    does: Arc<Mutex<VecDeque<Does>>>,
) {
    let request = read(&mut stream).await;
    seen.lock().unwrap().push(request);
    let next = does.lock().unwrap().pop_front().unwrap_or(Does::Answer(200, "ok"));
    let (status, body, after) = match next {
        Does::Hang => std::future::pending().await,
        Does::Later => (503, "", 31_536_000),
        Does::Answer(status, body) => (status, body, 0),
    };
    let answer = format!(
        "HTTP/1.1 {status} Because\r\nContent-Length: {}\r\nLocation: /other\r\n\
         Retry-After: {after}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let line = lines.next().unwrap().to_owned();
            let header = |line: &str| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_lowercase(), value.to_owned())
            };
            let headers: BTreeMap<String, String> = lines.map(header).collect();
            let length: usize = headers["content-length"].parse().unwrap();
            if body.len() >= length {
                return Request { line, headers, body: body.to_owned() };
            }
        }
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "half a request: {text}");
        bytes.extend_from_slice(&buffer[..count]);
    }
}

fn quick() -> Limits {
    Limits { pause: Duration::from_millis(1), ..Limits::default() }
}

fn notice(event: &str, run: &str) -> Notice {
    Notice {
        run: run.to_owned(),
        event: event.to_owned(),
        state: "BEFORE".to_owned(),
        severity: if event.ends_with("succeeded") { Severity::Info } else { Severity::Critical },
        service: "shop".to_owned(),
        status: "failed".to_owned(),
        revision: Some("20250301090000".to_owned()),
        environment: "production".to_owned(),
        duration_seconds: 41.6,
        summary: "the upgrade fails: café".to_owned(),
        exit: 20,
        report_sha256: None,
        at: "2025-03-17T14:00:00Z".to_owned(),
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn outcome(deliveries: &[Delivery]) -> &Outcome {
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    assert!(!format!("{deliveries:?}").contains(TOKEN), "{deliveries:?}");
    &deliveries[0].outcome
}

/// HMAC-SHA256 as Python computes it; `None` on a machine without it.
fn python_hmac(key: &str, text: &str) -> Option<String> {
    let program = "import hashlib, hmac, sys\n\
                   text = sys.stdin.buffer.read()\n\
                   print(hmac.new(sys.argv[1].encode(), text, hashlib.sha256).hexdigest())";
    let mut child = Command::new("python3")
        .args(["-c", program, key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[tokio::test]
async fn a_webhook_gets_json_that_is_signed() {
    let (receiver, folder) = (Listening::start([]).await, tempfile::tempdir().unwrap());
    let channels = [receiver.webhook("ops")];
    let told = deliver(&channels, &notice("upgrade.failed", "run-1"), folder.path()).await;
    assert_eq!(*outcome(&told), Outcome::Delivered { tries: 1 });
    assert_eq!(told[0].address, format!("http://127.0.0.1:{}", receiver.port));
    assert_eq!(files(folder.path()).len(), 0);

    let seen = receiver.seen();
    let Request { line, headers, body } = &seen[0];
    assert_eq!(*line, format!("POST /hook/{TOKEN} HTTP/1.1"));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["idempotency-key"], "run-1/upgrade.failed");
    assert_eq!(headers["authorization"], "Basic YW5uOnBhc3Mtb2YtYW5u");
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&json["schema"], &json["service"]), (&1.into(), &"shop".into()));
    assert_eq!(json["summary"], "the upgrade fails: café");
    let signature = headers["x-stairway-signature"].strip_prefix("sha256=").unwrap();
    assert_eq!(signature.len(), 64);
    let text = format!("{}.{body}", headers["x-stairway-timestamp"]);
    if let Some(expected) = python_hmac(SESAME, &text) {
        assert_eq!(signature, expected);
    }
}

#[tokio::test]
async fn every_kind_of_receiver_gets_its_own() {
    let (receiver, folder) = (Listening::start([]).await, tempfile::tempdir().unwrap());
    let form = Receiver::Webhook { form: true, secret: None };
    let kinds = [
        ("f", form),
        ("s", Receiver::Slack),
        ("a", Receiver::Alertmanager),
        ("h", Receiver::Healthchecks),
    ];
    let channels = kinds.map(|(name, kind)| receiver.channel(name, kind));
    let told = deliver(&channels, &notice("upgrade.failed", "run-1"), folder.path()).await;
    let names: Vec<&str> = told.iter().map(|it| it.channel.as_str()).collect();
    assert_eq!(names, ["f", "s", "a", "h"]);
    assert!(told.iter().all(|it| it.outcome == Outcome::Delivered { tries: 1 }), "{told:?}");
    let mut lines: Vec<String> = receiver.seen().into_iter().map(|it| it.line).collect();
    lines.sort();
    let hook = format!("POST /hook/{TOKEN}");
    assert!(lines[0] == format!("{hook} HTTP/1.1") && lines[1] == lines[0], "{lines:?}");
    assert!(lines[2].starts_with(&format!("{hook}/20?rid=")), "{lines:?}");
    assert_eq!(lines[3], format!("{hook}/api/v2/alerts HTTP/1.1"));

    // A beginning is for who waits for the end.
    let told = deliver(&channels, &notice("upgrade.started", "run-1"), folder.path()).await;
    let taken = told.iter().filter(|it| it.outcome != Outcome::Skipped).collect::<Vec<_>>();
    assert!(taken.len() == 1 && taken[0].channel == "h", "{told:?}");
}

#[tokio::test]
async fn trouble_is_tried_again_and_a_refusal_is_not() {
    for (does, expected, requests) in [
        (vec![Does::Answer(500, "")], Some(2), 2),
        (vec![Does::Answer(429, ""), Does::Answer(503, "")], Some(3), 3),
        (vec![Does::Answer(500, ""); 3], None, 3),
        // It is not waited for longer than the budget.
        (vec![Does::Later], None, 1),
        (vec![Does::Answer(400, "")], None, 1),
        (vec![Does::Answer(404, "")], None, 1),
        (vec![Does::Answer(302, "")], None, 1),
    ] {
        let (receiver, folder) = (Listening::start(does).await, tempfile::tempdir().unwrap());
        let channels = [receiver.webhook("ops")];
        let told = deliver(&channels, &notice("upgrade.failed", "run-1"), folder.path()).await;
        match expected {
            Some(tries) => assert_eq!(*outcome(&told), Outcome::Delivered { tries }),
            None => assert!(matches!(outcome(&told), Outcome::Spooled { .. }), "{told:?}"),
        }
        assert_eq!(told[0].is_open(), expected.is_none());
        assert_eq!(receiver.seen().len(), requests);
        assert_eq!(files(folder.path()).len(), usize::from(expected.is_none()));
    }
}

#[tokio::test]
async fn who_hangs_is_not_waited_for_and_nobody_else_waits_meanwhile() {
    let hanging = Listening::start([]).await;
    hanging.always(Does::Hang);
    let (well, folder) = (Listening::start([]).await, tempfile::tempdir().unwrap());
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    // This one speaks no TLS.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}/", mute.local_addr().unwrap());
    tokio::spawn(async move { while mute.accept().await.is_ok() {} });
    let mute = Channel::new("mute", Receiver::Slack, &address).unwrap();
    let budget = Duration::from_millis(400);
    let limits = Limits { budget, request: Duration::from_millis(150), ..quick() };
    let receiver = Receiver::Webhook { form: false, secret: None };
    let gone = Channel::new("gone", receiver, &format!("http://127.0.0.1:{gone}/")).unwrap();
    let slow = hanging.webhook("hanging").limits(limits);
    let channels = [slow, well.webhook("well"), gone.limits(limits), mute.limits(limits)];
    // It ends at all: the receiver never answers.
    let told = deliver(&channels, &notice("upgrade.failed", "run-1"), folder.path()).await;
    let Outcome::Spooled { why, path } = &told[0].outcome else { panic!("{told:?}") };
    assert_eq!(why, "it does not answer in time");
    assert!(path.exists());
    assert_eq!(told[1].outcome, Outcome::Delivered { tries: 1 });
    for other in &told[2..] {
        assert!(matches!(&other.outcome, Outcome::Spooled { .. }), "{other:?}");
    }
    assert!((1..=3).contains(&hanging.seen().len()));
}

#[tokio::test]
async fn what_waits_is_sent_once_and_in_order() {
    let (receiver, folder) = (Listening::start([]).await, tempfile::tempdir().unwrap());
    let spool = folder.path().join("spool");
    let channels = [receiver.webhook("ops")];
    receiver.always(Does::Answer(503, ""));
    for run in ["run-1", "run-2", "run-3"] {
        deliver(&channels, &notice("upgrade.failed", run), &spool).await;
    }
    assert_eq!(files(&spool).len(), 3);
    // The first that is not taken ends it.
    let before = receiver.seen().len();
    let told = resend(&channels, &spool).await;
    assert!(matches!(outcome(&told), Outcome::Spooled { .. }));
    assert_eq!((told[0].run.as_str(), receiver.seen().len()), ("run-1", before + 1));

    receiver.well();
    let before = receiver.seen().len();
    // Of two processes one sends.
    let (one, other) = tokio::join!(resend(&channels, &spool), resend(&channels, &spool));
    let mut told: Vec<&Delivery> = one.iter().chain(&other).collect();
    told.sort_by(|one, other| one.run.cmp(&other.run));
    let runs: Vec<&str> = told.iter().map(|it| it.run.as_str()).collect();
    assert_eq!(runs, ["run-1", "run-2", "run-3"]);
    assert!(told.iter().all(|it| it.outcome == Outcome::Delivered { tries: 1 }), "{told:?}");
    let keys: Vec<String> = receiver
        .seen()
        .split_off(before)
        .iter()
        .map(|it| it.headers["idempotency-key"].clone())
        .collect();
    assert_eq!(keys, ["run-1", "run-2", "run-3"].map(|run| format!("{run}/upgrade.failed")));
    assert_eq!(files(&spool).len(), 0);
    assert_eq!(resend(&channels, &spool).await.len(), 0);
}

#[tokio::test]
async fn what_is_refused_keeps_nobody_waiting_and_what_is_old_is_given_up() {
    let (receiver, folder) = (Listening::start([]).await, tempfile::tempdir().unwrap());
    let channels = [receiver.webhook("ops")];
    receiver.always(Does::Answer(503, ""));
    for run in ["run-1", "run-2", "run-3"] {
        deliver(&channels, &notice("upgrade.failed", run), folder.path()).await;
    }
    let paths = files(folder.path());
    let name = paths[0].file_name().unwrap().to_str().unwrap();
    let millis: u64 = name.split('-').next().unwrap().parse().unwrap();
    let old = millis - 8 * 24 * 3600 * 1000;
    fs::rename(&paths[0], folder.path().join(format!("{old:014}-ops.json"))).unwrap();
    fs::write(folder.path().join("00000000000001-ops.json"), "{").unwrap();
    fs::write(folder.path().join("notes.txt"), "of somebody else").unwrap();
    receiver.well();
    receiver.does.lock().unwrap().push_back(Does::Answer(410, "gone"));
    let told = resend(&channels, folder.path()).await;
    let outcomes: Vec<String> =
        told.iter().map(|it| format!("{} {:?}", it.run, it.outcome)).collect();
    assert_eq!(outcomes.len(), 3, "{outcomes:?}");
    assert!(outcomes[0].starts_with("run-1 Lost"), "{outcomes:?}");
    assert!(
        outcomes[1].starts_with("run-2 Spooled { why: \"it answers 410: gone\""),
        "{outcomes:?}"
    );
    assert!(outcomes[2].starts_with("run-3 Delivered"), "{outcomes:?}");
    let left: Vec<_> = files(folder.path());
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn a_state_that_was_told_later_is_not_undone_by_what_waits() {
    let (receiver, folder) = (Listening::start([]).await, tempfile::tempdir().unwrap());
    let channels = [receiver.channel("am", Receiver::Alertmanager), receiver.webhook("ops")];
    receiver.always(Does::Answer(503, ""));
    deliver(&channels, &notice("upgrade.failed", "run-1"), folder.path()).await;
    let mut other = notice("upgrade.failed", "run-2");
    other.service = "books".to_owned();
    deliver(&channels, &other, folder.path()).await;
    assert_eq!(files(folder.path()).len(), 4);
    receiver.well();
    deliver(&channels, &notice("upgrade.succeeded", "run-3"), folder.path()).await;
    let mut told = resend(&channels, folder.path()).await;
    told.sort_by(|one, other| (&one.channel, &one.run).cmp(&(&other.channel, &other.run)));
    let sent: Vec<String> = told.iter().map(|it| format!("{} {}", it.channel, it.run)).collect();
    assert_eq!(sent, ["am run-2", "ops run-1", "ops run-2"]);
}

#[tokio::test]
async fn no_secret_and_no_token_is_in_anything_that_stays() {
    let (receiver, folder) = (Listening::start([]).await, tempfile::tempdir().unwrap());
    let spool = folder.path().join("spool");
    receiver.always(Does::Answer(403, "T0KEN-of-the-address-that-nobody-sees is not known"));
    let slack = receiver.channel("slack", Receiver::Slack);
    let channels = [receiver.webhook("ops"), slack];
    let told = deliver(&channels, &notice("upgrade.failed", "run-1"), &spool).await;
    let Outcome::Spooled { why, .. } = &told[0].outcome else { panic!("{told:?}") };
    assert_eq!(why, "it answers 403: *** is not known");
    let mut texts = vec![format!("{told:?} {channels:?} {} {}", channels[0], channels[1])];
    assert_eq!(fs::metadata(&spool).unwrap().permissions().mode() & 0o777, 0o700);
    for path in files(&spool) {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        texts.push(fs::read_to_string(&path).unwrap());
    }
    assert_eq!(texts.len(), 3);
    for text in texts {
        for secret in [TOKEN, SESAME, "pass-of-ann"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn where_nothing_can_be_kept_it_is_still_sent() {
    let (receiver, folder) = (Listening::start([]).await, tempfile::tempdir().unwrap());
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let channels = [receiver.webhook("ops")];
    let told = deliver(&channels, &notice("upgrade.failed", "run-1"), &file).await;
    assert_eq!(*outcome(&told), Outcome::Delivered { tries: 1 });
    receiver.always(Does::Answer(500, ""));
    let told = deliver(&channels, &notice("upgrade.failed", "run-1"), &file).await;
    let Outcome::Lost { why } = outcome(&told) else { panic!("{told:?}") };
    assert!(why.starts_with("it answers 500; it can't be kept in "), "{why}");
    assert_eq!(resend(&channels, &file).await.len(), 0);
}
