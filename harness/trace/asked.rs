//! Whether traces are asked for, by the variables that all programs with OpenTelemetry read.
//!
//! Knows variables. Must not know where they lead.

use std::time::Duration;

use crate::env::{
    OTEL_ENDPOINT, OTEL_PROTOCOL, OTEL_SDK_DISABLED, OTEL_TIMEOUT, OTEL_TRACES_ENDPOINT,
    OTEL_TRACES_EXPORTER, OTEL_TRACES_PROTOCOL, OTEL_TRACES_TIMEOUT,
};

/// How long a collector may take, if nobody says.
const PATIENCE: Duration = Duration::from_secs(10);

/// How traces are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Whether spans are written down as JSON, and not as protobuf.
    pub(super) is_json: bool,
    /// How long one request may take.
    pub(super) patience: Duration,
}

/// `None` if nobody asks for traces; why there can be none, if somebody does and there can't.
pub(super) fn asked() -> Result<Option<Asked>, String> {
    let value = |variable: crate::env::Variable| variable.get();
    read(&value)
}

fn read(value: &dyn Fn(crate::env::Variable) -> Option<String>) -> Result<Option<Asked>, String> {
    if value(OTEL_SDK_DISABLED).is_some_and(|it| it.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    match value(OTEL_TRACES_EXPORTER).as_deref() {
        Some("none") => return Ok(None),
        Some("otlp") => {}
        Some(other) => {
            return Err(format!("{}={other}: known are otlp and none", OTEL_TRACES_EXPORTER.name));
        }
        None if value(OTEL_ENDPOINT).or_else(|| value(OTEL_TRACES_ENDPOINT)).is_none() => {
            return Ok(None);
        }
        None => {}
    }
    let first = |names: [crate::env::Variable; 2]| {
        names.into_iter().find_map(|it| Some((it.name, value(it)?)))
    };
    let is_json = match first([OTEL_TRACES_PROTOCOL, OTEL_PROTOCOL]) {
        None => false,
        Some((name, protocol)) => match protocol.as_str() {
            "http/protobuf" => false,
            "http/json" => true,
            _ => return Err(format!("{name}={protocol}: known are http/protobuf and http/json")),
        },
    };
    let patience = match first([OTEL_TRACES_TIMEOUT, OTEL_TIMEOUT]) {
        None => PATIENCE,
        Some((name, text)) => {
            let millis = text.parse().ok().filter(|it| *it > 0);
            let none = || format!("{name}={text}: this is no number of milliseconds above zero");
            Duration::from_millis(millis.ok_or_else(none)?)
        }
    };
    Ok(Some(Asked { is_json, patience }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Asked, read};

    fn asked(set: &[(&str, &str)]) -> Result<Option<u128>, String> {
        let value = |variable: crate::env::Variable| {
            let found = set.iter().find(|(name, _)| *name == variable.name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Ok(read(&value)?.map(|Asked { patience, .. }| patience.as_millis()))
    }

    #[test]
    fn traces_are_asked_for_by_the_usual_variables() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        let usual = Ok(Some(Duration::from_secs(10).as_millis()));
        assert_eq!(asked(&[]), Ok(None));
        assert_eq!(asked(&[endpoint]), usual);
        assert_eq!(asked(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://x/v1/traces")]), usual);
        assert_eq!(asked(&[("OTEL_TRACES_EXPORTER", "otlp")]), usual);
        assert_eq!(asked(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), Ok(None));
        assert_eq!(asked(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]), Ok(None));
        assert_eq!(asked(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]), usual);
        assert_eq!(asked(&[endpoint, ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500")]), Ok(Some(1500)));
    }

    #[test]
    fn what_is_asked_for_and_can_t_be_is_said() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        for (variable, words) in [
            (("OTEL_TRACES_EXPORTER", "console"), "known are otlp and none"),
            (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "known are http/protobuf and http/json"),
            (("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"), "no number of milliseconds"),
        ] {
            let why = asked(&[endpoint, variable]).unwrap_err();
            assert!(why.contains(words) && why.starts_with(variable.0), "{why}");
        }
        // The one of traces goes before the one of all.
        let both = [
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ];
        assert!(asked(&[endpoint, both[0], both[1]]).is_ok());
    }
}
