//! A proxy between a run and its server that understands just enough of the protocol to do harm at
//! one message of one session: that of the run's moves.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What is done when the message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// The server gets it; its answer is lost, and both sides are cut off.
    LoseAnswer,
    /// The server never gets it; both sides are cut off.
    LoseMessage,
    /// The server gets it; from then on nobody hears of the other, and no side is told.
    Silence,
    /// The server never gets it, and so many who connect then find nobody.
    Away(usize),
}

/// A running proxy; it ends with the process.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    done: Arc<AtomicBool>,
}

/// What the sessions call themselves that are harmed, in `Proxy::start`.
const MOVES: &[&str] = &["stairway upgrade ", "stairway downgrade "];

impl Proxy {
    /// Does harm once, at the first message that begins with `words` in the session of a run.
    pub(crate) fn start(socket: PathBuf, words: &'static str, harm: Harm) -> Self {
        Self::within(socket, MOVES, words, harm)
    }

    /// The same in sessions that call themselves otherwise.
    pub(crate) fn within(
        socket: PathBuf,
        names: &'static [&'static str],
        words: &'static str,
        harm: Harm,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let done = Arc::new(AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        thread::spawn(move || {
            let mut away = if let Harm::Away(count) = harm { count } else { 0 };
            for client in listener.incoming() {
                if away > 0 && is_done.load(Ordering::SeqCst) {
                    away -= 1;
                    continue;
                }
                let server = UnixStream::connect(&socket).unwrap();
                let session = Session {
                    client: client.unwrap(),
                    server,
                    names,
                    words,
                    harm,
                    done: Arc::clone(&is_done),
                };
                thread::spawn(move || session.run());
            }
        });
        Self { port, done }
    }

    pub(crate) fn has_done_harm(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

struct Session {
    client: TcpStream,
    server: UnixStream,
    names: &'static [&'static str],
    words: &'static str,
    harm: Harm,
    done: Arc<AtomicBool>,
}

impl Session {
    fn run(mut self) {
        let mut answers = self.server.try_clone().unwrap();
        let mut back = self.client.try_clone().unwrap();
        // While this is set the answers are kept, not given.
        let is_cut = Arc::new(AtomicBool::new(false));
        let keeps = Arc::clone(&is_cut);
        thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(count @ 1..) = answers.read(&mut bytes) {
                if keeps.load(Ordering::SeqCst) {
                    continue;
                }
                if back.write_all(&bytes[..count]).is_err() {
                    break;
                }
            }
            // Where nobody hears of the other, not even of its end.
            if !keeps.load(Ordering::SeqCst) {
                let _ = back.shutdown(Shutdown::Both);
            }
        });
        let _ = self.forward(&is_cut);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// From the client to the server, message by message.
    fn forward(&mut self, is_cut: &AtomicBool) -> std::io::Result<()> {
        let start = self.message(0)?;
        let mut text = start.clone();
        self.server.write_all(&start)?;
        let is_ssl_request = start.len() == 8;
        if is_ssl_request {
            text = self.message(0)?;
            self.server.write_all(&text)?;
        }
        let is_ours = self.names.iter().any(|name| contains(&text, name.as_bytes()));
        loop {
            let message = self.message(1)?;
            let is_it =
                is_ours && message.get(5..).is_some_and(|it| it.starts_with(self.words.as_bytes()));
            if !is_it || self.done.swap(true, Ordering::SeqCst) {
                self.server.write_all(&message)?;
                continue;
            }
            is_cut.store(true, Ordering::SeqCst);
            match self.harm {
                Harm::LoseMessage | Harm::Away(_) => {}
                Harm::LoseAnswer => {
                    self.server.write_all(&message)?;
                    // Until the server has ended the session it may still be at it.
                    self.server.write_all(b"X\0\0\0\x04")?;
                    self.server.shutdown(Shutdown::Write)?;
                    let mut rest = Vec::new();
                    let _ = self.server.read_to_end(&mut rest);
                }
                Harm::Silence => {
                    self.server.write_all(&message)?;
                    // Whatever the client does: the server hears nothing of it, and stays.
                    let mut rest = Vec::new();
                    let _ = self.client.read_to_end(&mut rest);
                    thread::park();
                }
            }
            return self.client.shutdown(Shutdown::Both);
        }
    }

    /// One message: `kind` bytes before its length.
    fn message(&mut self, kind: usize) -> std::io::Result<Vec<u8>> {
        let mut message = vec![0; kind + 4];
        self.client.read_exact(&mut message)?;
        let length = u32::from_be_bytes(message[kind..].try_into().unwrap());
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        self.client.read_exact(&mut body)?;
        message.extend(body);
        Ok(message)
    }
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}
