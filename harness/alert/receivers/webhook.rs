//! A webhook of anybody's: all fields as JSON, or four of them as a form.

use serde::Serialize;

use super::Payload;
use crate::alert::Notice;

/// What is sent; the version of its shape comes first.
#[derive(Serialize)]
struct Own<'a> {
    schema: u32,
    #[serde(flatten)]
    notice: &'a Notice,
    /// Whole seconds, beside `duration_seconds`.
    duration: u64,
}

pub(super) fn json(notice: &Notice) -> Payload {
    let duration = notice.whole_seconds().parse().unwrap_or_default();
    let own = Own { schema: 1, notice, duration };
    Payload::json(&serde_json::to_value(own).unwrap_or_default())
}

pub(super) fn form(notice: &Notice) -> Payload {
    let revision = notice.revision.as_deref().unwrap_or_default();
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("service", &notice.service)
        .append_pair("status", &notice.status)
        .append_pair("duration", &notice.whole_seconds())
        .append_pair("revision", revision)
        .finish();
    Payload::new("application/x-www-form-urlencoded", body)
}
