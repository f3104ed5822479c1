//! A channel: where notices go to, which of them, and how long it may take.
//!
//! Knows addresses. Its address, which may have a token in it, and its secret are never shown.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::{AlertError, Notice, Outlook, Severity};
use crate::secret::Secret;

/// From so many characters a part of an address may be a token.
const TOKEN: usize = 16;

/// What understands a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// Anything that takes our JSON, or the four form fields of an older script.
    Webhook {
        /// Whether `service`, `status`, `duration` and `revision` are sent as a form.
        form: bool,
        /// What requests are signed with, if they are.
        secret: Option<Secret>,
    },
    /// An incoming webhook of Slack.
    Slack,
    /// Prometheus Alertmanager; the address is the server's, or that of its alerts API.
    Alertmanager,
    /// healthchecks.io and what speaks like it; the address is that of the check.
    Healthchecks,
}

impl Receiver {
    /// `webhook`, `slack`, `alertmanager` or `healthchecks`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack => "slack",
            Self::Alertmanager => "alertmanager",
            Self::Healthchecks => "healthchecks",
        }
    }
}

/// How long and how often a channel is tried. Times are whole: nothing outlives the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests for one notice.
    pub tries: u32,
    /// For a connection.
    pub connect: Duration,
    /// For one request, from looking up the name to the answer.
    pub request: Duration,
    /// For everything that is to be done for a channel, pauses included.
    pub budget: Duration,
    /// Before the second try; twice as long before each further one.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tries: 3,
            connect: Duration::from_secs(5),
            request: Duration::from_secs(10),
            budget: Duration::from_secs(30),
            pause: Duration::from_secs(1),
        }
    }
}

/// Where notices go to.
#[derive(Clone)]
pub struct Channel {
    pub(super) name: String,
    pub(super) receiver: Receiver,
    pub(super) url: Url,
    pub(super) limits: Limits,
    events: Vec<String>,
    least: Severity,
}

impl Channel {
    /// A channel that is told of everything but beginnings.
    ///
    /// The name is what deliveries and spooled files are known by: it must be another one for each
    /// channel, and the same in the next run.
    ///
    /// # Errors
    ///
    /// [`AlertError`] if the address is no URL of HTTP or the name can't be part of a file's name.
    pub fn new(name: &str, receiver: Receiver, address: &str) -> Result<Self, AlertError> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_part) {
            return Err(AlertError::Name(name.to_owned()));
        }
        let channel = || name.to_owned();
        let url = Url::parse(address.trim())
            .map_err(|source| AlertError::Address { channel: channel(), source })?;
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Err(AlertError::Scheme { channel: channel(), scheme });
        }
        let (limits, least) = (Limits::default(), Severity::Info);
        Ok(Self { name: channel(), receiver, url, limits, events: Vec::new(), least })
    }

    /// Only of these events: `upgrade.failed`, or `failed` for one of any verb. An empty list asks
    /// for all but beginnings.
    #[must_use]
    pub fn events(mut self, events: Vec<String>) -> Self {
        self.events = events;
        self
    }

    /// Only of what matters so much.
    #[must_use]
    pub fn least(mut self, severity: Severity) -> Self {
        self.least = severity;
        self
    }

    /// Other times and tries than usual.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What it is known by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Scheme and host, and the port if it is not the usual one: the rest of an address may be a
    /// token.
    pub fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.url.scheme())
    }

    /// What must be in no text: the secret, the password, and what may be a token in the address.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = Vec::new();
        if let Receiver::Webhook { secret: Some(secret), .. } = &self.receiver {
            secrets.push(secret.expose().to_owned());
        }
        secrets.extend(self.url.password().map(str::to_owned));
        // Short ones are words, which would be taken out of other texts.
        let path = self.url.path().trim_matches('/');
        let values = self.url.query().into_iter().flat_map(|query| query.split(['&', '=']));
        let parts = path.split('/').chain(values).chain([path]);
        secrets.extend(parts.filter(|part| part.len() >= TOKEN).map(str::to_owned));
        secrets
    }

    /// Whether it asks for such a notice.
    pub fn wants(&self, notice: &Notice) -> bool {
        let is_named = |event: &String| *event == notice.event || event == notice.word();
        let asks_for_all = self.events.is_empty() && self.least == Severity::Info;
        let is_asked_for = match (&self.receiver, notice.outlook()) {
            // These two hold a state, which good news ends and, for the second, a beginning opens.
            (Receiver::Alertmanager, Outlook::Well) => return true,
            (Receiver::Alertmanager, Outlook::Started) => false,
            (Receiver::Healthchecks, Outlook::Started) => asks_for_all,
            (_, outlook) if self.events.is_empty() => outlook != Outlook::Started,
            _ => self.events.iter().any(is_named),
        };
        is_asked_for && notice.severity >= self.least
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at {}", self.name, self.address())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Channel({self})")
    }
}
