//! A corpus of answers, byte for byte, from a server of our own: each has its outcome, none panics or
//! holds anybody up, and none leads anywhere else.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use o11y_core::{Context, EventBus};
use o11y_langfuse::{Langfuse, LossReason, Stats};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/answers");

/// More than anything here takes: reaching it is a failure, not a measurement.
const LONG: Duration = Duration::from_secs(20);

const HEALTHY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// What becomes of a span whose first request is answered so, and any later one well; and how many
/// were answered.
fn outcome(first: &[u8]) -> (Stats, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let telemetry = Langfuse::builder()
        .public_key("pk")
        .secret_key("sk")
        .host(host)
        .export_interval(Duration::ZERO)
        .spawn_scoped()
        .unwrap();
    let scope = telemetry.scope(&EventBus::new());

    let answered = thread::scope(|threads| {
        let serving = threads.spawn(|| {
            let mut answered = u64::from(answer(&listener, first));
            while answer(&listener, HEALTHY) {
                answered += 1;
            }
            answered
        });
        scope.run(|| Context::with_span("span", |_span| ()));
        // A loss is the outcome of some.
        let _flushed = telemetry.flush(LONG);
        TcpStream::connect(listener.local_addr().unwrap()).unwrap(); // says nothing: the end
        serving.join().unwrap()
    });
    let stats = telemetry.stats();
    assert!(stats.is_balanced() && stats.waiting == 0, "{stats}");
    (stats, answered)
}

/// Reads one request and answers it, on a connection of its own; false if there is none.
fn answer(listener: &TcpListener, answer: &[u8]) -> bool {
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    let mut piece = [0; 4_096];
    while !is_complete(&request) {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return false,
            Ok(length) => request.extend_from_slice(&piece[..length]),
        }
    }
    // Whoever has read enough may close before all of it is written.
    let _written = stream.write_all(answer);
    let _closed = stream.shutdown(Shutdown::Write);
    true
}

fn is_complete(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    let length = head.split("content-length:").nth(1).unwrap();
    let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
    request.len() >= end + 4 + length
}

#[test]
fn every_answer_of_the_corpus_has_its_outcome() {
    let mut files: Vec<_> = fs::read_dir(Path::new(CORPUS)).unwrap().collect();
    assert!(files.len() > 30, "{}", files.len());

    thread::scope(|threads| {
        while let Some(Ok(file)) = files.pop() {
            threads.spawn(move || {
                let name = file.file_name().into_string().unwrap();
                let start = Instant::now();
                let (stats, answered) = outcome(&fs::read(file.path()).unwrap());

                let lost = |reason| stats.lost.get(reason) == 1 && stats.requests == 1;
                let is_right = match name.split_once('-').unwrap().0 {
                    "delivered" => stats.delivered == 1 && stats.requests == 1,
                    // One more may have gone to a connection that was just being closed.
                    "again" => stats.delivered == 1 && answered == 2,
                    "rejected" => lost(LossReason::Rejected),
                    "unauthorized" => lost(LossReason::Unauthorized),
                    other => panic!("{other}"),
                };
                assert!(is_right, "{name}: {stats}");
                // A request that is held up takes its ten seconds.
                assert!(start.elapsed() < LONG / 2, "{name}: {:?}", start.elapsed());
            });
        }
    });
}
