//! `init` in a process of its own for each environment: the variables are the process's.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};

use o11y_core::{Context, Observability};
use o11y_langfuse::local::{Fault, Receiver};

/// Set for the child: what it is to do after `init`.
const CHILD: &str = "O11Y_TEST_CHILD";

/// The child's part. In the parent's own run of this test there is nothing to do.
#[test]
fn child() {
    #[expect(clippy::disallowed_methods, reason = "this is how the child is told")]
    let Ok(spans) = std::env::var(CHILD) else {
        return;
    };
    match o11y_langfuse::init() {
        Err(error) => println!("refused: {error}"),
        Ok(telemetry) => {
            for _ in 0..spans.parse().unwrap() {
                Context::with_span("from the child", |_span| ());
            }
            println!("off: {:?}", telemetry.off_reason());
            println!("warning: {:?}", telemetry.warning());
            println!("recording: {}", Observability::is_enabled());
        }
    }
}

/// Runs `init` under these variables and no others, then makes so many spans and exits.
fn init_under(variables: &[(&str, &str)], spans: usize) -> String {
    let this = std::env::current_exe().unwrap();
    let Output { stdout, status, .. } = Command::new(this)
        .args(["--exact", "child", "--nocapture"])
        .env_clear()
        .env(CHILD, spans.to_string())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(status.success());
    String::from_utf8(stdout).unwrap()
}

fn assert_says(output: &str, line: &str) {
    assert!(output.contains(line), "{line:?} not in:\n{output}");
}

#[test]
fn keys_in_the_environment_switch_it_on_and_leaving_main_delivers() {
    let receiver = Receiver::start().unwrap();
    let keys = [
        ("LANGFUSE_PUBLIC_KEY", receiver.public_key()),
        ("LANGFUSE_SECRET_KEY", receiver.secret_key()),
    ];
    for (count, host) in ["LANGFUSE_HOST", "LANGFUSE_BASE_URL"]
        .into_iter()
        .enumerate()
    {
        let address = receiver.base_url();
        let output = init_under(&[keys[0], keys[1], (host, &address)], 5);

        assert_says(&output, "off: None");
        assert_says(&output, "warning: None");
        assert_says(&output, "recording: true");
        assert_eq!(receiver.observation_count(), 5 * (count + 1));
    }
}

#[test]
fn a_variable_says_how_long_leaving_main_may_take() {
    let receiver = Receiver::start().unwrap();
    receiver.always(Fault::Stall);
    let address = receiver.base_url();
    let started = Instant::now();
    let output = init_under(
        &[
            ("LANGFUSE_PUBLIC_KEY", receiver.public_key()),
            ("LANGFUSE_SECRET_KEY", receiver.secret_key()),
            ("LANGFUSE_HOST", &address),
            ("O11Y_TELEMETRY_SHUTDOWN_TIMEOUT", "0.05"),
        ],
        5,
    );

    // Without it, five seconds.
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_says(&output, "recording: true");
    assert!(receiver.requests().len() <= 1);
    assert_eq!(receiver.observation_count(), 0);
}

/// Variables that tell OpenTelemetry's own exporters of another vendor's backend.
#[test]
fn what_is_meant_for_another_vendor_never_reaches_langfuse() {
    let [receiver, vendor] = [Receiver::start().unwrap(), Receiver::start().unwrap()];
    let (address, elsewhere) = (receiver.base_url(), vendor.base_url());
    let headers = "authorization=Bearer%20of-a-vendor,x-api-key=of-a-vendor";
    let output = init_under(
        &[
            ("LANGFUSE_PUBLIC_KEY", receiver.public_key()),
            ("LANGFUSE_SECRET_KEY", receiver.secret_key()),
            ("LANGFUSE_HOST", &address),
            ("OTEL_EXPORTER_OTLP_HEADERS", headers),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", headers),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &elsewhere),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &elsewhere),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
        ],
        5,
    );

    assert_says(&output, "recording: true");
    assert_eq!(receiver.observation_count(), 5);
    assert!(vendor.requests().is_empty());
    for request in receiver.requests() {
        let sent = format!("{:?}", request.headers);
        assert!(!sent.contains("of-a-vendor"), "{sent}");
        assert_eq!(request.header("x-api-key"), None);
    }
}

#[test]
fn without_keys_it_is_off_and_says_which_is_missing() {
    let output = init_under(&[], 5);
    assert_says(&output, r#"off: Some("LANGFUSE_PUBLIC_KEY is not set")"#);
    assert_says(&output, "recording: false");

    let output = init_under(&[("LANGFUSE_PUBLIC_KEY", "pk-lf-1")], 5);
    assert_says(&output, r#"off: Some("LANGFUSE_SECRET_KEY is not set")"#);
}

#[test]
fn the_off_switch_beats_the_keys() {
    let output = init_under(
        &[
            ("LANGFUSE_PUBLIC_KEY", "pk-lf-1"),
            ("LANGFUSE_SECRET_KEY", "sk-lf-1"),
            ("O11Y_DISABLE_OBSERVABILITY", "true"),
        ],
        5,
    );

    assert_says(
        &output,
        r#"off: Some("O11Y_DISABLE_OBSERVABILITY is true")"#,
    );
}

#[test]
fn plain_http_beyond_this_machine_is_allowed_with_a_warning() {
    let output = init_under(
        &[
            ("LANGFUSE_PUBLIC_KEY", "pk-lf-1"),
            ("LANGFUSE_SECRET_KEY", "sk-lf-1"),
            ("LANGFUSE_HOST", "http://langfuse.internal:3000"),
        ],
        0,
    );

    assert_says(&output, "off: None");
    assert_says(&output, "go to http://langfuse.internal:3000 unencrypted");
}

#[test]
fn a_wrong_variable_is_refused_by_name_and_with_the_accepted_form() {
    for (name, text, accepted) in [
        (
            "O11Y_TELEMETRY_QUEUE_SIZE",
            "many",
            "a whole number of spans",
        ),
        ("LANGFUSE_SECRET_KEY", "sk-lf-1\nsk-lf-2", "in one line"),
        ("LANGFUSE_HOST", "cloud.langfuse.com", "with its scheme"),
        (
            "O11Y_TELEMETRY_EXPORT_INTERVAL",
            "5s",
            "such as `5` or `0.5`",
        ),
    ] {
        let output = init_under(&[(name, text)], 0);

        assert_says(&output, &format!("refused: {name} "));
        assert_says(&output, accepted);
        assert!(!output.contains("sk-lf-2"), "{output}");
    }
}
