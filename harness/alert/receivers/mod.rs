//! What each receiver understands: one file for each.
//!
//! Knows bodies and paths. Must not know how they are sent.

mod alertmanager;
mod healthchecks;
mod slack;
mod webhook;

use serde::{Deserialize, Serialize};
use url::Url;

use super::channel::{Channel, Receiver};
use super::notice::Notice;

/// What is sent, without what is secret: neither address nor signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payload {
    /// What is added to the path of the channel's address.
    pub(super) path: String,
    /// What is added to its query: names and values.
    pub(super) query: Vec<(String, String)>,
    /// The type of the body.
    pub(super) content_type: String,
    /// The body.
    pub(super) body: String,
}

impl Payload {
    /// A body for the address as it is.
    fn new(content_type: &str, body: String) -> Self {
        let (path, query) = (String::new(), Vec::new());
        Self { path, query, content_type: content_type.to_owned(), body }
    }

    fn json(body: &serde_json::Value) -> Self {
        Self::new("application/json", body.to_string())
    }

    /// Where it goes to, by a channel's address.
    pub(super) fn url(&self, address: &Url) -> Url {
        let mut url = address.clone();
        if !self.path.is_empty() {
            let path = format!("{}{}", url.path().trim_end_matches('/'), self.path);
            url.set_path(&path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}

/// The notice for a channel.
pub(super) fn payload(channel: &Channel, notice: &Notice) -> Payload {
    match &channel.receiver {
        Receiver::Webhook { form: true, .. } => webhook::form(notice),
        Receiver::Webhook { form: false, .. } => webhook::json(notice),
        Receiver::Slack => slack::message(notice),
        Receiver::Alertmanager => {
            let is_api = channel.url.path().trim_end_matches('/').ends_with("/alerts");
            alertmanager::alerts(notice, is_api)
        }
        Receiver::Healthchecks => healthchecks::ping(notice),
    }
}

/// The text in at most so many characters.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept = text.chars().take(most.saturating_sub(1));
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests;
