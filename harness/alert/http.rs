//! One request, and how often it is tried again.
//!
//! Knows HTTP through ureq, which blocks. Must not know what is sent, nor what becomes of what is
//! not taken. Says why without saying where to.

use std::io::Read;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use super::channel::{Channel, Receiver};
use super::receivers::Payload;
use super::signature::sign;
use crate::http::{Unreached, agent, unreached};
use crate::secret::Scrubber;

/// What a request came to.
enum Answer {
    Taken,
    /// It would be refused again.
    Refused(String),
    /// It may be taken another time, perhaps no sooner than the receiver says.
    Trouble(String, Option<Duration>),
}

/// A request that was not taken.
#[derive(Debug)]
pub(super) struct Untaken {
    /// Why, without secrets.
    pub(super) why: String,
    /// Whether the same request would be refused again.
    pub(super) is_final: bool,
}

/// Sends the payload until it is taken, refused, or the tries or the time are used up. `key` is the
/// same for every try, so that a receiver may know it again. Gives the number of tries.
pub(super) fn send(
    channel: &Channel,
    payload: &Payload,
    key: &str,
    tries: u32,
    deadline: Instant,
) -> Result<u32, Untaken> {
    let mut pause = channel.limits.pause;
    let mut tried = 0;
    loop {
        tried += 1;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let why = "there was no time left for it".to_owned();
            return Err(Untaken { why, is_final: false });
        }
        let (why, wait) = match post(channel, payload, key, left) {
            Answer::Taken => return Ok(tried),
            Answer::Refused(why) => return Err(Untaken { why, is_final: true }),
            Answer::Trouble(why, wait) => (why, wait.unwrap_or(pause)),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if tried >= tries.max(1) || wait >= left {
            return Err(Untaken { why, is_final: false });
        }
        std::thread::sleep(wait);
        pause *= 2;
    }
}

fn post(channel: &Channel, payload: &Payload, key: &str, left: Duration) -> Answer {
    let limits = channel.limits;
    let (url, password) = without_password(payload.url(&channel.url));
    let signed = signed(channel, &payload.body);
    let mut request = agent(&url)
        .post(url.as_str())
        .header("Content-Type", &payload.content_type)
        .header("Idempotency-Key", visible(key));
    for (name, value) in password.into_iter().chain(signed) {
        request = request.header(name, value);
    }
    let request = request
        .config()
        .timeout_connect(Some(limits.connect.min(left)))
        .timeout_global(Some(limits.request.min(left)))
        .build();
    let scrubber = Scrubber::new(channel.secrets().iter().map(String::as_str));
    match request.send(payload.body.as_str()) {
        Ok(response) => answer(response, &scrubber),
        Err(error) => unanswered(&error, &scrubber),
    }
}

/// The address without user and password, and the header that tells them.
fn without_password(mut url: Url) -> (Url, Option<(&'static str, String)>) {
    if url.username().is_empty() && url.password().is_none() {
        return (url, None);
    }
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
    let header = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    // Both fail for addresses without a host only.
    let _ = (url.set_username(""), url.set_password(None));
    (url, Some(("Authorization", header)))
}

/// The headers by which a webhook knows that a request is ours and new.
fn signed(channel: &Channel, body: &str) -> Vec<(&'static str, String)> {
    let Receiver::Webhook { secret, .. } = &channel.receiver else { return Vec::new() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let signature = secret.as_ref().and_then(|secret| sign(secret, now, body));
    let signature = signature.map(|signature| ("X-Stairway-Signature", signature));
    [("X-Stairway-Timestamp", now.to_string())].into_iter().chain(signature).collect()
}

fn answer(mut response: ureq::http::Response<ureq::Body>, scrubber: &Scrubber) -> Answer {
    let status = response.status();
    if status.is_success() {
        return Answer::Taken;
    }
    if status.is_server_error() || status.as_u16() == 429 {
        let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        return Answer::Trouble(format!("it answers {}", status.as_u16()), wait);
    }
    let mut body = Vec::new();
    let _ = response.body_mut().as_reader().take(2048).read_to_end(&mut body);
    let words = scrubber.scrub(&String::from_utf8_lossy(&body)).into_owned();
    let words = words.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let words: String = words.chars().take(120).collect();
    let colon = if words.is_empty() { "" } else { ": " };
    Answer::Refused(format!("it answers {}{colon}{words}", status.as_u16()))
}

fn unanswered(error: &ureq::Error, scrubber: &Scrubber) -> Answer {
    match unreached(error) {
        Unreached::Address(why) => Answer::Refused(why),
        Unreached::Trouble(why) => Answer::Trouble(scrubber.scrub(&why).into_owned(), None),
    }
}

/// What can be in a header.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect()
}
