//! Lines of JSON: whole, in order of keys, none lost at the end, and counted where a disk refuses.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use o11y_core::{
    Context, Cost, EventBus, Generation, Module, ObservationType, SpanSpec, Telemetry,
    TraceAttributes, Usage, attributes, event, key,
};
use o11y_events::{BaseSubscriber as _, JsonLines, JsonLinesError};
use serde_json::Value;

/// An empty directory of its own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("o11y-jsonl-{}-{number}", process::id()));
        // What a process of the same number may have left that was killed.
        let _nothing = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("run.jsonl")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn nothing_is_lost_when_the_guard_is_dropped() {
    let place = Place::new();
    let bus = EventBus::new();
    let guard = JsonLines::builder(place.file())
        .open()
        .unwrap()
        .attach(&bus);

    thread::scope(|scope| {
        for thread in 0..4 {
            let bus = &bus;
            scope.spawn(move || {
                for number in 0..2_500 {
                    bus.event(
                        "cup.filled",
                        attributes! { "thread" => thread, "number" => number },
                    );
                }
            });
        }
    });
    drop(guard);

    let lines = lines(&place.file());
    assert_eq!(lines.len(), 10_000);
    for thread in 0..4 {
        let of_thread = lines
            .iter()
            .filter(|line| line["attributes"]["thread"] == thread);
        let numbers: Vec<_> = of_thread
            .map(|line| line["attributes"]["number"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (0..2_500).collect::<Vec<_>>());
    }
}

#[test]
fn the_keys_stand_in_order_and_content_stays_out() {
    let place = Place::new();
    let bus = EventBus::new();
    let open = JsonLines::builder(place.file()).open().unwrap();
    let telemetry = Telemetry::scoped(Arc::new(open.sink()), bus.clone());
    let guard = open.attach(&bus);

    let trace = TraceAttributes::new().user("gus").session("s-1");
    telemetry.run(|| {
        Context::with_trace(trace, || {
            Context::with_request("req-1", || {
                Context::with_module(Module::new("Agent"), || {
                    let spec = SpanSpec::new("answer")
                        .observation(ObservationType::Agent)
                        .input("a secret");
                    Context::with_span(spec, |span| {
                        span.set_attribute("share", 0.5);
                        event(
                            "cup.filled",
                            attributes! { "size" => "large\n", "hot" => true },
                        );
                    });
                });
            });
        });
    });
    drop(guard);

    let text = fs::read_to_string(place.file()).unwrap();
    assert!(!text.contains("secret"));
    let lines = lines(&place.file());
    let [event, span] = &*lines else {
        panic!("{text}")
    };
    assert_eq!(
        (&event["type"], &event["name"]),
        (&"event".into(), &"cup.filled".into())
    );
    assert_eq!(event["trace_id"], span["trace_id"]);
    assert_eq!(event["span_id"], span["span_id"]);
    for line in [event, span] {
        assert_eq!(
            (&line["user"], &line["session"]),
            (&"gus".into(), &"s-1".into())
        );
        assert_eq!(
            (&line["request_id"], &line["modules"]),
            (&"req-1".into(), &"Agent".into())
        );
        let time = line["time"].as_str().unwrap();
        assert!(
            time.len() == "2026-01-31T09:30:00.123456Z".len() && time.ends_with('Z'),
            "{time}"
        );
    }
    assert_eq!(
        event["attributes"],
        serde_json::json!({"size": "large\n", "hot": true})
    );
    assert_eq!(span["observation"], "agent");
    assert_eq!(
        span["attributes"],
        serde_json::json!({key::INPUT: "<8 bytes>", "share": 0.5})
    );
    assert!(span["duration_ms"].as_f64().is_some() && span.get("parent_id").is_none());
    let keys = [
        "type",
        "time",
        "name",
        "observation",
        "trace_id",
        "span_id",
        "duration_ms",
        "level",
        "request_id",
        "user",
        "session",
        "modules",
        "attributes",
    ];
    let line = text.lines().nth(1).unwrap();
    let places: Vec<_> = keys
        .iter()
        .map(|key| line.find(&format!("\"{key}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{line}");
}

#[test]
fn content_is_written_if_it_is_wanted_and_figures_keep_their_shape() {
    let place = Place::new();
    let open = JsonLines::builder(place.file())
        .content(true)
        .open()
        .unwrap();
    let telemetry = Telemetry::scoped(Arc::new(open.sink()), EventBus::new());

    telemetry.run(|| {
        let request = Generation::new("openai", "gpt-4o").input("What shall I drink?");
        let answer: anyhow::Result<()> = Context::generation_blocking(request, |call| {
            call.set_usage(Usage::new().input(7).output(3));
            call.set_cost(Cost::usd(0.25));
            anyhow::bail!("tired")
        });
        assert!(answer.is_err());
    });
    open.flush(MINUTE).unwrap();

    let lines = lines(&place.file());
    assert_eq!(
        (&lines[0]["status"], &lines[0]["level"]),
        (&"error".into(), &"ERROR".into())
    );
    let attributes = &lines[0]["attributes"];
    assert_eq!(attributes[key::INPUT], "What shall I drink?");
    assert_eq!(
        attributes[key::USAGE],
        serde_json::json!({"input": 7, "output": 3})
    );
    assert_eq!(attributes[key::COST], 0.25);
    assert_eq!(
        open.stats().to_string(),
        "1 lines written, 0 waiting, 0 refused by the disk, 0 dropped"
    );
}

#[test]
fn a_full_file_is_renamed_and_the_newest_are_kept() {
    let place = Place::new();
    let bus = EventBus::new();
    let open = JsonLines::builder(place.file())
        .max_bytes(1_000)
        .keep(2)
        .open()
        .unwrap();
    let guard = open.attach(&bus);

    for number in 0..100 {
        bus.event("cup.filled", attributes! { "number" => number });
    }
    guard.flush(MINUTE).unwrap();
    let stats = guard.stats();
    drop(guard);

    let older = |number| place.0.join(format!("run.jsonl.{number}"));
    assert!(stats.rotations >= 3 && !older(3).exists());
    let mut kept = Vec::new();
    for path in [older(2), older(1), place.file()] {
        assert!(fs::metadata(&path).unwrap().len() <= 1_000);
        kept.extend(
            lines(&path)
                .iter()
                .map(|line| line["attributes"]["number"].as_u64().unwrap()),
        );
    }
    let first = kept[0];
    assert_eq!(kept, (first..100).collect::<Vec<_>>());
    assert_eq!((stats.written, stats.failed, stats.waiting), (100, 0, 0));
}

#[test]
fn a_file_is_continued_and_a_line_that_a_crash_left_is_ended() {
    let place = Place::new();
    fs::write(place.file(), "{\"whole\":1}\n{\"half").unwrap();
    let bus = EventBus::new();

    let guard = JsonLines::builder(place.file())
        .fsync(true)
        .open()
        .unwrap()
        .attach(&bus);
    bus.event("cup.filled", attributes! {});
    drop(guard);

    let text = fs::read_to_string(place.file()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[1]), (3, "{\"half"));
    assert!(serde_json::from_str::<Value>(lines[2]).is_ok());
}

#[test]
fn what_there_is_no_room_for_is_dropped_and_counted_and_nobody_waits() {
    let place = Place::new();
    let bus = EventBus::new();
    let guard = JsonLines::builder(place.file())
        .queue_bytes(0)
        .open()
        .unwrap()
        .attach(&bus);

    bus.event("cup.filled", attributes! {});

    let stats = guard.stats();
    assert_eq!((stats.dropped, stats.written, stats.waiting), (1, 0, 0));
}

#[test]
fn a_sink_that_outlives_the_guard_counts_what_it_is_given() {
    let place = Place::new();
    let open = JsonLines::builder(place.file()).open().unwrap();
    let sink = open.sink();
    let telemetry = Telemetry::scoped(Arc::new(sink.clone()), EventBus::new());

    drop(open);
    telemetry.run(|| Context::with_span("late", |_| ()));

    assert!(format!("{sink:?}").contains("dropped: 1"));
    assert!(lines(&place.file()).is_empty());
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_that_names_it() {
    let place = Place::new();
    let path = place.0.join("missing").join("run.jsonl");

    let error = JsonLines::builder(&path).open().unwrap_err();

    assert!(matches!(error, JsonLinesError::Open { .. }));
    assert!(error.to_string().contains("missing"));
}

/// A device that opens and takes nothing.
#[cfg(target_os = "linux")]
#[test]
fn what_the_disk_refuses_is_counted_with_its_error_and_the_writer_goes_on() {
    let bus = EventBus::new();
    let guard = JsonLines::builder("/dev/full").open().unwrap().attach(&bus);

    for _ in 0..2 {
        bus.event("cup.filled", attributes! {});
        guard.flush(MINUTE).unwrap();
    }

    let stats = guard.stats();
    assert_eq!((stats.failed, stats.written, stats.waiting), (2, 0, 0));
    assert!(stats.last_error.unwrap().contains("No space left"));
}

/// The directory goes away under the writer, and comes back.
#[cfg(unix)]
#[test]
fn a_rotation_that_fails_loses_no_line() {
    let place = Place::new();
    let bus = EventBus::new();
    let folder = place.0.join("logs");
    fs::create_dir(&folder).unwrap();
    let open = JsonLines::builder(folder.join("run.jsonl"))
        .max_bytes(300)
        .open()
        .unwrap();
    let guard = open.attach(&bus);
    bus.event("cup.filled", attributes! { "number" => 0 });
    guard.flush(MINUTE).unwrap();

    let moved = place.0.join("moved");
    fs::rename(&folder, &moved).unwrap();
    for number in 1..4 {
        bus.event("cup.filled", attributes! { "number" => number });
        guard.flush(MINUTE).unwrap();
    }

    let stats = guard.stats();
    assert_eq!((stats.written, stats.failed, stats.rotations), (4, 0, 0));
    assert!(stats.last_error.is_some());
    assert_eq!(lines(&moved.join("run.jsonl")).len(), 4);
}
