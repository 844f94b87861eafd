//! Shapes of made-up traces, and of arbitrary ones against a slow and plain computation.

use proptest::prelude::*;

use super::*;
use o11y_core::{SpanId, TraceId};

fn id(number: u8) -> SpanId {
    SpanId::from_bytes([number; 8]).unwrap()
}

/// Of milliseconds.
fn span(number: u8, parent: u8, name: &str, start: u64, end: u64) -> Seen {
    Seen {
        id: id(number),
        parent: (parent > 0).then(|| id(parent)),
        start: start * 1_000_000,
        end: end * 1_000_000,
        name: name.into(),
        observation: ObservationType::Span,
        failed: false,
        is_local_root: false,
    }
}

fn failed(span: Seen) -> Seen {
    Seen {
        failed: true,
        ..span
    }
}

fn insight(spans: Vec<Seen>) -> TraceInsight {
    let is_complete = spans.last().is_some_and(|span| span.parent.is_none());
    TraceInsight::of(&Gone {
        id: TraceId::from_bytes([1; 16]).unwrap(),
        spans,
        left_out: 0,
        is_complete,
    })
}

fn of<'a>(insight: &'a TraceInsight, name: &str) -> &'a SpanInsight {
    insight.spans.iter().find(|span| span.name == name).unwrap()
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn the_critical_path_goes_through_what_ended_last() {
    let insight = insight(vec![
        span(2, 1, "quick", 10, 40),
        span(3, 1, "slow", 10, 70),
        span(5, 4, "deep", 80, 90),
        span(4, 1, "after", 75, 95),
        span(1, 0, "root", 0, 100),
    ]);

    let path: Vec<_> = insight
        .critical_path()
        .map(|span| (&*span.name, span.critical_time))
        .collect();

    let expected = [
        ("root", ms(20)),
        ("slow", ms(60)),
        ("after", ms(10)),
        ("deep", ms(10)),
    ];
    assert_eq!(path, expected);
    assert_eq!(insight.bottleneck().map(|span| &*span.name), Some("slow"));
    assert_eq!(of(&insight, "root").self_time, ms(20));
    assert!(!of(&insight, "quick").is_critical);
    assert_eq!(insight.peak_concurrency, 2);
}

#[test]
fn a_tree_is_printed_with_its_times() {
    let insight = insight(vec![
        failed(span(2, 1, "search", 10, 40)),
        span(3, 1, "search", 40, 60),
        span(1, 0, "answer", 0, 100),
    ]);

    assert_eq!(
        insight.to_string(),
        "answer: 100 ms in 3 spans, 1 at once, 1 failed; 50.0 % of it in answer itself\n\
         span                 start     took     self  critical\n\
         answer                 0 s   100 ms  50.0 ms   50.0 ms\n\
         \x20 search (failed)  10.0 ms  30.0 ms  30.0 ms   30.0 ms\n\
         \x20 search           40.0 ms  20.0 ms  20.0 ms   20.0 ms\n\
         search in answer: 2 attempts, recovered, 30.0 ms wasted\n"
    );
}

#[test]
fn what_fails_to_the_end_is_given_up_and_what_runs_beside_it_is_no_retry() {
    let insight = insight(vec![
        failed(span(2, 1, "search", 0, 10)),
        span(3, 1, "search", 5, 30), // beside the first
        failed(span(4, 1, "search", 12, 20)),
        failed(span(5, 1, "search", 25, 30)),
        failed(span(6, 1, "write", 30, 40)), // once only
        span(1, 0, "root", 0, 100),
    ]);

    let [retry] = &*insight.retries else {
        panic!("{:?}", insight.retries)
    };
    assert_eq!(
        (&*retry.name, retry.attempts, retry.recovered),
        ("search", 3, false)
    );
    assert_eq!(retry.wasted, ms(10 + 8 + 5));
    let sites = insight.call_sites();
    let search = sites.iter().find(|site| site.name == "search").unwrap();
    assert_eq!((search.calls, search.errors, search.retries), (4, 3, 2));
    assert_eq!(search.error_rate(), Some(0.75));
}

#[test]
fn a_child_that_outlives_its_parent_counts_as_long_as_the_parent() {
    let insight = insight(vec![
        span(2, 1, "detached", 50, 500),
        span(1, 0, "root", 0, 100),
    ]);

    assert_eq!(insight.duration, ms(100));
    assert_eq!(of(&insight, "detached").duration, ms(450));
    assert_eq!(of(&insight, "detached").self_time, ms(50));
    assert_eq!(of(&insight, "root").self_time, ms(50));
}

#[test]
fn without_a_root_the_topmost_spans_stand_side_by_side() {
    let insight = insight(vec![
        span(2, 9, "first", 0, 40),
        span(3, 9, "second", 50, 90),
    ]);

    assert!(!insight.is_complete);
    assert_eq!((insight.duration, insight.orphan_spans), (ms(90), 2));
    assert_eq!(insight.spans.iter().map(|span| span.depth).max(), Some(0));
    assert!(
        insight
            .to_string()
            .ends_with("spans without their parent: 2\nits root was not seen\n")
    );
}

fn trace(number: u8) -> TraceId {
    TraceId::from_bytes([number; 16]).unwrap()
}

#[test]
fn the_oldest_trace_makes_room_and_a_silent_one_is_told() {
    let mut open = OpenTraces::new();
    open.max_traces = 2;
    let begin = Instant::now();
    let at = |seconds| begin + Duration::from_secs(seconds);
    let part = || span(2, 1, "part", 0, 1);

    assert!(open.add(trace(1), part(), at(0)).is_empty());
    assert!(open.add(trace(2), part(), at(1)).is_empty());
    assert!(
        open.add(trace(1), span(3, 1, "part", 0, 1), at(2))
            .is_empty()
    );
    let gone = open.add(trace(3), part(), at(3));
    assert_eq!(
        gone.iter()
            .map(|gone| (gone.id, gone.is_complete))
            .collect::<Vec<_>>(),
        [(trace(2), false)]
    );

    let gone = open.silent(at(2 + 300));
    assert_eq!(
        gone.iter().map(|gone| gone.id).collect::<Vec<_>>(),
        [trace(1)]
    );
    assert_eq!(open.len(), 1);
}

#[test]
fn the_spans_of_a_trace_and_of_all_are_bounded_and_a_root_is_always_taken() {
    let mut open = OpenTraces::new();
    let now = Instant::now();
    for _ in 0..1_500 {
        assert!(open.add(trace(1), span(2, 1, "part", 0, 1), now).is_empty());
    }
    let gone = open.add(trace(1), span(1, 0, "root", 0, 1), now);
    assert_eq!((gone[0].spans.len(), gone[0].left_out), (1_001, 500));
    assert!(gone[0].is_complete);

    let mut evicted = 0;
    for number in 1..=30 {
        for _ in 0..1_000 {
            evicted += open.add(trace(number), span(2, 1, "part", 0, 1), now).len();
        }
    }
    assert!((10..=30).contains(&evicted), "{evicted}");
}

/// Spans whose parents are among the earlier ones, with times that need not fit.
fn forest() -> impl Strategy<Value = Vec<Seen>> {
    let one = (0..100_u64, 0..100_u64, any::<prop::sample::Index>());
    prop::collection::vec(one, 0..30).prop_map(|drawn| {
        let mut spans = vec![span(1, 0, "root", 10, 90)];
        for (place, (start, length, parent)) in drawn.iter().enumerate() {
            let parent = 1 + u8::try_from(parent.index(place + 1)).unwrap();
            spans.push(span(
                u8::try_from(place).unwrap() + 2,
                parent,
                "span",
                *start,
                start + length,
            ));
        }
        spans.reverse(); // the root ends last
        spans
    })
}

/// Which spans run at a moment, as clipped by all that is around them.
fn runs(spans: &[Seen], span: &Seen, moment: u64) -> bool {
    let here = span.start <= moment && moment < span.end;
    let parent = span
        .parent
        .map(|parent| spans.iter().find(|other| other.id == parent).unwrap());
    here && parent.is_none_or(|parent| runs(spans, parent, moment))
}

proptest! {
    #[test]
    fn times_on_the_critical_path_add_up_to_the_trace(spans in forest()) {
        let insight = insight(spans);

        let on_path: Duration = insight.spans.iter().map(|span| span.critical_time).sum();
        prop_assert_eq!(on_path, ms(80));
        prop_assert_eq!(insight.duration, ms(80));
        for span in &insight.spans {
            prop_assert!(span.critical_time <= span.self_time && span.self_time <= span.duration);
            prop_assert!(span.is_critical || span.critical_time.is_zero());
        }
    }

    #[test]
    fn self_times_and_concurrency_agree_with_looking_at_every_moment(spans in forest()) {
        let told = insight(spans.clone());

        let mut peak = 0;
        let mut self_time = vec![0; spans.len()];
        for moment in (0..200).map(|moment| moment * 1_000_000) {
            let alone = spans.iter().enumerate().filter(|(_, span)| {
                let children = spans.iter().filter(|child| child.parent == Some(span.id));
                runs(&spans, span, moment) && !children.into_iter().any(|child| runs(&spans, child, moment))
            });
            let alone: Vec<_> = alone.map(|(place, _)| place).collect();
            peak = peak.max(alone.len());
            for place in alone {
                self_time[place] += 1;
            }
        }
        prop_assert_eq!(told.peak_concurrency, peak);
        for (span, milliseconds) in spans.iter().zip(self_time) {
            let told = told.spans.iter().find(|told| told.id == span.id).unwrap();
            prop_assert_eq!(told.self_time, ms(milliseconds));
        }
    }
}
