//! `[[alert]]` and the variables of the usual channels: who is told of deployments.
//!
//! Knows the keys. A secret is named there by the variable that holds it, never written.

use std::time::Duration;

use serde::Deserialize;

use super::{Config, ConfigError, Origin, Variables};
use crate::alert::{Channel, Limits, Receiver, Severity};
use crate::env;
use crate::secret::Secret;

/// `[[alert]]`: one channel.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AlertEntry {
    kind: Kind,
    name: Option<String>,
    url: Option<String>,
    url_env: Option<String>,
    secret_env: Option<String>,
    form: Option<bool>,
    #[serde(default)]
    on: Vec<String>,
    severity: Option<Severity>,
    budget: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Webhook,
    Slack,
    Alertmanager,
    Healthchecks,
}

impl std::fmt::Debug for AlertEntry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "AlertEntry({:?} {:?})", self.kind, self.name)
    }
}

/// For so many seconds at most a channel may be tried.
const LONGEST: u64 = 600;

impl Config {
    /// The channels that are told of deployments: those of the file in its order, then those of
    /// `STAIRWAY_WEBHOOK_URL`, `STAIRWAY_SLACK_URL`, `STAIRWAY_ALERTMANAGER_URL` and
    /// `STAIRWAY_HEALTHCHECKS_URL`. Without a `name` one is called as its kind is, with a number
    /// from the second of them.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Alert`] and [`ConfigError::Channel`] say which channel can't be used and why;
    /// so does a variable that is named and not set, since nobody would be told.
    pub fn alerts(&self, variables: &Variables) -> Result<Vec<Channel>, ConfigError> {
        let mut channels: Vec<Channel> = Vec::new();
        for entry in &self.alerts {
            let name = entry.name.clone();
            let name = name.unwrap_or_else(|| free_name(&channels, entry.kind.word()));
            if channels.iter().any(|channel| channel.name() == name) {
                let why = "there is another channel of this name".to_owned();
                return Err(ConfigError::Alert { name, why });
            }
            channels.push(entry.channel(&name, variables)?);
        }
        for (kind, variable) in [
            (Kind::Webhook, env::WEBHOOK_URL),
            (Kind::Slack, env::SLACK_URL),
            (Kind::Alertmanager, env::ALERTMANAGER_URL),
            (Kind::Healthchecks, env::HEALTHCHECKS_URL),
        ] {
            let Some(found) = variables.find(variable.name) else { continue };
            let name = free_name(&channels, kind.word());
            let secret = variables.get(env::WEBHOOK_SECRET);
            let receiver = kind.receiver(false, secret);
            let channel = Channel::new(&name, receiver, &found.value).map_err(|source| {
                ConfigError::Channel { origin: found.origin.to_string(), source }
            })?;
            channels.push(channel);
        }
        Ok(channels)
    }
}

impl AlertEntry {
    fn channel(&self, name: &str, variables: &Variables) -> Result<Channel, ConfigError> {
        let refused =
            |why: &str| Err(ConfigError::Alert { name: name.to_owned(), why: why.to_owned() });
        let read = |variable: &String| match variables.find(variable) {
            Some(found) => Ok(found),
            None => Err(ConfigError::Alert {
                name: name.to_owned(),
                why: format!("{variable} is not set"),
            }),
        };
        let (address, origin) = match (&self.url, &self.url_env) {
            (Some(url), None) => (url.clone(), Origin::Written("[[alert]]")),
            (None, Some(variable)) => read(variable).map(|found| (found.value, found.origin))?,
            _ => return refused("it needs one of url and url-env"),
        };
        if self.kind != Kind::Webhook && (self.secret_env.is_some() || self.form.is_some()) {
            return refused("secret-env and form are for a webhook");
        }
        if let Some(0 | LONGEST..) = self.budget {
            return refused("budget is from 1 to 599 seconds");
        }
        let secret = self.secret_env.as_ref().map(read).transpose()?.map(|found| found.value);
        let receiver = self.kind.receiver(self.form.unwrap_or(false), secret);
        let mut limits = Limits::default();
        if let Some(budget) = self.budget.map(Duration::from_secs) {
            let (connect, request) = (limits.connect.min(budget), limits.request.min(budget));
            limits = Limits { connect, request, budget, ..limits };
        }
        let channel = Channel::new(name, receiver, &address)
            .map_err(|source| ConfigError::Channel { origin: origin.to_string(), source })?;
        let least = self.severity.unwrap_or(Severity::Info);
        Ok(channel.events(self.on.clone()).least(least).limits(limits))
    }
}

impl Kind {
    fn word(self) -> &'static str {
        self.receiver(false, None).word()
    }

    fn receiver(self, form: bool, secret: Option<String>) -> Receiver {
        match self {
            Self::Webhook => Receiver::Webhook { form, secret: secret.map(Secret::new) },
            Self::Slack => Receiver::Slack,
            Self::Alertmanager => Receiver::Alertmanager,
            Self::Healthchecks => Receiver::Healthchecks,
        }
    }
}

/// A name that no channel has.
fn free_name(channels: &[Channel], word: &str) -> String {
    let is_free = |name: &String| !channels.iter().any(|channel| channel.name() == name);
    let numbered = (2..).map(|number| format!("{word}-{number}"));
    std::iter::once(word.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}
