//! Ten thousand large spans from several threads, none of which waits for the server.

use std::{sync::Arc, thread};

use o11y_core::Context;
use o11y_langfuse::local::Fault;

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

    for _ in 0..ROUNDS {
        rig.receiver.script([Fault::Stall]);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| spans_of(&text));
            }
        });
        assert_eq!(
            rig.receiver.observation_count(),
            0,
            "a span made its caller wait for the server"
        );
        rig.receiver.release();
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
}

fn spans_of(text: &Arc<str>) {
    for _ in 0..SPANS {
        Context::with_span("large", |span| span.set_input(Arc::clone(text)));
    }
}
