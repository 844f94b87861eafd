//! Trace attributes as members of the baggage, under the keys of Langfuse's Python and TypeScript
//! SDKs, so that services in any of the languages share them.
//!
//! The release travels in none of the SDKs, because it is each service's own; nor does whether a
//! trace is public.

use super::baggage::{Header, Member};
use crate::{
    id::TraceId,
    limit::MAX_TRACE_TEXT_CHARS,
    scope::{TraceAttributes, is_environment},
};

const PREFIX: &str = "langfuse_";
const USER: &str = "langfuse_user_id";
const SESSION: &str = "langfuse_session_id";
const VERSION: &str = "langfuse_version";
const TAGS: &str = "langfuse_tags";
const NAME: &str = "langfuse_trace_name";
const ENVIRONMENT: &str = "langfuse_environment";
const METADATA: &str = "langfuse_metadata_";

/// The claim that the trace of this id has an application's root already: callees make none of
/// their first span.
const CLAIM: &str = "langfuse_trace_id";

/// What the SDKs do not read as trace attributes, and we neither: the claim, and the prompt or
/// experiment that a call belongs to.
const OTHERS: [&str; 3] = [CLAIM, "langfuse_prompt_", "langfuse_experiment_"];

/// Adds what is said of a trace. What the SDKs would not take is left out, and so is a tag with a
/// comma, which would arrive as two.
pub(super) fn write(attributes: &TraceAttributes, header: &mut Header) {
    for (key, value) in [
        (USER, attributes.get_user()),
        (SESSION, attributes.get_session()),
        (VERSION, attributes.get_version()),
        (NAME, attributes.get_name()),
        (ENVIRONMENT, attributes.get_environment()),
    ] {
        if let Some(value) = value.filter(|value| is_text(value)) {
            header.put(key, "", value);
        }
    }
    let whole = |tag: &&str| is_text(tag) && !tag.contains(',');
    let tags: Vec<_> = attributes.tags().filter(whole).collect();
    if !tags.is_empty() {
        header.put(TAGS, "", &tags.join(","));
    }
    // Last, because it is what may not fit.
    for (key, value) in attributes.metadata_entries() {
        if !key.is_empty() && is_text(value) {
            header.put(METADATA, key, value);
        }
    }
}

/// Adds the claim for that trace.
pub(super) fn write_claim(trace_id: TraceId, header: &mut Header) {
    header.put(CLAIM, "", &trace_id.to_string());
}

/// Whether a member is a claim, whatever the trace.
pub(super) fn is_claim(member: &Member<'_>) -> bool {
    member.key() == CLAIM
}

/// Whether a member is the claim for that trace.
pub(super) fn claims(member: &Member<'_>, trace_id: TraceId) -> bool {
    is_claim(member) && member.value().parse() == Ok(trace_id)
}

/// Whether OpenTelemetry's baggage, which holds what its propagators have read, claims that trace.
#[cfg(feature = "otel")]
pub(crate) fn is_claimed_in(baggage: &opentelemetry::baggage::Baggage, trace_id: TraceId) -> bool {
    let claim = baggage.get(CLAIM);
    claim.is_some_and(|claimed| claimed.as_str().parse() == Ok(trace_id))
}

/// Takes a member into `attributes`, over what they said; false if it is not one of ours. What the
/// SDKs would not have sent is dropped.
pub(super) fn read(member: &Member<'_>, attributes: &mut TraceAttributes) -> bool {
    let key = member.key();
    let Some(suffix) = key.strip_prefix(PREFIX) else {
        return false;
    };
    if suffix.is_empty() || OTHERS.iter().any(|other| key.starts_with(other)) {
        return false;
    }
    let value = member.value();
    let known = std::mem::take(attributes);
    *attributes = match key.as_str() {
        TAGS => tags_of(&value).fold(known, |known, tag| known.tag(tag.to_owned())),
        _ if !is_text(&value) => known,
        USER => known.user(value),
        SESSION => known.session(value),
        VERSION => known.version(value),
        NAME => known.name(value),
        ENVIRONMENT if is_environment(&value) => known.environment(value),
        ENVIRONMENT | METADATA => known,
        _ => {
            let key = key.strip_prefix(METADATA).unwrap_or(suffix);
            known.metadata(key.to_owned(), unquoted(value))
        }
    };
    true
}

/// The text of a JSON string, which is what Python's SDK puts into the baggage from version 5 on,
/// or else `value` as it is.
fn unquoted(value: String) -> String {
    match value.as_bytes() {
        [b'"', .., b'"'] => serde_json::from_str(&value).unwrap_or(value),
        _ => value,
    }
}

/// The tags of a list joined by commas, or of a list as Python shows it, which is what its SDK
/// puts into the baggage.
fn tags_of(value: &str) -> impl Iterator<Item = &str> {
    let list = value
        .strip_prefix('[')
        .and_then(|value| value.strip_suffix(']'));
    list.unwrap_or(value)
        .split(',')
        .map(str::trim)
        .map(move |tag| match tag.as_bytes() {
            [b'\'', .., b'\''] | [b'"', .., b'"'] if list.is_some() => &tag[1..tag.len() - 1],
            _ => tag,
        })
        .filter(|tag| is_text(tag))
}

fn is_text(value: &str) -> bool {
    !value.is_empty() && value.chars().nth(MAX_TRACE_TEXT_CHARS).is_none()
}

#[cfg(test)]
mod tests {
    use super::{super::baggage, *};

    fn written(attributes: &TraceAttributes) -> Option<String> {
        let mut header = Header::default();
        write(attributes, &mut header);
        header.finish()
    }

    /// What is read, and the keys of what is not ours.
    fn taken(header: &str) -> (TraceAttributes, Vec<String>) {
        let mut attributes = TraceAttributes::new();
        let mut others = Vec::new();
        for member in baggage::members(header) {
            if !read(&member, &mut attributes) {
                others.push(member.key());
            }
        }
        (attributes, others)
    }

    #[test]
    fn every_field_has_the_key_of_the_sdks() {
        let attributes = TraceAttributes::new()
            .name("order a coffee")
            .user("gus+grumpy@example.com")
            .session("s-1")
            .version("2.0")
            .environment("staging")
            .tag("hot")
            .tag("to go")
            .metadata("shop", "7")
            .metadata("till no.", "1,2");

        let header = written(&attributes).unwrap();

        assert_eq!(
            header.split(',').collect::<Vec<_>>(),
            [
                "langfuse_user_id=gus%2Bgrumpy%40example.com",
                "langfuse_session_id=s-1",
                "langfuse_version=2.0",
                "langfuse_trace_name=order%20a%20coffee",
                "langfuse_environment=staging",
                "langfuse_tags=hot%2Cto%20go",
                "langfuse_metadata_shop=7",
                "langfuse_metadata_till%20no.=1%2C2",
            ]
        );
        assert_eq!(taken(&header), (attributes, vec![]));
    }

    #[test]
    fn what_the_sdks_would_drop_is_neither_written_nor_read() {
        let long = "x".repeat(201);
        let attributes = TraceAttributes::new()
            .session("")
            .environment("langfuse")
            .tag("a,b")
            .metadata("", "v")
            .release("1")
            .public(true);
        assert_eq!(written(&attributes), None);

        let header = format!(
            "langfuse_user_id={long},langfuse_session_id=,langfuse_environment=langfuse-x,\
             langfuse_tags={long},langfuse_metadata_=v"
        );
        assert_eq!(taken(&header), (TraceAttributes::new(), vec![]));
        let longest = "é".repeat(200);
        let attributes = TraceAttributes::new().user(longest);
        assert_eq!(taken(&written(&attributes).unwrap()).0, attributes);
    }

    #[test]
    fn an_unknown_suffix_is_metadata_and_claims_are_left_alone() {
        let header = "langfuse_shop=7,langfuse_trace_id=0af7,langfuse_prompt_name=p,tenant=t,\
                      langfuse_experiment_id=e,langfuse_=x,LANGFUSE_USER_ID=u";

        let (attributes, others) = taken(header);

        assert_eq!(attributes, TraceAttributes::new().metadata("shop", "7"));
        assert_eq!(
            others,
            [
                "langfuse_trace_id",
                "langfuse_prompt_name",
                "tenant",
                "langfuse_experiment_id",
                "langfuse_",
                "LANGFUSE_USER_ID"
            ]
        );
    }

    #[test]
    fn metadata_is_read_as_each_version_of_the_sdks_writes_it() {
        for (value, read) in [
            ("7", "7"),
            ("%227%22", "7"),
            ("%22two%5Cnlines%22", "two\nlines"),
            ("%7B%22a%22%3A1%7D", r#"{"a":1}"#),
            ("%22open", "\"open"),
            ("%22a%22b%22", "\"a\"b\""),
            ("%22", "\""),
        ] {
            let (attributes, _) = taken(&format!("langfuse_metadata_k={value}"));
            let entries: Vec<_> = attributes.metadata_entries().collect();
            assert_eq!(entries, [("k", read)], "{value}");
        }
    }

    #[test]
    fn tags_are_read_as_typescript_and_as_python_write_them() {
        for (value, tags) in [
            ("a%2Cb", &["a", "b"][..]),
            ("a%2C+b+%2C%2Ca", &["a", "b"]),
            ("%5B%27a%27%2C+%22b%22%5D", &["a", "b"]),
            ("%5B%27%5D", &["'"]),
            ("%5B%5D", &[]),
        ] {
            let (attributes, _) = taken(&format!("langfuse_tags={value}"));
            assert_eq!(attributes.tags().collect::<Vec<_>>(), tags, "{value}");
        }
    }
}
