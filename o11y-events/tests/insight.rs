//! Trace insight of real spans: what is told, kept, late, and of traces whose root is elsewhere.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use o11y_core::{
    Context, Ended, EventBus, FanOut, FlushError, Sink, SpanSpec, Telemetry, attributes, event,
};
use o11y_events::TraceInsights;

fn insights(insights: TraceInsights) -> (Arc<TraceInsights>, Telemetry) {
    let insights = Arc::new(insights);
    let telemetry = Telemetry::scoped(insights.clone(), EventBus::new());
    (insights, telemetry)
}

#[test]
fn a_trace_is_told_when_its_root_ends() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let (insights, telemetry) = insights(TraceInsights::new().on_trace(move |insight| {
        heard.lock().unwrap().push(insight.clone());
    }));

    telemetry.run(|| {
        Context::with_span("answer", |_| {
            event("cup.filled", attributes! {}); // a moment, no span
            for attempt in 0..3 {
                let call =
                    Context::try_with_span(
                        "ask",
                        |_| if attempt < 2 { Err("busy") } else { Ok(()) },
                    );
                assert_eq!(call.is_ok(), attempt == 2);
            }
            assert!(told.lock().unwrap().is_empty());
        });
    });

    let latest = insights.latest();
    assert_eq!(*told.lock().unwrap(), latest);
    let [insight] = &*latest else {
        panic!("{latest:?}")
    };
    let names: Vec<_> = insight
        .spans
        .iter()
        .map(|span| (&*span.name, span.depth))
        .collect();
    assert_eq!(names, [("answer", 0), ("ask", 1), ("ask", 1), ("ask", 1)]);
    assert_eq!(
        (
            insight.errors(),
            insight.peak_concurrency,
            insight.is_complete
        ),
        (2, 1, true)
    );
    let [retry] = &*insight.retries else {
        panic!("{insight:?}")
    };
    assert_eq!(
        (retry.attempts, retry.recovered, &*retry.parent),
        (3, true, "answer")
    );
    assert_eq!(insight.spans[0].duration, insight.duration);
    let on_path: Duration = insight.critical_path().map(|span| span.critical_time).sum();
    assert_eq!(on_path, insight.duration);
}

#[test]
fn call_sites_add_up_over_traces() {
    let (insights, telemetry) = insights(TraceInsights::new().keep(2));

    telemetry.run(|| {
        for _ in 0..5 {
            Context::with_span("answer", |_| {
                let failed = Context::try_with_span("ask", |_| Err::<(), _>("busy"));
                assert!(failed.is_err());
            });
        }
    });

    assert_eq!(insights.latest().len(), 2);
    let sites = insights.call_sites();
    let ask = sites.iter().find(|site| site.name == "ask").unwrap();
    assert_eq!((ask.calls, ask.errors, ask.error_rate()), (5, 5, Some(1.0)));
    assert_eq!(ask.duration.count(), 5);
    assert_eq!(insights.stats().complete, 5);
    assert!(insights.to_string().starts_with("call site  calls"));
}

#[test]
fn a_span_that_ends_after_its_root_is_counted_and_begins_no_trace() {
    let (insights, telemetry) = insights(TraceInsights::new());

    telemetry.run(|| {
        let late = Context::with_span("answer", |_| Context::start_span("detached"));
        drop(late);
    });

    let latest = insights.latest();
    assert_eq!((latest[0].spans.len(), latest[0].late_spans), (1, 1));
    assert_eq!((insights.stats().late_spans, insights.stats().open), (1, 0));
    assert!(latest[0].to_string().ends_with("spans too late: 1\n"));
}

const ELSEWHERE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn each_part_of_a_trace_from_another_process_is_told_for_itself() {
    let (insights, telemetry) = insights(TraceInsights::new());

    telemetry.run(|| {
        let remote = Context::from_traceparent(ELSEWHERE).unwrap();
        let serve = |name: &'static str, inside: &dyn Fn()| {
            remote.run(|| {
                Context::with_span(name, |_| {
                    Context::with_span("ask", |_| Context::with_span("deep", |_| inside()));
                });
            });
        };
        serve("first", &|| serve("within", &|| ()));
        serve("second", &|| ());
    });

    let told = insights.latest();
    let told: Vec<_> = told
        .iter()
        .map(|it| (&*it.name, it.spans.len(), it.is_complete))
        .collect();
    assert_eq!(
        told,
        [("within", 3, true), ("first", 3, true), ("second", 3, true)]
    );
    let stats = insights.stats();
    assert_eq!((stats.complete, stats.open, stats.late_spans), (3, 0, 0));
}

#[test]
fn a_trace_without_its_root_is_told_when_it_is_silent() {
    let (insights, telemetry) = insights(TraceInsights::new().quiet(Duration::ZERO));

    let latest = telemetry.run(|| {
        Context::with_span("answer", |_| {
            Context::with_span("ask", |_| ());
            insights.latest()
        })
    });

    assert_eq!((latest[0].is_complete, &*latest[0].name), (false, "ask"));
    let stats = insights.stats();
    assert_eq!((stats.incomplete, stats.open, stats.late_spans), (1, 0, 1));
}

#[test]
fn at_most_so_many_traces_are_open() {
    let (insights, telemetry) = insights(TraceInsights::new().open_traces(3).keep(100));

    let roots: Vec<_> = telemetry.run(|| {
        let begin = |_| {
            let mut root = Context::start_span(SpanSpec::new("root"));
            root.context().run(|| Context::with_span("part", |_| ()));
            root
        };
        (0..10).map(begin).collect()
    });

    assert_eq!((insights.stats().open, insights.stats().incomplete), (3, 7));
    drop(roots);
    assert_eq!((insights.stats().open, insights.stats().complete), (0, 3));
    assert_eq!(insights.stats().late_spans, 7);
}

/// An exporter that samples and has something to say of its flush.
#[derive(Default)]
struct Exporter {
    records: Mutex<Vec<String>>,
}

impl Sink for Exporter {
    fn sample_rate(&self) -> f64 {
        0.5
    }

    fn on_end(&self, ended: Ended<'_>) {
        self.records
            .lock()
            .unwrap()
            .push(ended.take().name().to_owned());
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        Err(FlushError::Timeout {
            waiting: 7,
            timeout,
        })
    }
}

#[test]
fn what_stands_behind_it_gets_every_record_and_is_asked_in_its_place() {
    let exporter = Arc::new(Exporter::default());
    let insights = TraceInsights::new().before(exporter.clone());
    let insights = Arc::new(insights.on_trace(|_| panic!("a listener's fault")));

    // Half of the traces are sampled.
    let telemetry = Telemetry::scoped(insights.clone(), EventBus::new());
    telemetry.run(|| (0..200).for_each(|_| Context::with_span("answer", |_| ())));

    let arrived = exporter.records.lock().unwrap().len();
    assert!((1..200).contains(&arrived), "{arrived}");
    assert_eq!(insights.stats().complete, arrived as u64);
    assert!(matches!(
        insights.flush(Duration::ZERO),
        Err(FlushError::Timeout { waiting: 7, .. })
    ));
}

#[test]
fn it_stands_beside_an_exporter() {
    let (first, second) = (
        Arc::new(TraceInsights::new()),
        Arc::new(TraceInsights::new()),
    );
    let both = FanOut::new([first.clone() as Arc<dyn Sink>, second.clone()]);
    let telemetry = Telemetry::scoped(Arc::new(both), EventBus::new());

    telemetry.run(|| Context::with_span("answer", |_| ()));

    assert_eq!((first.latest().len(), second.latest().len()), (1, 1));
}
