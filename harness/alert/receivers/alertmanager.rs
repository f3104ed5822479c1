//! Alerts for the v2 API of Prometheus Alertmanager. An alert is known by its labels, so those that
//! good news resolves have the labels of those that bad news fires.

use serde_json::{Value, json};

use super::Payload;
use crate::alert::moment;
use crate::alert::{Notice, Outlook, Severity};

/// So many seconds an alert fires that nobody resolves. Without an end Alertmanager would resolve
/// it within minutes, since a run tells it once and not over and over.
const FIRES: i64 = 72 * 3600;

/// For an address that is that of the API, or of the server.
pub(super) fn alerts(notice: &Notice, is_api: bool) -> Payload {
    let alerts: Vec<Value> = match notice.outlook() {
        Outlook::Ill => {
            let ends = moment::later(&notice.at, FIRES);
            vec![alert(notice, notice.severity, ends.as_deref())]
        }
        // Which of them fired is not known here; one that never did resolves in silence.
        Outlook::Well | Outlook::Started => [Severity::Info, Severity::Warning, Severity::Critical]
            .map(|severity| alert(notice, severity, Some(&notice.at)))
            .to_vec(),
    };
    let path = if is_api { "" } else { "/api/v2/alerts" };
    Payload { path: path.to_owned(), ..Payload::json(&Value::Array(alerts)) }
}

fn alert(notice: &Notice, severity: Severity, ends: Option<&str>) -> Value {
    let mut verb = notice.verb().chars();
    let first = verb.next().map(|first| first.to_ascii_uppercase());
    let name: String = first.into_iter().chain(verb).collect();
    let mut alert = json!({
        "labels": {
            "alertname": format!("Stairway{name}Failed"),
            "service": notice.service,
            "environment": notice.environment,
            "severity": severity,
        },
        "annotations": {
            "summary": notice.summary,
            "event": notice.event,
            "status": notice.status,
            "state": notice.state,
            "revision": notice.revision.as_deref().unwrap_or_default(),
            "run": notice.run,
            "exit": notice.exit.to_string(),
        },
        "startsAt": notice.at,
    });
    if let (Some(ends), Some(fields)) = (ends, alert.as_object_mut()) {
        fields.insert("endsAt".to_owned(), json!(ends));
    }
    alert
}
