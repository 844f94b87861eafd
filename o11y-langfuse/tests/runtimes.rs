//! Flushes, shutdowns and drops under every kind of runtime and under none, also where the server
//! runs on the very thread that asks.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as Task, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use o11y_core::{Context, EventBus, FlushError};
use o11y_langfuse::{Langfuse, Telemetry, local::Receiver};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Handle, Runtime},
    task,
};

/// More than anything here takes: reaching it is a failure, not a measurement.
const LONG: Duration = Duration::from_secs(20);

/// A time that a flush is to give up after.
const SHORT: Duration = Duration::from_millis(150);

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn one_worker() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

/// An exporter to that address that sends on flush only.
fn telemetry(host: &str) -> Telemetry {
    let builder = Langfuse::builder()
        .public_key("pk-lf-local")
        .secret_key("sk-lf-local")
        .host(host)
        .export_interval(Duration::ZERO)
        .shutdown_timeout(LONG);
    builder.spawn_scoped().unwrap()
}

fn make(telemetry: &Telemetry, count: usize) {
    telemetry.scope(&EventBus::new()).run(|| {
        for _ in 0..count {
            Context::with_span("span", |_span| ());
        }
    });
}

#[track_caller]
fn assert_delivered(telemetry: &Telemetry, count: u64) {
    let stats = telemetry.stats();
    assert!(stats.is_balanced(), "{stats}");
    assert_eq!((stats.accepted, stats.delivered), (count, count), "{stats}");
}

/// A server that lives in tasks of the runtime that it is started on.
struct Tasks {
    host: String,
    requests: Arc<AtomicUsize>,
}

impl Tasks {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        task::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                task::spawn(serve(stream, Arc::clone(&count)));
            }
        });
        Self { host, requests }
    }
}

/// Answers every request on a connection with 200.
async fn serve(mut stream: TcpStream, requests: Arc<AtomicUsize>) {
    let mut read = Vec::new();
    while stream
        .read_buf(&mut read)
        .await
        .is_ok_and(|bytes| bytes > 0)
    {
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if read.len() >= end + 4 + length {
            read.drain(..end + 4 + length);
            requests.fetch_add(1, Ordering::Relaxed);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(answer).await.unwrap();
        }
    }
}

#[test]
fn a_blocking_flush_on_the_servers_own_thread_ends_at_its_deadline_and_loses_nothing() {
    current_thread().block_on(async {
        let server = Tasks::start().await;
        let telemetry = telemetry(&server.host);
        make(&telemetry, 3);

        let start = Instant::now();
        let flushed = telemetry.flush(SHORT);
        let took = start.elapsed();

        let Err(FlushError::Timeout { waiting: 3, .. }) = flushed else {
            panic!("{flushed:?}");
        };
        assert!(
            took >= SHORT && took < SHORT + Duration::from_secs(2),
            "{took:?}"
        );
        assert_eq!(telemetry.stats().lost.total(), 0);
        // The request is under way all the time: it is answered as soon as the thread is free.
        telemetry.flush_async(LONG).await.unwrap();
        assert_delivered(&telemetry, 3);
        assert_eq!(telemetry.stats().retries, 0);
        assert_eq!(server.requests.load(Ordering::Relaxed), 1);
        telemetry.shutdown(LONG).unwrap();
    });
}

#[test]
fn an_asynchronous_flush_lets_a_server_on_its_own_thread_answer() {
    current_thread().block_on(async {
        let server = Tasks::start().await;
        let telemetry = telemetry(&server.host);
        make(&telemetry, 3);

        telemetry.flush_async(LONG).await.unwrap();

        assert_delivered(&telemetry, 3);
    });
}

#[test]
fn an_asynchronous_flush_in_a_task_leaves_the_only_worker_to_the_server() {
    let runtime = one_worker();
    let flushing = runtime.spawn(async {
        let server = Tasks::start().await;
        let telemetry = telemetry(&server.host);
        make(&telemetry, 3);
        telemetry.flush_async(LONG).await.unwrap();
        telemetry
    });

    let telemetry = runtime.block_on(flushing).unwrap();

    assert_delivered(&telemetry, 3);
}

#[test]
fn a_blocking_flush_in_the_only_worker_ends_at_its_deadline_and_loses_nothing() {
    let runtime = one_worker();
    let flushing = runtime.spawn(async {
        let server = Tasks::start().await;
        let telemetry = telemetry(&server.host);
        make(&telemetry, 3);
        let flushed = telemetry.flush(SHORT);
        let then = telemetry.flush_async(LONG).await;
        (flushed, then, telemetry)
    });

    let (flushed, then, telemetry) = runtime.block_on(flushing).unwrap();

    assert!(
        matches!(flushed, Err(FlushError::Timeout { waiting: 3, .. })),
        "{flushed:?}"
    );
    then.unwrap();
    assert_delivered(&telemetry, 3);
}

#[test]
fn both_flushes_work_where_blocking_is_allowed() {
    current_thread().block_on(async {
        let server = Tasks::start().await;
        let telemetry = telemetry(&server.host);
        let blocking = task::spawn_blocking(move || {
            make(&telemetry, 2);
            telemetry.flush(LONG).unwrap();
            make(&telemetry, 3);
            let flush = telemetry.flush_async(LONG);
            Handle::current().block_on(flush).unwrap();
            telemetry
        });

        let telemetry = blocking.await.unwrap();

        assert_delivered(&telemetry, 5);
    });
}

#[test]
fn a_drop_in_async_code_delivers_what_waits() {
    for runtime in [current_thread(), one_worker()] {
        let receiver = Receiver::start().unwrap();
        let telemetry = telemetry(&receiver.base_url());
        make(&telemetry, 3);

        runtime.block_on(async move {
            task::spawn(async move { drop(telemetry) }).await.unwrap();
        });

        assert_eq!(receiver.observation_count(), 3);
    }
}

#[test]
fn a_drop_on_the_servers_own_thread_takes_no_longer_than_its_grace() {
    current_thread().block_on(async {
        let server = Tasks::start().await;
        let builder = Langfuse::builder()
            .public_key("pk-lf-local")
            .secret_key("sk-lf-local")
            .host(&server.host)
            .shutdown_timeout(SHORT);
        let telemetry = builder.spawn_scoped().unwrap();
        make(&telemetry, 3);

        let start = Instant::now();
        drop(telemetry);
        let took = start.elapsed();

        assert!(took < SHORT + Duration::from_secs(2), "{took:?}");
    });
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn without_any_runtime_a_flush_is_a_future_like_any_other() {
    let receiver = Receiver::start().unwrap();
    let telemetry = telemetry(&receiver.base_url());
    make(&telemetry, 3);

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut flush = pin!(telemetry.flush_async(LONG));
    let flushed = loop {
        match flush.as_mut().poll(&mut Task::from_waker(&waker)) {
            Poll::Ready(flushed) => break flushed,
            Poll::Pending => thread::park(),
        }
    };

    flushed.unwrap();
    assert_delivered(&telemetry, 3);
}
