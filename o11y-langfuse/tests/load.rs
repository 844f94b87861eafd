//! Ten thousand large spans from several threads, none of which waits for the server.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use o11y_core::Context;

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig};

const THREADS: usize = 4;
const ROUNDS: usize = 25;
const SPANS: usize = 100;
const BYTES: usize = 50_000;

#[test]
fn ten_thousand_spans_of_50_kb_arrive_in_bounded_memory() {
    let rig = Rig::new(|builder| builder);
    let text: Arc<str> = "a flat white. ".repeat(BYTES / 14).into();
    let mut longest = Duration::ZERO;

    for _ in 0..ROUNDS {
        let slowest = thread::scope(|scope| {
            let threads = [(); THREADS].map(|()| scope.spawn(|| spans_of(&text)));
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .max()
        });
        longest = longest.max(slowest.unwrap_or_default());
        rig.telemetry.flush(LONG).unwrap();
        assert!(
            rig.receiver
                .observations()
                .iter()
                .all(|one| { one.input.as_ref().is_some_and(|input| **input == *text) })
        );
        rig.receiver.clear();
    }

    let stats = rig.telemetry.stats();
    let count = (THREADS * ROUNDS * SPANS) as u64;
    assert!(stats.is_balanced(), "{stats}");
    assert_eq!((stats.accepted, stats.delivered), (count, count), "{stats}");
    assert!(stats.most_waiting_bytes <= 64 << 20, "{stats}");
    assert!(stats.bytes_before_gzip > count * BYTES as u64 * 9 / 10);
    assert!(
        longest < Duration::from_secs(1),
        "a span took its caller {longest:?}"
    );
}

/// The longest time that one of them took its caller.
fn spans_of(text: &Arc<str>) -> Duration {
    let one = |_| {
        let begin = Instant::now();
        Context::with_span("large", |span| span.set_input(Arc::clone(text)));
        begin.elapsed()
    };
    (0..SPANS).map(one).max().unwrap_or_default()
}
