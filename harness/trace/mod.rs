//! What a run did and how long each part took, as a trace for whoever collects them: OpenTelemetry, sent by
//! OTLP over HTTP.
//!
//! Knows OpenTelemetry's words and variables. Must not know what a run is, nor put a value of a row or a
//! password into what it sends: names, numbers and times only.

#[cfg(not(feature = "opentelemetry"))]
mod absent;
mod asked;
#[cfg(feature = "opentelemetry")]
mod collector;
#[cfg(feature = "opentelemetry")]
mod spans;

#[cfg(not(feature = "opentelemetry"))]
pub(crate) use absent::Trace;
#[cfg(feature = "opentelemetry")]
pub(crate) use spans::Trace;

/// What can be said of a span.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A name or a word.
    Text(String),
    /// A count.
    Count(i64),
    /// Seconds, or another measure.
    Measure(f64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Count(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(measure: f64) -> Self {
        Self::Measure(measure)
    }
}

/// A name, as in OpenTelemetry's conventions, and what it has.
pub(crate) type Attribute = (&'static str, Value);
