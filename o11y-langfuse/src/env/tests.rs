//! Which variable wins, and what a wrong one is told.

use std::time::Duration;

use super::*;

fn builder(variables: &[(&str, &str)]) -> Result<LangfuseBuilder, ConfigError> {
    let look_up = |name: &str| {
        let (_, text) = variables.iter().find(|(known, _)| *known == name)?;
        Some((*text).to_owned())
    };
    read(&Environment { look_up: &look_up })
}

fn refusal(variables: &[(&str, &str)]) -> String {
    builder(variables).unwrap_err().to_string()
}

#[test]
fn ours_wins_over_langfuse_which_wins_over_the_mirrored_one() {
    let all = [
        ("O11Y_TELEMETRY_BATCH_SIZE", "1"),
        ("LANGFUSE_FLUSH_AT", "2"),
        ("DSPY_TELEMETRY_BATCH_SIZE", "3"),
    ];
    for (skipped, size) in [(0, 1), (1, 2), (2, 3)] {
        assert_eq!(builder(&all[skipped..]).unwrap().batch_size, Some(size));
    }
    let hosts = [
        ("LANGFUSE_BASE_URL", "https://a.example"),
        ("LANGFUSE_HOST", "https://b.example"),
        ("LANGFUSE_BASEURL", "https://c.example"),
    ];
    for (skipped, (_, host)) in hosts.iter().enumerate() {
        let read = builder(&hosts[skipped..]).unwrap();
        assert_eq!(read.host.as_deref(), Some(*host));
    }
}

#[test]
fn the_first_of_several_variables_is_the_one_in_the_table() {
    // The same setting under each name that a row lists, with a value of its own.
    let told = |read: LangfuseBuilder| {
        let counts = (read.queue_size, read.batch_size);
        (
            counts,
            read.export_interval,
            read.shutdown_timeout,
            read.off,
        )
    };
    for row in rows().iter().filter(|row| {
        [
            "on and off",
            "queue size",
            "export interval",
            "batch size",
            "shutdown time",
        ]
        .contains(&row[0])
    }) {
        let names: Vec<_> = row[1]
            .split('`')
            .filter(|part| part.contains('_'))
            .collect();
        assert!(names.len() > 1, "{row:?}");
        for (place, name) in names.iter().enumerate() {
            let value = |place: usize| match row[0] {
                // What comes later would say the opposite.
                "on and off" if names[place] == "LANGFUSE_TRACING_ENABLED" => "false".to_owned(),
                "on and off" => "true".to_owned(),
                _ => (place + 1).to_string(),
            };
            let alone = builder(&[(name, &value(place))]).unwrap();
            let values: Vec<_> = (place..names.len()).map(value).collect();
            let rest = names[place..].iter().zip(&values);
            let all: Vec<_> = rest.map(|(name, value)| (*name, value.as_str())).collect();

            let (alone, together) = (told(alone), told(builder(&all).unwrap()));
            assert_eq!(alone, together, "{name}");
            assert_ne!(alone, told(LangfuseBuilder::default()), "{name}");
        }
    }
}

#[test]
fn the_table_states_every_default_as_it_is() {
    let config = builder(&[]).unwrap().public_key("pk").secret_key("sk");
    let config = config.build().unwrap();
    let seconds = |time: Duration| time.as_secs_f64().to_string();
    let is_none = |text: &Option<String>| text.as_ref().map_or("none", |_| "some").to_owned();
    let captures = builder(&[]).unwrap().capture_content.unwrap_or(true);
    let environment = match &config.resource.environment {
        None => "the server's `default`".to_owned(),
        Some(other) => other.clone(),
    };
    let actual = [
        (
            "on and off",
            builder(&[]).unwrap().off.unwrap_or("on".to_owned()),
        ),
        ("keys", "off, said once".to_owned()),
        ("host", format!("`{}`", config.host)),
        ("queue size", config.queue_size.to_string()),
        (
            "export interval",
            seconds(config.export_interval.unwrap_or_default()),
        ),
        (
            "batch size",
            format!("{}, and requests by bytes", config.batch_size.trigger()),
        ),
        (
            "shutdown time",
            format!(
                "{}, and {} to drop the guard",
                seconds(config.shutdown_timeout),
                seconds(config.drop_grace)
            ),
        ),
        ("request time", seconds(config.timeout)),
        (
            "root certificates",
            config
                .roots
                .map_or("Mozilla's, as compiled in", |_| "others")
                .to_owned(),
        ),
        ("share of traces", config.sample_rate.to_string()),
        (
            "content",
            if captures {
                "input and output are sent"
            } else {
                "none"
            }
            .to_owned(),
        ),
        ("environment", environment),
        ("release", is_none(&config.resource.release)),
        ("service name", is_none(&config.resource.service_name)),
        ("service version", is_none(&config.resource.service_version)),
    ];

    let stated: Vec<_> = rows()
        .iter()
        .map(|row| (row[0], row[3].to_owned()))
        .collect();

    assert_eq!(stated, actual);
    assert_eq!(config.batch_size.cap(), usize::MAX); // by bytes
    assert_eq!(
        builder(&[]).unwrap().missing_key(),
        Some("LANGFUSE_PUBLIC_KEY")
    );
}

/// The rows of the table, without its head.
fn rows() -> Vec<Vec<&'static str>> {
    let (table, _) = include_str!("../env.md").split_once("\n\n").unwrap();
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect();
    table.lines().skip(2).map(cells).collect()
}

#[test]
fn a_left_over_of_the_mirrored_system_is_looked_at_only_where_it_counts() {
    let left_over = ("DSPY_TELEMETRY_QUEUE_SIZE", "lots");

    assert!(builder(&[left_over, ("O11Y_TELEMETRY_QUEUE_SIZE", "5")]).is_ok());
    assert_eq!(
        refusal(&[left_over]),
        "DSPY_TELEMETRY_QUEUE_SIZE is \"lots\": expected a whole number of spans of at least 1, \
         such as `100`"
    );
}

#[test]
fn seconds_may_be_fractions_and_zero_means_no_timer() {
    let interval =
        |text| builder(&[("O11Y_TELEMETRY_EXPORT_INTERVAL", text)]).map(|b| b.export_interval);

    assert_eq!(interval("0.25").unwrap(), Some(Duration::from_millis(250)));
    assert_eq!(interval("0").unwrap(), Some(Duration::ZERO));
    assert_eq!(interval("").unwrap(), None);
    for text in ["-1", "NaN", "inf", "1e300", "5s"] {
        assert!(interval(text).is_err(), "{text}");
    }
}

#[test]
fn a_key_with_a_line_break_is_refused_without_being_shown() {
    let refused = refusal(&[("LANGFUSE_SECRET_KEY", "sk-lf-very-secret\n")]);

    assert_eq!(
        refused,
        "LANGFUSE_SECRET_KEY has a line break at position 18: expected a key as Langfuse shows \
         it, such as `pk-lf-…` or `sk-lf-…`, in one line"
    );
}

#[test]
fn a_host_without_a_scheme_is_refused_under_the_name_it_was_given() {
    for name in ["LANGFUSE_BASE_URL", "LANGFUSE_HOST"] {
        let refused = refusal(&[(name, "cloud.langfuse.com")]);

        assert!(refused.starts_with(name), "{refused}");
        assert!(refused.contains("with its scheme"), "{refused}");
    }
}

#[test]
fn an_environment_that_the_server_would_ignore_is_refused() {
    for text in ["Prod EU", "prod.eu", "langfuse-prod", &"x".repeat(41)] {
        let refused = refusal(&[("LANGFUSE_TRACING_ENVIRONMENT", text)]);

        assert!(refused.contains("such as `production`"), "{refused}");
    }
}

#[test]
fn the_off_switch_beats_the_keys_and_whatever_is_wrong_beside_it() {
    let wrong = ("LANGFUSE_HOST", "nonsense");
    for (name, text) in [
        ("O11Y_DISABLE_OBSERVABILITY", "true"),
        ("DSPY_DISABLE_OBSERVABILITY", "1"),
        ("LANGFUSE_TRACING_ENABLED", "False"),
    ] {
        let off = builder(&[(name, text), wrong]).unwrap().off;

        assert_eq!(off, Some(format!("{name} is {text}")));
    }
    assert_eq!(
        builder(&[("LANGFUSE_TRACING_ENABLED", "true")])
            .unwrap()
            .off,
        None
    );
    assert_eq!(
        refusal(&[("O11Y_DISABLE_OBSERVABILITY", "maybe")]),
        "O11Y_DISABLE_OBSERVABILITY is \"maybe\": expected `true` or `false`"
    );
}

#[test]
fn a_share_is_from_0_to_1() {
    let share = |text| builder(&[("LANGFUSE_SAMPLE_RATE", text)]).map(|b| b.sample_rate);

    assert_eq!(share("0.25").unwrap(), Some(0.25));
    for text in ["-0.1", "1.5", "NaN", "all"] {
        assert!(share(text).is_err(), "{text}");
    }
}

#[test]
fn the_release_comes_from_the_build_server_if_nobody_names_one() {
    let ci = ("GITHUB_SHA", "abc123");

    assert_eq!(builder(&[ci]).unwrap().release.as_deref(), Some("abc123"));
    assert_eq!(
        builder(&[ci, ("LANGFUSE_RELEASE", "v7")])
            .unwrap()
            .release
            .as_deref(),
        Some("v7")
    );
}

#[test]
fn the_time_of_a_shutdown_is_read_from_two_variables_and_ours_wins() {
    let ours = "O11Y_TELEMETRY_SHUTDOWN_TIMEOUT";
    let mirrored = "DSPY_TELEMETRY_SHUTDOWN_TIMEOUT";
    let time = |variables: &[_]| builder(variables).map(|builder| builder.shutdown_timeout);

    assert_eq!(
        time(&[(mirrored, "7"), (ours, "0.25")]).unwrap(),
        Some(Duration::from_millis(250))
    );
    assert_eq!(
        time(&[(mirrored, "7")]).unwrap(),
        Some(Duration::from_secs(7))
    );
    assert_eq!(time(&[(ours, "0")]).unwrap(), Some(Duration::ZERO));
    for name in [ours, mirrored] {
        assert_eq!(
            refusal(&[(name, "soon")]),
            format!("{name} is \"soon\": expected seconds, whole or not, such as `5` or `0.5`")
        );
    }
}

#[test]
fn the_mirrored_systems_values_are_taken_as_they_are() {
    let config = builder(&[
        ("LANGFUSE_PUBLIC_KEY", "pk-lf-1"),
        ("LANGFUSE_SECRET_KEY", "sk-lf-1"),
        ("DSPY_TELEMETRY_QUEUE_SIZE", "1000"),
        ("DSPY_TELEMETRY_BATCH_SIZE", "100"),
        ("DSPY_TELEMETRY_EXPORT_INTERVAL", "60"),
        ("DSPY_TELEMETRY_SHUTDOWN_TIMEOUT", "10"),
    ]);

    let config = config.unwrap().build().unwrap();
    let seconds = Duration::from_secs;
    let (trigger, cap) = (config.batch_size.trigger(), config.batch_size.cap());
    assert_eq!((config.queue_size, trigger, cap), (1_000, 100, 100));
    assert_eq!(config.export_interval, Some(seconds(60)));
    assert_eq!(
        (config.shutdown_timeout, config.drop_grace),
        (seconds(10), seconds(10))
    );
}

#[test]
fn what_is_set_on_the_builder_wins_over_the_environment() {
    let variables = [
        ("LANGFUSE_PUBLIC_KEY", "pk-lf-1"),
        ("LANGFUSE_SECRET_KEY", "sk-lf-1"),
        ("LANGFUSE_HOST", "https://variable.example"),
        ("O11Y_TELEMETRY_QUEUE_SIZE", "5"),
        ("O11Y_TELEMETRY_BATCH_SIZE", "2"),
        ("O11Y_TELEMETRY_EXPORT_INTERVAL", "3"),
        ("O11Y_TELEMETRY_SHUTDOWN_TIMEOUT", "4"),
        ("LANGFUSE_TIMEOUT", "6"),
        ("LANGFUSE_SAMPLE_RATE", "0.5"),
    ];
    let told = |builder: LangfuseBuilder| {
        let config = builder.build().unwrap();
        (
            config.host.as_str().to_owned(),
            (config.queue_size, config.batch_size.cap()),
            (config.export_interval, config.shutdown_timeout),
            (config.timeout, config.sample_rate.to_string()),
        )
    };
    let seconds = Duration::from_secs;

    assert_eq!(
        told(builder(&variables).unwrap()),
        (
            "https://variable.example".to_owned(),
            (5, 2),
            (Some(seconds(3)), seconds(4)),
            (seconds(6), "0.5".to_owned()),
        )
    );
    let changed = builder(&variables)
        .unwrap()
        .host("https://builder.example")
        .queue_size(50)
        .batch_size(20)
        .export_interval(seconds(30))
        .shutdown_timeout(seconds(40))
        .timeout(seconds(60))
        .sample_rate(1.0);
    assert_eq!(
        told(changed),
        (
            "https://builder.example".to_owned(),
            (50, 20),
            (Some(seconds(30)), seconds(40)),
            (seconds(60), "1".to_owned()),
        )
    );
}

#[test]
fn the_release_is_looked_for_where_the_official_sdks_look() {
    for pair in RELEASE.windows(2) {
        let both = [(pair[0], "first"), (pair[1], "second")];

        assert_eq!(builder(&both).unwrap().release.as_deref(), Some("first"));
        assert_eq!(
            builder(&both[1..]).unwrap().release.as_deref(),
            Some("second")
        );
    }
}

#[test]
fn the_deployment_names_service_version_and_environment() {
    let deployment = (
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=shop,service.version=1.2.3,deployment.environment.name=Prod EU",
    );

    let read = builder(&[deployment]).unwrap();
    assert_eq!(read.service_name.as_deref(), Some("shop"));
    assert_eq!(read.service_version.as_deref(), Some("1.2.3"));
    assert_eq!(read.environment.as_deref(), Some("prod-eu"));

    let ours = [
        deployment,
        ("OTEL_SERVICE_NAME", "till"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "test"),
    ];
    let read = builder(&ours).unwrap();
    assert_eq!(read.service_name.as_deref(), Some("till"));
    assert_eq!(read.environment.as_deref(), Some("test"));
    assert!(read.public_key("pk").secret_key("sk").build().is_ok());
}

#[test]
fn content_is_captured_unless_a_variable_says_no() {
    let convention = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
    let captures = |variables: &[_]| builder(variables).map(|read| read.capture_content);

    assert_eq!(captures(&[]).unwrap(), None);
    for (name, text, expected) in [
        ("O11Y_CAPTURE_CONTENT", "false", false),
        ("O11Y_CAPTURE_CONTENT", "true", true),
        (convention, "false", false),
        (convention, "True", true),
        (convention, "no_content", false),
        (convention, "EVENT_ONLY", false),
        (convention, "SPAN_ONLY", true),
        (convention, "SPAN_AND_EVENT", true),
    ] {
        assert_eq!(captures(&[(name, text)]).unwrap(), Some(expected), "{text}");
    }
    let both = [("O11Y_CAPTURE_CONTENT", "true"), (convention, "false")];
    assert_eq!(captures(&both).unwrap(), Some(true));
    assert!(refusal(&[(convention, "some")]).contains("`NO_CONTENT`"));
    assert!(refusal(&[("O11Y_CAPTURE_CONTENT", "SPAN_ONLY")]).contains("`true` or `false`"));
}

#[test]
fn the_switch_of_opentelemetry_switches_off_too() {
    let off = |variables: &[_]| builder(variables).unwrap().off;

    assert!(off(&[("OTEL_SDK_DISABLED", "true")]).is_some());
    assert_eq!(off(&[("OTEL_SDK_DISABLED", "false")]), None);
}

#[test]
fn exactly_the_documented_variables_are_looked_at() {
    let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let look_up = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        None
    };

    assert!(read(&Environment { look_up: &look_up }).is_ok());

    let is_name = |text: &&str| {
        let is_allowed =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        text.contains('_') && text.bytes().all(is_allowed)
    };
    let documented: std::collections::BTreeSet<_> = rows()
        .iter()
        .flat_map(|row| row[1].split('`'))
        .filter(is_name)
        .map(str::to_owned)
        .collect();
    let asked = asked.into_inner();
    assert_eq!(asked, documented);
    assert!(!asked.iter().any(|name| name.contains("OTLP")));
}

#[test]
fn a_file_of_certificates_that_cannot_be_used_stops_no_program() {
    for file in ["/nowhere/at/all.pem", "Cargo.toml"] {
        let builder = builder(&[("SSL_CERT_FILE", file)]).unwrap();

        assert_eq!(builder.root_certificates, None, "{file}");
    }
}
