//! What each receiver gets, and that nothing exceeds its limits.

use serde_json::Value;

use super::payload;
use crate::alert::{Channel, Notice, Receiver, Severity};

fn notice(event: &str) -> Notice {
    Notice {
        run: "20250317T140000Z-1f2e".to_owned(),
        event: event.to_owned(),
        state: "BEFORE".to_owned(),
        severity: Severity::Critical,
        service: "shop".to_owned(),
        status: "failed".to_owned(),
        revision: Some("20250301090000".to_owned()),
        environment: "production".to_owned(),
        duration_seconds: 41.6,
        summary: "the upgrade fails & <all> is as before".to_owned(),
        exit: 20,
        report_sha256: Some("ab".repeat(32)),
        at: "2025-03-17T14:00:00Z".to_owned(),
    }
}

fn sent(receiver: Receiver, address: &str, notice: &Notice) -> (String, String, String) {
    let channel = Channel::new("c", receiver, address).unwrap();
    let payload = payload(&channel, notice);
    (payload.url(&channel.url).to_string(), payload.content_type, payload.body)
}

fn json(receiver: Receiver, notice: &Notice) -> Value {
    let (_, _, body) = sent(receiver, "https://example.org/x", notice);
    serde_json::from_str(&body).unwrap()
}

#[test]
fn a_webhook_gets_all_fields() {
    let body = json(Receiver::Webhook { form: false, secret: None }, &notice("upgrade.failed"));
    assert_eq!(body["schema"], 1);
    assert_eq!(body["event"], "upgrade.failed");
    assert_eq!(body["severity"], "critical");
    assert_eq!(body["duration"], 42);
    assert_eq!(body["duration_seconds"], 41.6);
    assert_eq!(body["exit"], 20);
    assert_eq!(body.as_object().unwrap().len(), 15);
}

#[test]
fn an_older_receiver_gets_a_form() {
    let (url, kind, body) = sent(
        Receiver::Webhook { form: true, secret: None },
        "https://example.org/x?token=t",
        &notice("upgrade.failed"),
    );
    assert_eq!(url, "https://example.org/x?token=t");
    assert_eq!(kind, "application/x-www-form-urlencoded");
    assert_eq!(body, "service=shop&status=failed&duration=42&revision=20250301090000");
}

#[test]
fn slack_gets_a_text_and_blocks_within_its_limits() {
    let mut notice = notice("upgrade.failed");
    let body = json(Receiver::Slack, &notice);
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("[production] upgrade of shop: failed: the upgrade fails &amp; &lt;all"));
    notice.summary = "<é".repeat(9000);
    notice.service = "s".repeat(300);
    notice.revision = Some("&".repeat(5000));
    let body = json(Receiver::Slack, &notice);
    let length = |value: &Value| value.as_str().unwrap().chars().count();
    assert!(length(&body["text"]) <= 3000);
    assert!(length(&body["blocks"][0]["text"]["text"]) <= 150);
    let section = &body["blocks"][1]["text"]["text"];
    assert!(length(section) <= 3000 && section.as_str().unwrap().ends_with("&lt;…"));
    for field in body["blocks"][2]["fields"].as_array().unwrap() {
        assert!(length(&field["text"]) <= 2000);
    }
    notice.summary = String::new();
    assert_eq!(json(Receiver::Slack, &notice)["blocks"][1]["text"]["text"], "failed");
}

#[test]
fn good_news_resolves_what_bad_news_fires() {
    let fired = json(Receiver::Alertmanager, &notice("upgrade.failed"));
    let fired = &fired.as_array().unwrap()[0];
    assert_eq!(fired["labels"]["alertname"], "StairwayUpgradeFailed");
    assert_eq!(fired["startsAt"], "2025-03-17T14:00:00Z");
    assert_eq!(fired["endsAt"], "2025-03-20T14:00:00Z");
    let mut good = notice("upgrade.succeeded");
    (good.severity, good.run) = (Severity::Info, "another".to_owned());
    let resolved = json(Receiver::Alertmanager, &good);
    let same = resolved.as_array().unwrap().iter().find(|it| it["labels"] == fired["labels"]);
    assert_eq!(same.unwrap()["endsAt"], "2025-03-17T14:00:00Z");
    for address in ["http://am:9093", "http://am:9093/", "http://am:9093/api/v2/alerts"] {
        let (url, ..) = sent(Receiver::Alertmanager, address, &good);
        assert_eq!(url, "http://am:9093/api/v2/alerts");
    }
}

#[test]
fn pings_of_a_run_belong_together() {
    let address = "https://hc-ping.com/key/slug?create=1";
    let url = |event: &str, exit| {
        let mut notice = notice(event);
        notice.exit = exit;
        sent(Receiver::Healthchecks, address, &notice).0
    };
    let started = url("upgrade.started", 0);
    let (path, rid) = started.split_once("&rid=").unwrap();
    assert_eq!(path, "https://hc-ping.com/key/slug/start?create=1");
    assert_eq!(rid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert_eq!(url("upgrade.succeeded", 0), format!("{address}&rid={rid}"));
    let failed = |word| format!("https://hc-ping.com/key/slug/{word}?create=1&rid={rid}");
    assert_eq!(url("upgrade.rolled-back", 21), failed("21"));
    assert_eq!(url("upgrade.failed", 0), failed("fail"));
}
