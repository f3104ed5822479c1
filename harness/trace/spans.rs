//! A trace that is made while the run goes on: one span for the run, below it the steps, and below those
//! their parts.
//!
//! Knows spans. Must not know what they are of, nor who takes them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracer, SdkTracerProvider};

use crate::env::{OTEL_SERVICE_NAME, TRACEPARENT, TRACESTATE};

use super::asked::asked;
use super::collector::{Exporter, Fate};
use super::{Attribute, Value};

const NAME: &str = "stairway";
/// What is on its way when the run ends gets so much longer than one request may take.
const GRACE: Duration = Duration::from_secs(1);

/// A trace under way.
#[derive(Debug)]
pub(crate) struct Trace {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    fate: Fate,
    patience: Duration,
    run: Context,
    /// The step that goes on.
    step: Option<Context>,
    /// Parts that go on, by what they are of.
    parts: BTreeMap<String, Context>,
}

impl Trace {
    /// The trace of a run that begins now, if the environment asks for one; or why there can be none.
    pub(crate) fn begin(name: &'static str) -> Result<Option<Self>, String> {
        let Some(asked) = asked()? else { return Ok(None) };
        let fate = Fate::default();
        let exporter = Exporter::new(asked, fate.clone())?;
        let processor = BatchSpanProcessor::builder(exporter).build();
        let mut resource = Resource::builder();
        if OTEL_SERVICE_NAME.get().is_none() {
            resource = resource.with_service_name(NAME);
        }
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_resource(resource.with_attribute(version).build())
            .build();
        let tracer = provider.tracer(NAME);
        let span = SpanBuilder::from_name(format!("{NAME} {name}")).with_kind(SpanKind::Internal);
        let parent = parent();
        let run = parent.with_span(tracer.build_with_context(span, &parent));
        let (step, parts) = (None, BTreeMap::new());
        Ok(Some(Self { provider, tracer, fate, patience: asked.patience, run, step, parts }))
    }

    /// Says something of the whole run.
    pub(crate) fn set(&mut self, attributes: &[Attribute]) {
        self.run.span().set_attributes(attributes.iter().map(told));
    }

    /// A step begins; the one before it has ended.
    pub(crate) fn step(&mut self, name: &str) {
        self.step_ends(false, &[]);
        self.step = Some(self.below(&self.run, name, &[]));
    }

    /// The step that goes on ends, if one does, and with it its parts.
    pub(crate) fn step_ends(&mut self, failed: bool, attributes: &[Attribute]) {
        for part in std::mem::take(&mut self.parts).into_values() {
            ended(&part, failed, &[]);
        }
        if let Some(step) = self.step.take() {
            ended(&step, failed, attributes);
        }
    }

    /// A part begins; several may go on at a time, and `of` tells which is which.
    pub(crate) fn part(&mut self, name: &str, of: &str, attributes: &[Attribute]) {
        let part = self.below(self.step.as_ref().unwrap_or(&self.run), name, attributes);
        self.parts.insert(of.to_owned(), part);
    }

    /// A part ends.
    pub(crate) fn part_ends(&mut self, of: &str, failed: bool, attributes: &[Attribute]) {
        if let Some(part) = self.parts.remove(of) {
            ended(&part, failed, attributes);
        }
    }

    /// A part of the step that goes on has ended now and took so long.
    pub(crate) fn was(
        &mut self,
        name: &str,
        took: Duration,
        failed: bool,
        attributes: &[Attribute],
    ) {
        let begun = SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH);
        let span = SpanBuilder::from_name(name.to_owned()).with_start_time(begun);
        let above = self.step.as_ref().unwrap_or(&self.run);
        let part = above.with_span(self.tracer.build_with_context(span, above));
        ended(&part, failed, attributes);
    }

    /// The run ends, badly if that is said in a word. Gives why not all of it was taken.
    pub(crate) fn end(mut self, wrong: Option<&str>) -> Result<(), String> {
        self.step_ends(wrong.is_some(), &[]);
        let run = self.run.span();
        if let Some(word) = wrong {
            run.set_status(Status::error(word.to_owned()));
        }
        run.end();
        let (begun, patience) = (Instant::now(), self.patience + GRACE);
        let ended = self.provider.shutdown_with_timeout(patience);
        match (self.fate.lost(), ended) {
            (Some((lost, why)), _) => Err(format!("{lost} spans were not taken: {why}")),
            (None, Ok(())) => Ok(()),
            (None, Err(_)) if begun.elapsed() >= patience => {
                Err(format!("nobody took them within {} s", patience.as_secs()))
            }
            (None, Err(error)) => Err(error.to_string()),
        }
    }

    fn below(&self, above: &Context, name: &str, attributes: &[Attribute]) -> Context {
        let span = SpanBuilder::from_name(name.to_owned())
            .with_attributes(attributes.iter().map(told).collect::<Vec<_>>());
        above.with_span(self.tracer.build_with_context(span, above))
    }
}

fn ended(span: &Context, failed: bool, attributes: &[Attribute]) {
    let span = span.span();
    span.set_attributes(attributes.iter().map(told));
    if failed {
        span.set_status(Status::error(""));
    }
    span.end();
}

fn told((name, value): &Attribute) -> KeyValue {
    match value {
        Value::Text(text) => KeyValue::new(*name, text.clone()),
        Value::Count(count) => KeyValue::new(*name, *count),
        Value::Measure(measure) => KeyValue::new(*name, *measure),
    }
}

/// The span of whoever started this process, as it says in the environment, or none.
fn parent() -> Context {
    let named = [("traceparent", TRACEPARENT), ("tracestate", TRACESTATE)];
    let carrier = named.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it.get()?)));
    let carrier: std::collections::HashMap<String, String> = carrier.collect();
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}
