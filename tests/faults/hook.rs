//! A webhook that takes everything and remembers it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use crate::site::Site;

/// A running webhook; it ends with the process.
pub(crate) struct Hook {
    told: Receiver<String>,
}

impl Hook {
    /// Makes it the only channel of a site.
    pub(crate) fn of(site: &mut Site) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://127.0.0.1:{}/hook", listener.local_addr().unwrap().port());
        let (tell, told) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = tell.send(request(&mut stream));
                let answer = "HTTP/1.1 204 Taken\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        site.set("STAIRWAY_WEBHOOK_URL", url);
        Self { told }
    }

    /// All that it was told so far: whole requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.told.try_iter().collect()
    }

    /// The last notice.
    pub(crate) fn last(&self) -> Value {
        let request = self.requests().pop().expect("nothing was told");
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }
}

/// Head and body.
fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap_or("0").trim().parse().unwrap() {
                break;
            }
        }
        match stream.read(&mut piece).unwrap() {
            0 => break,
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
    String::from_utf8(bytes).unwrap()
}
