//! What reading and writing a trace's headers takes from the heap.

use std::{borrow::Cow, fmt::Write as _};

use allocation_counter::measure;
use o11y_core::{Context, Extractor, Injector, Propagation, TraceParent};

const POINT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Headers that are lent, as those of a server are.
struct Lent(&'static [(&'static str, &'static str)]);

impl Extractor for Lent {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| Cow::Borrowed(*value))
    }
}

/// Headers that nobody keeps.
struct Lost;

impl Injector for Lost {
    fn set(&mut self, _name: &str, value: String) {
        drop(value);
    }
}

/// How often `f` asks for memory, after a first time in which what is made once is made.
fn allocations<R>(mut f: impl FnMut() -> R) -> u64 {
    drop(f());
    measure(|| drop(f())).count_total
}

#[test]
fn a_point_is_read_and_refused_and_written_without_the_heap() {
    let parent: TraceParent = POINT.parse().unwrap();
    let mut text = String::with_capacity(POINT.len());

    assert_eq!(allocations(|| POINT.parse::<TraceParent>()), 0);
    for wrong in [
        "",
        "00-0af7651916cd43dd",
        &POINT.to_uppercase(),
        &POINT.replace('b', "é"),
    ] {
        let refused = || wrong.parse::<TraceParent>().unwrap_err();
        assert_eq!(allocations(refused), 0, "{wrong}");
    }
    let write = || {
        text.clear();
        write!(text, "{parent}").unwrap();
    };
    assert_eq!(allocations(write), 0);
    assert_eq!(text, POINT);
}

#[test]
fn a_caller_is_taken_up_without_the_heap_and_handed_on_with_one_text_a_header() {
    let caller = Lent(&[("traceparent", POINT)]);
    let with_refused_state = Lent(&[("traceparent", POINT), ("tracestate", "UPPER=1")]);
    let context = Context::extract(&caller);

    assert_eq!(allocations(|| Context::extract(&caller)), 0);
    assert_eq!(allocations(|| Context::extract(&with_refused_state)), 0);
    assert_eq!(
        allocations(|| Propagation::new().baggage(true).extract(&caller)),
        0
    );
    assert_eq!(allocations(|| context.inject(&mut Lost)), 1);
}

#[test]
fn of_state_and_baggage_only_what_is_kept_is_copied() {
    let state = Lent(&[("traceparent", POINT), ("tracestate", "foo=1,bar=2")]);
    let strangers = Lent(&[("traceparent", POINT), ("baggage", "tenant=7")]);

    // The text, what came with the call, and the scope that shares it.
    assert_eq!(allocations(|| Context::extract(&state)), 3);
    // Baggage that is switched off is not looked at.
    assert_eq!(allocations(|| Context::extract(&strangers)), 0);
}
