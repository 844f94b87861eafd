//! Where spans of the SDK come from, as its resource says it: kept with each of them.

use std::sync::Arc;

use o11y_core::{TraceAttributes, Value};
use opentelemetry_sdk::Resource as OtelResource;
use serde_json::Map;

use crate::encode::Resource;

/// Where the resource names the environment, in the server's order.
const ENVIRONMENT: [&str; 3] = [
    "langfuse.environment",
    "deployment.environment.name",
    "deployment.environment",
];

/// What a provider's resource says, as far as the exporter does not say the same of itself.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Its attributes as JSON text, shared by all spans.
    pub(super) resource: Option<Arc<str>>,
    pub(super) service: Option<Arc<str>>,
    /// What the server reads of the resource.
    pub(super) trace: Option<TraceAttributes>,
}

impl Source {
    pub(super) fn new(theirs: &OtelResource, ours: &Resource) -> Self {
        let text = |name: &str| {
            let mut found = theirs.iter().filter(|(key, _)| key.as_str() == name);
            found.next().map(|(_, value)| value.as_str().into_owned())
        };
        let unless = |known: &Option<String>, said: Option<String>| {
            said.filter(|text| known.as_ref() != Some(text))
        };
        let environment = ENVIRONMENT.into_iter().find_map(text);
        let environment = unless(&ours.environment, environment);
        let version = unless(&ours.service_version, text("service.version"));
        let release = unless(&ours.release, text("langfuse.release"));
        let service = unless(&ours.service_name, text("service.name"));
        let mut trace = TraceAttributes::new();
        if let Some(environment) = environment {
            trace = trace.environment(environment);
        }
        if let Some(version) = version {
            trace = trace.version(version);
        }
        if let Some(release) = release {
            trace = trace.release(release);
        }
        Self {
            resource: rest_of(theirs, ours),
            service: service.map(Into::into),
            trace: (trace != TraceAttributes::new()).then_some(trace),
        }
    }

    /// The attributes that every span of this source has.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let shared = |text: &Option<Arc<str>>| text.clone().map(Value::from);
        let service = shared(&self.service).map(|name| ("service.name", name));
        let resource = shared(&self.resource).map(|json| ("resource", json));
        service.into_iter().chain(resource)
    }
}

/// What is nowhere else, as JSON text; none if nothing is left.
fn rest_of(theirs: &OtelResource, ours: &Resource) -> Option<Arc<str>> {
    let is_known = |key: &str, value: &str| {
        key.starts_with("telemetry.sdk.")
            || key == "service.name"
            || key == "service.version" && ours.service_version.as_deref() == Some(value)
            || ENVIRONMENT.contains(&key) && ours.environment.as_deref() == Some(value)
    };
    let rest: Map<_, _> = theirs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .filter(|(key, value)| !is_known(key, value))
        .map(|(key, value)| (key.to_owned(), value.into_owned().into()))
        .collect();
    (!rest.is_empty()).then(|| serde_json::Value::from(rest).to_string().into())
}
