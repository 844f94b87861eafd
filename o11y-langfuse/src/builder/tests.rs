//! What a builder makes of its settings, and what it refuses.

use super::*;

fn builder() -> LangfuseBuilder {
    Langfuse::builder().public_key("pk").secret_key("sk")
}

#[test]
fn defaults_are_as_documented() {
    let config = builder().build().unwrap();

    assert_eq!(config.host.as_str(), "https://cloud.langfuse.com");
    assert_eq!(config.queue_size, 8_192);
    assert_eq!(config.queue_bytes, 64 << 20);
    assert_eq!(config.export_interval, Some(Duration::from_secs(5)));
    assert_eq!(config.batch_size.trigger(), 100);
    assert_eq!(config.batch_size.cap(), usize::MAX);
    assert_eq!(config.request_bytes, 3_500_000);
    assert_eq!(config.timeout, Duration::from_secs(10));
    assert_eq!(config.shutdown_timeout, Duration::from_secs(10));
    assert_eq!(config.drop_grace, Duration::from_secs(5));
    assert!(config.gzip);
    assert!(config.privacy.captures_content && config.privacy.mask.is_none());
    assert!(config.filter.is_none());
}

#[test]
fn nothing_is_compressed_for_this_machine_unless_asked_for() {
    let local = builder().host("http://127.0.0.1:3000");

    assert!(!local.clone().build().unwrap().gzip);
    assert!(local.gzip(true).build().unwrap().gzip);
}

#[test]
fn an_explicit_batch_size_is_trigger_and_cap() {
    let config = builder().batch_size(7).build().unwrap();

    assert_eq!(
        (config.batch_size.trigger(), config.batch_size.cap()),
        (7, 7)
    );
}

#[test]
fn a_time_for_the_shutdown_is_the_time_for_the_drop_as_well() {
    let minute = Duration::from_secs(60);

    let config = builder().shutdown_timeout(minute).build().unwrap();

    assert_eq!(
        (config.shutdown_timeout, config.drop_grace),
        (minute, minute)
    );
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let refusals = [
        Langfuse::builder().secret_key("sk").build(),
        Langfuse::builder().public_key("pk").build(),
        builder().public_key("").build(),
        builder().secret_key("a:b").build(),
        builder().queue_size(0).build(),
        builder().queue_bytes(0).build(),
        builder().batch_size(0).build(),
        builder().request_bytes(0).build(),
        builder().timeout(Duration::ZERO).build(),
        builder().host("nowhere").build(),
        builder().environment("Prod").build(),
        builder().sample_rate(1.1).build(),
        builder().root_certificates("none").build(),
    ]
    .map(|refused| refused.unwrap_err().to_string());
    let names = [
        "public_key",
        "secret_key",
        "public_key",
        "secret_key",
        "queue_size",
        "queue_bytes",
        "batch_size",
        "request_bytes",
        "timeout",
        "host",
        "environment",
        "sample_rate",
        "root_certificates",
    ];
    for (refused, name) in refusals.iter().zip(names) {
        assert!(refused.starts_with(name), "{refused}");
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    let builder = builder().secret_key("sk-lf-secret");

    let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap());

    assert!(
        shown.contains("***") && !shown.contains("sk-lf-secret"),
        "{shown}"
    );
}
