//! Where guests come in: an address on loopback that asks for a word.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand::Rng;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::guest::{Guest, Heard, Manner};
use super::line::Line;
use super::wire::{self, End};
use crate::postgres::{Session, quote_literal};

/// Requests before the startup packet, to which the answer is no.
const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];
/// Version 3 of the protocol, its first half.
const VERSION: u32 = 3;
/// What a client may say of itself that is none of the session's settings.
const NO_SETTINGS: [&str; 6] =
    ["user", "database", "replication", "application_name", "fallback_application_name", "options"];

/// An address at which guests are let into the session that is lent at that moment.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    word: String,
    lent: Arc<Mutex<Option<Lent>>>,
    task: JoinHandle<()>,
}

/// A session that is lent.
#[derive(Clone)]
struct Lent {
    line: Arc<Line>,
    manner: Manner,
    heard: Arc<Mutex<Heard>>,
    ended: watch::Receiver<()>,
    /// The session is its owner's again, and has gone on without waiting for guests to leave.
    is_abandoned: Arc<AtomicBool>,
    /// Held by each guest: when all are dropped, nobody is inside.
    _inside: mpsc::Sender<()>,
}

impl std::fmt::Debug for Lent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Lent").field("manner", &self.manner).finish_non_exhaustive()
    }
}

/// While this lives, guests are in the session. Dropped before its end, whoever is inside hears its last
/// answer and is shown out without another word in the session.
#[derive(Debug)]
pub struct Lease<'d> {
    door: &'d Door,
    is_abandoned: Arc<AtomicBool>,
    heard: Arc<Mutex<Heard>>,
    ends: watch::Sender<()>,
    inside: mpsc::Receiver<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    /// Listens on loopback, at a port that the system chooses.
    pub async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let word = format!("{:032x}", rand::rng().random::<u128>());
        let lent: Arc<Mutex<Option<Lent>>> = Arc::default();
        let (shared, expected) = (Arc::clone(&lent), word.clone());
        let task = tokio::spawn(async move {
            let mut guests = JoinSet::new();
            loop {
                while guests.try_join_next().is_some() {}
                let Ok((stream, _)) = listener.accept().await else { continue };
                let (shared, expected) = (Arc::clone(&shared), expected.clone());
                guests.spawn(async move {
                    // A guest whose connection breaks knows it.
                    let _ = welcome(stream, &expected, &shared).await;
                });
            }
        });
        Ok(Self { address, word, lent, task })
    }

    /// Where guests connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The password that they need.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Lends a session; `None` if it was not made to be lent. Nothing may be said in it until the lease
    /// has ended.
    pub fn lend(&self, session: &Session, manner: Manner) -> Option<Lease<'_>> {
        let line = session.line()?;
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let (ends, ended) = watch::channel(());
        let (sender, inside) = mpsc::channel(1);
        let is_abandoned: Arc<AtomicBool> = Arc::default();
        let lent = Lent {
            line,
            manner,
            heard: Arc::clone(&heard),
            ended,
            is_abandoned: Arc::clone(&is_abandoned),
            _inside: sender,
        };
        *self.lent.lock().unwrap_or_else(PoisonError::into_inner) = Some(lent);
        Some(Lease { door: self, is_abandoned, heard, ends, inside })
    }
}

impl Lease<'_> {
    /// Waits until all guests have had their answers, shows them out and tells what was heard.
    pub async fn end(mut self) -> Heard {
        self.door.lent.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = self.ends.send(());
        while self.inside.recv().await.is_some() {}
        // Nobody is inside: there is nothing to abandon.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
        self.door.lent.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

async fn welcome(stream: TcpStream, word: &str, lent: &Mutex<Option<Lent>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut client = End::new(Box::new(stream));
    let Some(settings) = admit(&mut client, word).await? else { return client.flush().await };
    // Only who knows the word is a guest, for whom a lease waits.
    let lent = lent.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(lent) = lent else {
        wire::refusal(
            "57P03",
            "no session is lent now: connect while a migration runs",
            &mut client.to_write,
        );
        return client.flush().await;
    };
    let mut server = lent.line.server().await;
    let known = server.known.clone();
    let settings = settings
        .into_iter()
        .filter(|(name, value)| known.parameters.get(name).is_none_or(|it| !is_same(it, value)));
    // As the server reads them from a startup packet: the value is a text that it splits itself.
    let sets: Vec<String> = settings
        .map(|(name, value)| {
            let (name, value) = (quote_literal(&name), quote_literal(&value));
            format!("pg_catalog.set_config({name}, {value}, false)")
        })
        .collect();
    if !sets.is_empty()
        && let Err(refused) = server.ask(&format!("SELECT {}", sets.join(", "))).await?
    {
        wire::message(b'E', &refused, &mut client.to_write);
        return client.flush().await;
    }
    greet(&server.known, lent.manner, &mut client.to_write);
    let mut guest = Guest::new(lent.manner, Arc::clone(&lent.heard), server.known.status);
    drop(server);
    client.flush().await?;
    let mut ended = lent.ended.clone();
    let until = async move {
        let _ = ended.changed().await;
    };
    let result = lent.line.converse(&mut client, &mut guest, until).await;
    let mut server = lent.line.server().await;
    if lent.is_abandoned.load(Ordering::Relaxed) {
        return result;
    }
    // What it left open is taken back, as when a connection ends.
    if lent.manner.is_inside && guest.in_block {
        let _ = server.ask(&format!("ROLLBACK TO SAVEPOINT {}", guest.savepoint)).await?;
    } else if !lent.manner.is_inside && server.known.status != b'I' {
        let _ = server.ask("ROLLBACK").await?;
    }
    result
}

/// Reads what a client says of itself and asks for the word: the settings that it wants, or `None` where
/// it may not come in.
async fn admit(client: &mut End, word: &str) -> io::Result<Option<Vec<(String, String)>>> {
    let packet = loop {
        let Some(packet) = client.startup().await? else { return Ok(None) };
        let code = packet.get(..4).and_then(|it| it.try_into().ok()).map(u32::from_be_bytes);
        match code {
            Some(code) if ENCRYPTION.contains(&code) => {
                client.to_write.push(b'N');
                client.flush().await?;
            }
            Some(code) if code >> 16 == VERSION => break packet,
            _ => return Ok(None),
        }
    };
    // AuthenticationCleartextPassword: it does not leave this machine.
    wire::message(b'R', &3_u32.to_be_bytes(), &mut client.to_write);
    client.flush().await?;
    let answer = client.early().await?;
    let is_right = answer.is_some_and(|(tag, body)| {
        tag == b'p' && wire::texts(&body).next().is_some_and(|it| it == word)
    });
    if !is_right {
        wire::refusal("28P01", "this address is for guests of stairway only", &mut client.to_write);
        return Ok(None);
    }
    let parameters = wire::parameters(&packet);
    let options = parameters.iter().find(|(name, _)| name == "options");
    let mut settings = options.map(|(_, value)| of_options(value)).unwrap_or_default();
    settings.extend(
        parameters.into_iter().filter(|(name, _)| {
            !NO_SETTINGS.contains(&name.as_str()) && !name.starts_with("_pq_.")
        }),
    );
    Ok(Some(settings))
}

/// Settings in `-c name=value` and `--name=value`.
fn of_options(text: &str) -> Vec<(String, String)> {
    let words = text.split_ascii_whitespace();
    let words =
        words.map(|word| word.strip_prefix("-c").or(word.strip_prefix("--")).unwrap_or(word));
    words
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.replace('-', "_"), value.to_owned()))
        .collect()
}

/// Whether two values of a setting differ only in how an encoding is written.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    plain(one) == plain(other)
}

/// What a client is told when it is in.
fn greet(known: &super::line::Known, manner: Manner, out: &mut Vec<u8>) {
    wire::message(b'R', &0_u32.to_be_bytes(), out);
    for (name, value) in &known.parameters {
        wire::message(b'S', format!("{name}\0{value}\0").as_bytes(), out);
    }
    wire::message(b'K', &known.key, out);
    let status = if manner.is_inside { b'I' } else { known.status };
    wire::message(b'Z', &[status], out);
}

#[cfg(test)]
mod tests {
    use super::{is_same, of_options};

    #[test]
    fn options_of_a_client_are_settings() {
        let found = of_options("-c search_path=a,b --statement-timeout=5s -c geqo=off");
        let found: Vec<_> = found.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
        assert_eq!(found, [("search_path", "a,b"), ("statement_timeout", "5s"), ("geqo", "off")]);
    }

    #[test]
    fn encodings_are_told_apart_by_letters() {
        assert!(is_same("UTF8", "'utf-8'"));
        assert!(!is_same("UTF8", "LATIN1"));
    }
}
