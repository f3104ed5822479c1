//! A message for an incoming webhook of Slack: a text for notifications, blocks to look at.

use serde_json::{Value, json};

use super::{Payload, shortened};
use crate::alert::{Notice, Outlook, Severity};

/// Characters of a header, a section and a field; Slack refuses the whole message if one of them is
/// longer.
const HEADER: usize = 150;
const SECTION: usize = 3000;
const FIELD: usize = 2000;

pub(super) fn message(notice: &Notice) -> Payload {
    let Notice { environment, service, .. } = notice;
    let (verb, word) = (notice.verb(), notice.word());
    let title = format!("{} [{environment}] {verb} of {service}: {word}", sign(notice));
    let summary = if notice.summary.trim().is_empty() { &notice.status } else { &notice.summary };
    let text = escaped(&format!("{title}: {summary}"), SECTION);
    let revision = notice.revision.as_deref().unwrap_or("-");
    let fields: Vec<Value> = [
        ("Database is", notice.state.as_str()),
        ("Revision", revision),
        ("Seconds", &notice.whole_seconds()),
        ("Exit code", &notice.exit.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| mrkdwn(&format!("*{name}*\n{}", escaped(value, FIELD - name.len() - 3))))
    .collect();
    let foot = escaped(&format!("run {} at {}", notice.run, notice.at), FIELD);
    Payload::json(&json!({
        "text": text,
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": shortened(&title, HEADER) } },
            { "type": "section", "text": mrkdwn(&escaped(summary, SECTION)) },
            { "type": "section", "fields": fields },
            { "type": "context", "elements": [mrkdwn(&foot)] },
        ],
    }))
}

fn mrkdwn(text: &str) -> Value {
    // An empty text is refused.
    json!({ "type": "mrkdwn", "text": if text.trim().is_empty() { "-" } else { text } })
}

fn sign(notice: &Notice) -> &'static str {
    match (notice.outlook(), notice.severity) {
        (Outlook::Started, _) => "▶",
        (Outlook::Well, _) => "✅",
        (Outlook::Ill, Severity::Critical) => "🚨",
        (Outlook::Ill, _) => "⚠",
    }
}

/// The text as Slack wants it, in at most so many characters, no entity cut in two.
fn escaped(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for c in text.chars() {
        let single = c.to_string();
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => single.as_str(),
        };
        length += piece.chars().count();
        if length >= most {
            out.push('…');
            break;
        }
        out.push_str(piece);
    }
    out
}
