//! A collector of traces that keeps all that it is sent, and answers as a test wants it to.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With a status.
    Status(u16),
    /// Never.
    Silence,
}

/// One request.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A running collector; it ends with the process.
pub(crate) struct Collector {
    pub(crate) port: u16,
    told: Receiver<Request>,
}

impl Collector {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, told) = channel();
        thread::spawn(move || {
            let mut unanswered = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = tell.send(request(&mut stream));
                match answer {
                    Answer::Silence => unanswered.push(stream),
                    Answer::Status(status) => {
                        let answer = format!(
                            "HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                        );
                        let _ = stream.write_all(answer.as_bytes());
                    }
                }
            }
        });
        Self { port, told }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Has a command send its trace here.
    pub(crate) fn asks<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", self.url())
    }

    /// All that it was sent so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.told.try_iter().collect()
    }

    /// The spans that it was sent so far.
    pub(crate) fn trace(&self) -> Trace {
        Trace::of(&self.requests())
    }
}

/// Head and body.
fn request(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
            let lines = head.to_lowercase();
            let length = lines.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap_or("0").trim().parse().unwrap();
            if bytes.len() >= at + 4 + length {
                return Request { head, body: bytes.split_off(at + 4) };
            }
        }
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "a request that is cut off");
        bytes.extend_from_slice(&piece[..count]);
    }
}

/// The spans of one run.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) spans: Vec<Span>,
    pub(crate) resource: BTreeMap<String, Value>,
}

impl Trace {
    pub(crate) fn of(requests: &[Request]) -> Self {
        let (mut spans, mut resource) = (Vec::new(), BTreeMap::new());
        for request in requests {
            let sent = ExportTraceServiceRequest::decode(&request.body[..]).unwrap();
            for of_resource in sent.resource_spans {
                resource = said(&of_resource.resource.unwrap().attributes);
                spans.extend(of_resource.scope_spans.into_iter().flat_map(|it| it.spans));
            }
        }
        spans.sort_by_key(|span| span.start_time_unix_nano);
        Self { spans, resource }
    }

    /// The span of the run, above all others.
    pub(crate) fn root(&self) -> &Span {
        let mut above = self.spans.iter().filter(|it| it.name.starts_with("stairway "));
        let root = above.next().unwrap_or_else(|| panic!("{self:#?}"));
        assert!(above.next().is_none());
        root
    }

    /// Those right below one, in the order in which they began.
    pub(crate) fn below(&self, span: &Span) -> Vec<&Span> {
        self.spans.iter().filter(|it| it.parent_span_id == span.span_id).collect()
    }

    /// The first of a name.
    pub(crate) fn named(&self, name: &str) -> &Span {
        let mut named = self.spans.iter().filter(|it| it.name == name);
        named.next().unwrap_or_else(|| panic!("no {name}: {:?}", self.names()))
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.spans.iter().map(|it| it.name.as_str()).collect()
    }

    /// All of them are one tree, and none is outside of the one above it.
    pub(crate) fn is_whole(&self) {
        let root = self.root();
        for span in &self.spans {
            assert_eq!(span.trace_id, root.trace_id, "{span:?}");
            assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
            if span.span_id == root.span_id {
                continue;
            }
            let above = self.spans.iter().find(|it| it.span_id == span.parent_span_id);
            let above = above.unwrap_or_else(|| panic!("nothing is above {span:?}"));
            assert!(above.start_time_unix_nano <= span.start_time_unix_nano, "{span:?} {above:?}");
            assert!(above.end_time_unix_nano >= span.end_time_unix_nano, "{span:?} {above:?}");
        }
    }
}

/// Whether a span says that it went wrong.
pub(crate) fn is_wrong(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|it| it.code == 2)
}

/// How long it took, in seconds.
pub(crate) fn seconds(span: &Span) -> f64 {
    let nanos = span.end_time_unix_nano - span.start_time_unix_nano;
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}

/// What a span says.
pub(crate) fn about(span: &Span) -> BTreeMap<String, Value> {
    said(&span.attributes)
}

fn said(attributes: &[KeyValue]) -> BTreeMap<String, Value> {
    let value = |it: &KeyValue| match it.value.clone().unwrap().value.unwrap() {
        Any::StringValue(text) => json!(text),
        Any::IntValue(count) => json!(count),
        Any::DoubleValue(measure) => json!(measure),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|it| (it.key.clone(), value(it))).collect()
}
