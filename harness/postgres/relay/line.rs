//! One conversation with the server, in which whoever has something to say holds the word until the
//! answer has come.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::tls;
use super::wire::{self, End, Frame, Moved, Wire};
use crate::postgres::Target;

/// How long a client that others wait for may leave a COPY or a message unfinished.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of what one side says is held for the other one.
const HELD: usize = 256 * 1024;

/// What a side does with messages on their way.
pub(super) trait Voice: Send {
    /// A message of the client, to be written for the server.
    fn say(&mut self, frame: Frame<'_>, out: &mut Vec<u8>);
    /// A message of the server, to be written for the client.
    fn hear(&mut self, frame: Frame<'_>, out: &mut Vec<u8>);
}

/// Passes everything on as it is: the session itself.
struct Plain;

impl Voice for Plain {
    fn say(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) {
        frame.write(out);
    }

    fn hear(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) {
        frame.write(out);
    }
}

/// A connection to the server that its session can lend.
#[derive(Debug)]
pub(in crate::postgres) struct Line {
    server: Mutex<Server>,
    /// How many guests have something to say and can't yet.
    waiting: AtomicU32,
    host: std::sync::Mutex<Option<JoinHandle<()>>>,
}

/// The server's side.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) end: End,
    pub(super) known: Known,
}

/// What the server said of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// `I`, `T` or `E`: in no transaction, in one, in one that failed.
    pub(super) status: u8,
    pub(super) parameters: BTreeMap<String, String>,
    /// The body of `BackendKeyData`.
    pub(super) key: Vec<u8>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Ok(Some(host)) = self.host.get_mut().map(Option::take) {
            host.abort();
        }
    }
}

impl Line {
    /// Connects to `target` and listens for one client, the session; gives where that is to connect
    /// instead. The folder of the socket goes with the second part.
    pub(in crate::postgres) async fn open(
        target: &Target,
    ) -> io::Result<(Arc<Self>, PgConnectOptions, tempfile::TempDir)> {
        let server = Server { end: End::new(connect(target).await?), known: Known::default() };
        let folder = tempfile::Builder::new().prefix("stairway-line-").tempdir()?;
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432"))?;
        let line = Arc::new(Self {
            server: Mutex::new(server),
            waiting: AtomicU32::new(0),
            host: std::sync::Mutex::new(None),
        });
        let weak = Arc::downgrade(&line);
        let host = tokio::spawn(async move {
            let Ok((wire, _)) = listener.accept().await else { return };
            drop(listener);
            let mut client = End::new(Box::new(wire));
            // Whoever is at the other end sees it close, and that says enough.
            let Some(line) = weak.upgrade() else { return };
            if line.begin(&mut client).await.is_err() {
                return;
            }
            drop(line);
            while let Some(line) = weak.upgrade() {
                match line.converse_once(&mut client).await {
                    Ok(true) => {}
                    Ok(false) | Err(_) => break,
                }
            }
        });
        if let Ok(mut place) = line.host.lock() {
            *place = Some(host);
        }
        let near = target.0.clone().socket(folder.path()).port(5432).ssl_mode(PgSslMode::Disable);
        Ok((line, near, folder))
    }

    /// The first packet of the session, and the answers to it.
    async fn begin(&self, client: &mut End) -> io::Result<()> {
        let Some(packet) = client.startup().await? else { return Ok(()) };
        let mut server = self.server.lock().await;
        let length = u32::try_from(packet.len() + 4).map_err(io::Error::other)?;
        server.end.to_write.extend(length.to_be_bytes());
        server.end.to_write.extend(packet);
        server.exchange(client, &mut Plain, 1, pin!(pending()), &self.waiting).await.map(drop)
    }

    /// Waits for the session to say something, and for the answer. False if that was good-bye.
    async fn converse_once(&self, client: &mut End) -> io::Result<bool> {
        if !client.has_next() {
            return client.more().await;
        }
        let mut server = self.server.lock().await;
        let goes_on =
            server.exchange(client, &mut Plain, 0, pin!(pending()), &self.waiting).await?;
        if !goes_on {
            server.leave().await?;
        }
        Ok(goes_on)
    }

    pub(super) async fn server(&self) -> tokio::sync::MutexGuard<'_, Server> {
        self.server.lock().await
    }

    /// Passes on what a guest says and hears until it leaves or `ended` is.
    pub(super) async fn converse(
        &self,
        client: &mut End,
        voice: &mut impl Voice,
        ended: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut ended = pin!(ended);
        loop {
            if client.has_next() {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                let server = self.server.lock().await;
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                let mut server = server;
                if !server.exchange(client, voice, 0, ended.as_mut(), &self.waiting).await? {
                    return Ok(());
                }
                continue;
            }
            tokio::select! {
                more = client.more() => if !more? { return Ok(()) },
                () = &mut ended => return Ok(()),
            }
        }
    }
}

impl Server {
    /// Passes messages on in both directions until the server owes no answer; `owed` are those that it
    /// owes already. False if the client said good-bye, is gone, or was to leave since `ended` is.
    pub(super) async fn exchange(
        &mut self,
        client: &mut End,
        voice: &mut impl Voice,
        mut owed: u32,
        mut ended: Pin<&mut impl Future<Output = ()>>,
        waiting: &AtomicU32,
    ) -> io::Result<bool> {
        let (mut is_open, mut is_simple, mut is_gone) = (false, true, false);
        // Whether rows of a COPY are awaited, and whether what a client left open is being ended.
        let (mut in_copy, mut is_ending) = (false, false);
        loop {
            while let Some(frame) = client.next() {
                match frame.tag {
                    b'X' => is_gone = true,
                    b'Q' | b'F' => (owed, is_simple) = (owed + 1, true),
                    b'S' => (owed, is_open, is_simple) = (owed + 1, false, false),
                    // Parts of a COPY, and passwords.
                    b'd' | b'c' | b'f' | b'p' => {}
                    _ => (is_open, is_simple) = (true, false),
                }
                if frame.tag != b'X' {
                    voice.say(frame, &mut self.end.to_write);
                }
            }
            if is_gone && !is_ending && (owed > 0 || is_open) {
                is_ending = true;
                // Ends what it began: a COPY that waits for rows, or a message without its Sync.
                wire::message(b'f', b"the client is gone\0", &mut self.end.to_write);
                wire::message(b'S', b"", &mut self.end.to_write);
                (owed, is_open) = (owed + 1, false);
            }
            let is_done = owed == 0 && !is_open;
            if is_done && self.end.to_write.is_empty() && (is_gone || client.to_write.is_empty()) {
                return Ok(!is_gone);
            }
            // Neither side is read faster than the other one takes it.
            let (takes, gives) = (client.to_write.len() < HELD, self.end.to_write.len() < HELD);
            tokio::select! {
                moved = self.end.moves(takes && !is_done) => match moved? {
                    Moved::Ended => {
                        // What it said last is why it goes.
                        if !is_gone {
                            let _ = client.flush().await;
                        }
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    Moved::Written => {}
                    Moved::Read => while let Some(frame) = self.end.next() {
                        self.known.note(frame);
                        match frame.tag {
                            b'Z' => (owed, in_copy) = (owed.saturating_sub(1), false),
                            b'C' | b'E' => in_copy = false,
                            b'G' if is_simple => in_copy = true,
                            // A Sync that was sent before this is ignored, and sent again after the rows.
                            b'G' => (owed, is_open, in_copy) = (0, true, true),
                            _ => {}
                        }
                        if !is_gone {
                            voice.hear(frame, &mut client.to_write);
                        }
                    },
                },
                moved = client.moves(gives && !is_done), if !is_gone => match moved {
                    Ok(Moved::Read | Moved::Written) => {}
                    Ok(Moved::Ended) | Err(_) => is_gone = true,
                },
                // It is the client's turn, and it may be waiting for somebody who waits for this line.
                () = tokio::time::sleep(PATIENCE), if !is_gone && (in_copy || owed == 0) => {
                    is_gone = waiting.load(Ordering::Relaxed) > 0;
                }
                // Whoever was let in is shown out in the middle of it.
                () = ended.as_mut(), if !is_gone => is_gone = true,
            }
        }
    }

    /// Sends `sql` in the middle of a lease and drops what comes, but for a refusal.
    pub(super) async fn ask(&mut self, sql: &str) -> io::Result<Result<(), Vec<u8>>> {
        wire::message(b'Q', format!("{sql}\0").as_bytes(), &mut self.end.to_write);
        self.end.flush().await?;
        let mut refused = None;
        loop {
            while let Some(frame) = self.end.next() {
                self.known.note(frame);
                match frame.tag {
                    b'E' => refused = Some(frame.body.to_vec()),
                    b'Z' => return Ok(refused.map_or(Ok(()), Err)),
                    _ => {}
                }
            }
            if !self.end.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Says good-bye and waits until the server has taken note.
    async fn leave(&mut self) -> io::Result<()> {
        wire::message(b'X', b"", &mut self.end.to_write);
        self.end.flush().await?;
        while self.end.more().await? {
            while self.end.next().is_some() {}
        }
        Ok(())
    }
}

impl Known {
    fn note(&mut self, frame: Frame<'_>) {
        match frame.tag {
            b'Z' => self.status = frame.body.first().copied().unwrap_or_default(),
            b'K' => self.key = frame.body.to_vec(),
            b'S' => {
                let mut texts = wire::texts(frame.body);
                if let (Some(name), Some(value)) = (texts.next(), texts.next()) {
                    self.parameters.insert(name, value);
                }
            }
            _ => {}
        }
    }
}

/// Reaches the server: its socket, or its address.
async fn connect(target: &Target) -> io::Result<Box<dyn Wire>> {
    let port = target.0.get_port();
    let host = target.0.get_host();
    let folder = target.0.get_socket().map(PathBuf::as_path).or_else(|| {
        let path = Path::new(host);
        path.is_absolute().then_some(path)
    });
    if let Some(folder) = folder {
        let path = folder.join(format!(".s.PGSQL.{port}"));
        return Ok(Box::new(UnixStream::connect(path).await?));
    }
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    stream.set_nodelay(true)?;
    tls::begin(stream, target).await
}
