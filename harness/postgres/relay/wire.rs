//! Messages of PostgreSQL's protocol, version 3: their frames, and the few whose contents matter here.
//!
//! Source: "Frontend/Backend Protocol" of PostgreSQL's manual.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::postgres::SqlFailure;

/// The longest message before a client is known: a startup packet or a password.
const LONGEST_BEFORE: usize = 10_000;
/// How much is read at once.
const PIECE: usize = 32 * 1024;

/// Anything that carries bytes both ways.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// One message: its type and what follows its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

impl Frame<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        message(self.tag, self.body, out);
    }
}

/// What came of waiting for an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// There is more to read.
    Read,
    /// A part of what is to be written was.
    Written,
    /// Nothing will come any more.
    Ended,
}

/// One end of a conversation, with what was read of it and what is to be written to it.
pub(super) struct End {
    reader: ReadHalf<Box<dyn Wire>>,
    writer: WriteHalf<Box<dyn Wire>>,
    read: Vec<u8>,
    /// How much of `read` is done with.
    done: usize,
    pub(super) to_write: Vec<u8>,
}

impl std::fmt::Debug for End {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("End").finish_non_exhaustive()
    }
}

impl End {
    pub(super) fn new(wire: Box<dyn Wire>) -> Self {
        let (reader, writer) = tokio::io::split(wire);
        Self { reader, writer, read: Vec::new(), done: 0, to_write: Vec::new() }
    }

    /// Waits until it can be read from, if that is wanted, or something was written to it: neither may wait for
    /// the other, or two sides that both write would wait for ever. Gives whether it goes on.
    pub(super) async fn moves(&mut self, reads: bool) -> io::Result<Moved> {
        if self.done > 0 {
            self.read.drain(..self.done);
            self.done = 0;
        }
        self.read.reserve(PIECE);
        let Self { reader, writer, read, to_write, .. } = self;
        let writes = !to_write.is_empty();
        tokio::select! {
            count = reader.read_buf(read), if reads => {
                Ok(if count? > 0 { Moved::Read } else { Moved::Ended })
            }
            count = writer.write(to_write), if writes => {
                let count = count?;
                if count == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                to_write.drain(..count);
                Ok(Moved::Written)
            }
            else => std::future::pending().await,
        }
    }

    /// Waits for more bytes; false at the end. Nothing is lost if nobody waits any longer.
    pub(super) async fn more(&mut self) -> io::Result<bool> {
        if self.done > 0 {
            self.read.drain(..self.done);
            self.done = 0;
        }
        self.read.reserve(PIECE);
        Ok(self.reader.read_buf(&mut self.read).await? > 0)
    }

    /// Whether a whole message is there.
    pub(super) fn has_next(&self) -> bool {
        let rest = self.read.get(self.done..).unwrap_or_default();
        rest.get(1..5).and_then(length).is_some_and(|length| rest.len() > length)
    }

    /// The next whole message, if it is there.
    pub(super) fn next(&mut self) -> Option<Frame<'_>> {
        let rest = self.read.get(self.done..)?;
        let (tag, length) = (*rest.first()?, length(rest.get(1..5)?)?);
        let body = self.done + 5..self.done + 1 + length;
        let frame = Frame { tag, body: self.read.get(body.clone())? };
        self.done = body.end;
        Some(frame)
    }

    /// The packet that has no type: the first one of a client. `None` if there is none any more.
    pub(super) async fn startup(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let rest = self.read.get(self.done..).unwrap_or_default();
            if let Some(length) = rest.get(..4).and_then(length) {
                if !(4..=LONGEST_BEFORE).contains(&length) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                if let Some(packet) = rest.get(4..length) {
                    let packet = packet.to_vec();
                    self.done += length;
                    return Ok(Some(packet));
                }
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// The next message of a client that is not known yet.
    pub(super) async fn early(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        loop {
            if let Some(frame) = self.next() {
                return Ok(Some((frame.tag, frame.body.to_vec())));
            }
            if self.read.len() - self.done > LONGEST_BEFORE {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// Writes what is to be written.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if !self.to_write.is_empty() {
            self.writer.write_all(&self.to_write).await?;
            self.to_write.clear();
        }
        self.writer.flush().await
    }
}

/// A length of four bytes, which counts itself.
fn length(bytes: &[u8]) -> Option<usize> {
    let length = i32::from_be_bytes(bytes.try_into().ok()?);
    usize::try_from(length).ok().filter(|length| *length >= 4)
}

/// Appends a message.
pub(super) fn message(tag: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend(u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(body);
}

/// The texts of a body, each ended by a zero.
pub(super) fn texts(body: &[u8]) -> impl Iterator<Item = String> {
    body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned())
}

/// Names and values of a startup packet, after its version.
pub(super) fn parameters(packet: &[u8]) -> Vec<(String, String)> {
    let mut texts = texts(packet.get(4..).unwrap_or_default());
    let mut found = Vec::new();
    while let (Some(name), Some(value)) = (texts.next().filter(|it| !it.is_empty()), texts.next()) {
        found.push((name, value));
    }
    found
}

/// A refusal in our own words, of SQLSTATE `sqlstate`.
pub(super) fn refusal(sqlstate: &str, words: &str, out: &mut Vec<u8>) {
    let body = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{words}\0\0");
    message(b'E', body.as_bytes(), out);
}

/// What an `ErrorResponse` says.
pub(super) fn failure(body: &[u8]) -> SqlFailure {
    let field = |tag: u8| {
        let mut fields = body.split(|byte| *byte == 0);
        let field = fields.find(|field| field.first() == Some(&tag))?;
        Some(String::from_utf8_lossy(field.get(1..)?).into_owned())
    };
    SqlFailure {
        sqlstate: field(b'C').unwrap_or_default(),
        message: field(b'M').unwrap_or_default(),
        detail: field(b'D'),
        hint: field(b'H'),
        position: field(b'P')
            .and_then(|at| at.parse::<usize>().ok())
            .map(|at| at.saturating_sub(1)),
        context: field(b'W'),
        object: field(b'n').or_else(|| field(b'c')).or_else(|| field(b't')),
        routine: field(b'R'),
    }
}

#[cfg(test)]
mod tests {
    use super::{End, failure, message, parameters};

    #[tokio::test]
    async fn messages_come_whole_however_they_are_cut() {
        let (mut near, far) = tokio::io::duplex(7);
        let mut end = End::new(Box::new(far));
        let mut bytes = Vec::new();
        message(b'Q', b"SELECT 1\0", &mut bytes);
        message(b'S', b"", &mut bytes);
        let sent = tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut near, &bytes).await.unwrap();
        });
        let mut seen = Vec::new();
        while end.more().await.unwrap() {
            while let Some(frame) = end.next() {
                seen.push((frame.tag, frame.body.to_vec()));
            }
        }
        sent.await.unwrap();
        assert_eq!(seen, [(b'Q', b"SELECT 1\0".to_vec()), (b'S', Vec::new())]);
    }

    #[test]
    fn what_the_server_reports_is_read_by_field() {
        let body = b"SERROR\0C23505\0Mduplicate key\0Dit exists\0P12\0nusers_pkey\0\0";
        let failure = failure(body);
        assert_eq!((failure.sqlstate.as_str(), failure.position), ("23505", Some(11)));
        assert_eq!(failure.object.as_deref(), Some("users_pkey"));
        assert_eq!(failure.hint, None);
    }

    #[test]
    fn a_startup_packet_has_names_and_values() {
        let packet = b"\0\x03\0\0user\0ann\0database\0shop\0\0";
        let pairs = parameters(packet);
        assert_eq!(pairs[1], ("database".to_owned(), "shop".to_owned()));
        assert_eq!(pairs.len(), 2);
    }
}
