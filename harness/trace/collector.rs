//! Who takes the spans: a collector that speaks OTLP over HTTP.
//!
//! Knows how spans get there and what became of them. Must not know what they say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SpanData;
use url::Url;

use crate::http::{Unreached, agent, unreached};

use super::asked::Asked;

/// What became of what was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// Why the last request was not answered.
    unreached: Option<String>,
    /// How many spans nobody took, and why the first of them were not.
    lost: usize,
    why: Option<String>,
}

impl Fate {
    fn with<T>(&self, of: impl FnOnce(&mut Seen) -> T) -> T {
        // Whoever panicked while it was held left numbers, which are still true.
        of(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// How many spans were lost, and why.
    pub(super) fn lost(&self) -> Option<(usize, String)> {
        self.with(|seen| (seen.lost > 0).then(|| (seen.lost, seen.why.clone().unwrap_or_default())))
    }
}

/// The usual exporter, whose failures are kept: the SDK tells nobody.
#[derive(Debug)]
pub(super) struct Exporter {
    inner: SpanExporter,
    fate: Fate,
}

impl Exporter {
    /// One by the variables of the environment.
    pub(super) fn new(asked: Asked, fate: Fate) -> Result<Self, String> {
        // The crate would take JSON, and the specification says otherwise.
        let protocol = if asked.is_json { Protocol::HttpJson } else { Protocol::HttpBinary };
        let client = Client { patience: asked.patience, fate: fate.clone() };
        let inner = SpanExporter::builder()
            .with_http()
            .with_protocol(protocol)
            .with_http_client(client)
            .build();
        // Its words have the address, and that may have a password.
        let inner = inner.map_err(|_| "the collector's address can't be used".to_owned())?;
        Ok(Self { inner, fate })
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        self.fate.with(|seen| seen.unreached = None);
        let result = self.inner.export(batch).await;
        if let Err(error) = &result {
            self.fate.with(|seen| {
                let unreached = seen.unreached.take();
                seen.lost += count;
                seen.why.get_or_insert_with(|| unreached.unwrap_or_else(|| error.to_string()));
            });
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Sends a request, and waits on the thread that the SDK has for it.
#[derive(Debug)]
struct Client {
    patience: Duration,
    fate: Fate,
}

impl Client {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let address = |_| "its address can't be used".to_owned();
        let url = Url::parse(&request.uri().to_string()).map_err(address)?;
        let (parts, body) = request.into_parts();
        let mut sent = agent(&url).post(url.as_str());
        for (name, value) in &parts.headers {
            sent = sent.header(name, value);
        }
        let sent = sent.config().timeout_global(Some(self.patience)).build();
        let why = |error: ureq::Error| match unreached(&error) {
            Unreached::Address(why) | Unreached::Trouble(why) => why,
        };
        let (parts, mut body) = sent.send(&body[..]).map_err(why)?.into_parts();
        let body = body.read_to_vec().map_err(why)?;
        Ok(Response::from_parts(parts, body.into()))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.send(request).map_err(|why| {
            self.fate.with(|seen| seen.unreached = Some(why.clone()));
            why.into()
        })
    }
}
