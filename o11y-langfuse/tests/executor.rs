//! Any destination behind a queue and a thread of its own: nothing is overtaken, nobody is broken by
//! another, and every start and end is accounted for.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::{
    collections::HashSet,
    panic::resume_unwind,
    sync::{
        Arc, Barrier, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use o11y_core::{
    Context, EventBus, FanOut, FlushError, Record, Sink, SpanId, SpanSpec, Telemetry, Value,
};
use o11y_langfuse::{ConfigError, Executor, ExecutorBuilder, LossReason, ProcessError, Processor};

const LONG: Duration = Duration::from_secs(20);

/// Everything that a processor was given.
#[derive(Clone, Default)]
struct Memory {
    given: Arc<Mutex<Vec<(char, Record)>>>,
}

impl Memory {
    fn names(&self) -> Vec<String> {
        let given = self.given.lock().unwrap();
        let name = |(sign, record): &(char, Record)| format!("{sign}{}", record.name());
        given.iter().map(name).collect()
    }

    fn note(&self, sign: char, spans: &[Record]) {
        let given = spans.iter().map(|span| (sign, span.clone()));
        self.given.lock().unwrap().extend(given);
    }
}

/// Wants starts and ends, and keeps them.
struct Pairs(Memory);

impl Processor for Pairs {
    fn name(&self) -> &'static str {
        "pairs"
    }

    fn wants_starts(&self) -> bool {
        true
    }

    fn on_spans_start(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        self.0.note('+', spans);
        Ok(())
    }

    fn on_spans_end(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        self.0.note('-', spans);
        Ok(())
    }
}

/// Wants ends alone.
struct Ends(Memory);

impl Processor for Ends {
    fn on_spans_end(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        self.0.note('-', spans);
        Ok(())
    }
}

/// Does as it is told.
struct By<F>(F);

impl<F: FnMut(&[Record]) -> Result<(), ProcessError> + Send + 'static> Processor for By<F> {
    fn name(&self) -> &'static str {
        "told"
    }

    fn on_spans_end(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        (self.0)(spans)
    }
}

/// Says that it was called, and returns when it may.
fn hanging() -> (impl Processor, Receiver<()>, Sender<()>) {
    let (called, is_called) = channel();
    let (go_on, may_go_on) = channel::<()>();
    let processor = By(move |_: &[Record]| {
        _ = called.send(());
        _ = may_go_on.recv();
        Ok(())
    });
    (processor, is_called, go_on)
}

fn immediate() -> ExecutorBuilder {
    Executor::builder().linger(Duration::ZERO)
}

/// Runs `f` so that its spans go to the executor.
fn record(executor: &Executor, f: impl FnOnce()) {
    Telemetry::scoped(executor.sink(), EventBus::new()).run(f);
}

fn make(executor: &Executor, spans: usize) {
    record(executor, || {
        (0..spans).for_each(|_| Context::with_span("span", |_span| ()));
    });
}

#[test]
fn of_many_threads_each_keeps_its_order_and_no_end_overtakes_its_start() {
    const THREADS: usize = 8;
    const SPANS: usize = 200;
    let memory = Memory::default();
    let executor = Executor::builder()
        .processor(Pairs(memory.clone()))
        .batch_size(7)
        .spawn()
        .unwrap();

    thread::scope(|scope| {
        for thread in 0..THREADS {
            let executor = &executor;
            scope.spawn(move || {
                record(executor, || {
                    for number in 0..SPANS {
                        let spec = SpanSpec::new("span")
                            .attribute("thread", thread)
                            .attribute("number", number);
                        Context::with_span(spec, |_span| ());
                    }
                });
            });
        }
    });
    executor.flush(LONG).unwrap();

    let given = memory.given.lock().unwrap();
    assert_eq!(given.len(), 2 * THREADS * SPANS);
    let mut open = HashSet::<SpanId>::new();
    let mut next = [[0; THREADS]; 2];
    for (sign, record) in &*given {
        let number = |key| record.attribute(key).and_then(Value::as_u64).unwrap();
        let thread = usize::try_from(number("thread")).unwrap();
        let is_end = *sign == '-';
        assert_eq!(number("number"), next[usize::from(is_end)][thread]);
        next[usize::from(is_end)][thread] += 1;
        let is_new = open.insert(record.span_id());
        assert_eq!(is_new, !is_end, "an end comes after its start");
    }
    let stats = executor.stats();
    assert!(stats.is_balanced(), "{stats}");
    assert_eq!(stats.processors[0].processed, given.len() as u64);
}

#[test]
fn an_end_carries_what_changed_after_the_start() {
    let memory = Memory::default();
    let executor = Executor::builder()
        .processor(Pairs(memory.clone()))
        .spawn()
        .unwrap();

    record(&executor, || {
        Context::with_span(SpanSpec::new("ask").input("a question"), |span| {
            span.set_input("a better question");
            span.set_output("an answer");
        });
    });
    executor.flush(LONG).unwrap();

    let given = memory.given.lock().unwrap();
    let texts = |(_, record): &(char, Record)| {
        let text = |key| {
            record
                .attribute(key)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        [text(o11y_core::key::INPUT), text(o11y_core::key::OUTPUT)]
    };
    let texts: Vec<_> = given.iter().map(texts).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts[0], [some("a question"), None]);
    assert_eq!(texts[1], [some("a better question"), some("an answer")]);
}

/// Counts what reaches the sink that it stands before.
struct Counting {
    behind: Arc<dyn Sink>,
    starts: Mutex<u64>,
}

impl Sink for Counting {
    fn wants_starts(&self) -> bool {
        self.behind.wants_starts()
    }

    fn on_start(&self, record: &Record) {
        *self.starts.lock().unwrap() += 1;
        self.behind.on_start(record);
    }

    fn on_end(&self, ended: o11y_core::Ended<'_>) {
        self.behind.on_end(ended);
    }
}

#[test]
fn starts_that_nobody_wants_are_neither_handed_over_nor_copied() {
    for (wants_starts, expected) in [(false, 0), (true, 5)] {
        let memory = Memory::default();
        let builder = Executor::builder().processor(Ends(memory.clone()));
        let builder = if wants_starts {
            builder.processor(Pairs(Memory::default()))
        } else {
            builder
        };
        let executor = builder.spawn().unwrap();
        let sink = Arc::new(Counting {
            behind: executor.sink(),
            starts: Mutex::default(),
        });

        Telemetry::scoped(sink.clone(), EventBus::new()).run(|| {
            (0..5).for_each(|_| Context::with_span("span", |_span| ()));
        });
        executor.flush(LONG).unwrap();

        assert_eq!(*sink.starts.lock().unwrap(), expected);
        assert_eq!(executor.stats().accepted, 5 + expected);
        assert_eq!(executor.stats().processors[0].accepted, 5);
        assert_eq!(memory.names(), ["-span"; 5]);
    }
}

#[test]
fn a_processor_that_fails_or_panics_breaks_no_other() {
    let memory = Memory::default();
    // Nothing is lost before the flush that is to tell of it.
    let executor = Executor::builder()
        .linger(LONG)
        .batch_size(1_000)
        .processor(By(|_: &[Record]| Err(ProcessError::permanent("never"))))
        .processor(By(|_: &[Record]| resume_unwind(Box::new("a panic"))))
        .processor(Ends(memory.clone()))
        .spawn()
        .unwrap();

    make(&executor, 100);
    let flushed = executor.flush(LONG);

    assert!(
        matches!(flushed, Err(FlushError::Lost { lost: 200, .. })),
        "{flushed:?}"
    );
    assert_eq!(memory.names().len(), 100);
    let stats = executor.stats();
    assert!(stats.is_balanced() && stats.restarts == 0, "{stats}");
    for failing in &stats.processors[..2] {
        assert_eq!(failing.lost.get(LossReason::Rejected), 100, "{stats}");
        assert_eq!(failing.processed, 0);
    }
    assert!(stats.processors[0].panics == 0 && stats.processors[1].panics > 0);
    assert_eq!(stats.processors[2].processed, 100);
}

#[test]
fn a_processor_that_was_away_gets_everything_in_order() {
    let memory = Memory::default();
    let kept = memory.clone();
    let mut failures_left = 3;
    let executor = immediate()
        .first_retry_after(Duration::from_millis(1))
        .processor(By(move |spans: &[Record]| {
            if failures_left > 0 {
                failures_left -= 1;
                return Err(ProcessError::retry(None, "away"));
            }
            kept.note('-', spans);
            Ok(())
        }))
        .spawn()
        .unwrap();

    record(&executor, || {
        for name in ["a", "b", "c"] {
            Context::with_span(name, |_span| ());
        }
    });
    executor.flush(LONG).unwrap();

    assert_eq!(memory.names(), ["-a", "-b", "-c"]);
    assert_eq!(executor.stats().processors[0].retries, 3);
}

#[test]
fn handing_over_never_waits_for_a_processor_and_a_full_queue_keeps_the_newest() {
    let (processor, is_called, go_on) = hanging();
    let executor = immediate()
        .queue_size(10)
        .processor(processor)
        .spawn()
        .unwrap();
    make(&executor, 1);
    is_called.recv().unwrap();

    make(&executor, 25); // returns although the processor hangs

    let stats = executor.stats();
    assert_eq!((stats.accepted, stats.waiting), (26, 10), "{stats}");
    assert_eq!(stats.lost.get(LossReason::QueueFull), 15);
    assert_eq!(stats.remaining(), 11);
    drop(go_on);
    assert!(executor.shutdown(LONG).is_ok());
    assert!(executor.stats().is_balanced());
    assert_eq!(executor.stats().processors[0].processed, 11);
}

#[test]
fn a_shutdown_keeps_its_deadline_before_a_processor_that_hangs_and_says_what_remains() {
    let (processor, is_called, go_on) = hanging();
    let memory = Memory::default();
    let executor = immediate()
        .processor(processor)
        .processor(Ends(memory.clone()))
        .spawn()
        .unwrap();
    make(&executor, 1);
    is_called.recv().unwrap();
    make(&executor, 5);

    let timed_out = executor.flush(Duration::from_millis(5));
    let start = Instant::now();
    let ended = executor.shutdown(Duration::from_millis(30));

    assert!(
        matches!(timed_out, Err(FlushError::Timeout { waiting: 6, .. })),
        "{timed_out:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
    // Five in the queue, and one that each of the two processors still had before it.
    assert!(
        matches!(ended, Err(FlushError::Lost { lost: 7, .. })),
        "{ended:?}"
    );
    let stats = executor.stats();
    assert!(stats.is_balanced() && stats.remaining() == 0, "{stats}");
    assert_eq!(stats.lost.get(LossReason::ShutdownDeadline), 5);

    // It has taken the span after all, but what was reported stays as it was.
    drop(go_on);
    make(&executor, 1);
    let later = executor.stats();
    assert_eq!(later.processors, stats.processors);
    assert_eq!(later.lost.get(LossReason::AfterShutdown), 1);
    assert!(later.is_balanced(), "{later}");
}

#[test]
fn threads_that_hand_over_during_the_end_lose_nothing_uncounted() {
    for _ in 0..20 {
        let executor = immediate()
            .processor(Pairs(Memory::default()))
            .spawn()
            .unwrap();
        let barrier = Barrier::new(5);

        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    make(&executor, 50);
                });
            }
            barrier.wait();
            executor.shutdown(LONG).unwrap_or(());
        });

        let stats = executor.stats();
        assert!(stats.is_balanced() && stats.remaining() == 0, "{stats}");
        assert_eq!(stats.accepted, 400, "{stats}");
    }
}

/// Tells when it flushes, ends and is dropped.
struct Ending(Arc<Mutex<Vec<&'static str>>>);

impl Ending {
    fn tell(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }
}

impl Processor for Ending {
    fn on_spans_end(&mut self, _spans: &[Record]) -> Result<(), ProcessError> {
        self.tell("ends");
        Ok(())
    }

    fn flush(&mut self, _timeout: Duration) -> Result<(), ProcessError> {
        self.tell("flush");
        Err(ProcessError::permanent("the disk is full"))
    }

    fn shutdown(&mut self, _timeout: Duration) -> Result<(), ProcessError> {
        self.tell("shutdown");
        resume_unwind(Box::new("a processor panics at its end"))
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.tell("drop");
    }
}

#[test]
fn a_processor_flushes_after_its_spans_and_ends_once_and_whoever_asked_is_told_of_failures() {
    let told = Arc::default();
    let executor = Executor::builder()
        .processor(Ending(Arc::clone(&told)))
        .spawn()
        .unwrap();
    make(&executor, 1);

    let flushed = executor.flush(LONG).expect_err("the disk is full");
    let ended = executor.shutdown(LONG);
    let again = executor.shutdown(LONG);

    let cause = std::error::Error::source(&flushed).and_then(|error| error.source());
    assert_eq!(cause.unwrap().to_string(), "the disk is full");
    assert!(matches!(ended, Err(FlushError::Sink(_))), "{ended:?}");
    assert!(again.is_ok());
    assert_eq!(*told.lock().unwrap(), ["ends", "flush", "shutdown", "drop"]);
    assert_eq!(executor.stats().processors[0].panics, 1);
}

#[test]
fn dropping_it_delivers_what_waits() {
    let memory = Memory::default();
    let executor = Executor::builder()
        .linger(LONG)
        .processor(Pairs(memory.clone()))
        .spawn()
        .unwrap();
    make(&executor, 2);

    drop(executor);

    assert_eq!(memory.names(), ["+span", "+span", "-span", "-span"]);
}

#[test]
fn what_a_processor_records_itself_does_not_come_back_to_it() {
    let memory = Memory::default();
    let kept = memory.clone();
    let context = Arc::new(Mutex::new(None::<Context>));
    let of_processor = Arc::clone(&context);
    let executor = immediate()
        .processor(By(move |spans: &[Record]| {
            kept.note('-', spans);
            let context = of_processor.lock().unwrap().clone();
            context
                .unwrap()
                .run(|| Context::with_span("upload", |_span| ()));
            Ok(())
        }))
        .spawn()
        .unwrap();

    record(&executor, || {
        *context.lock().unwrap() = Some(Context::current());
        Context::with_span("span", |_span| ());
    });
    executor.flush(LONG).unwrap();

    assert_eq!(executor.stats().accepted, 1);
    assert_eq!(memory.names(), ["-span"]);
}

#[test]
fn a_flush_from_inside_a_processor_is_refused_instead_of_hanging() {
    let sink = Arc::new(Mutex::new(None::<Arc<dyn Sink>>));
    let of_processor = Arc::clone(&sink);
    let (told, outcome) = channel();
    let executor = immediate()
        .processor(By(move |_: &[Record]| {
            let sink = of_processor.lock().unwrap().clone();
            told.send(sink.unwrap().flush(LONG)).unwrap();
            Ok(())
        }))
        .spawn()
        .unwrap();
    *sink.lock().unwrap() = Some(executor.sink());

    make(&executor, 1);

    let outcome = outcome.recv_timeout(LONG).unwrap();
    assert!(matches!(outcome, Err(FlushError::OwnThread)), "{outcome:?}");
}

#[test]
fn executors_side_by_side_do_not_delay_each_other() {
    let (processor, is_called, go_on) = hanging();
    let memory = Memory::default();
    let slow = immediate().processor(processor).spawn().unwrap();
    let fast = immediate().processor(Ends(memory.clone())).spawn().unwrap();
    let both = Arc::new(FanOut::new([slow.sink(), fast.sink()]));

    Telemetry::scoped(both, EventBus::new()).run(|| Context::with_span("span", |_span| ()));
    is_called.recv().unwrap();
    fast.flush(LONG).unwrap();

    assert_eq!(memory.names(), ["-span"]);
    drop(go_on);
    slow.flush(LONG).unwrap();
}

#[test]
fn a_flush_can_be_awaited() {
    let memory = Memory::default();
    let executor = Executor::builder()
        .processor(Ends(memory.clone()))
        .spawn()
        .unwrap();
    make(&executor, 3);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(executor.flush_async(LONG)).unwrap();

    assert_eq!(memory.names().len(), 3);
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let refused = |builder: ExecutorBuilder| match builder.spawn() {
        Err(ConfigError::Invalid { name, .. }) => name.into_owned(),
        Err(ConfigError::Missing { name }) => name.to_owned(),
        other => panic!("{other:?}"),
    };
    let with_one = || Executor::builder().processor(Ends(Memory::default()));

    assert_eq!(refused(Executor::builder()), "processor");
    assert_eq!(refused(with_one().queue_size(0)), "queue_size");
    assert_eq!(refused(with_one().queue_bytes(0)), "queue_bytes");
    assert_eq!(refused(with_one().batch_size(0)), "batch_size");
    assert_eq!(refused(with_one().max_attempts(0)), "max_attempts");
}
