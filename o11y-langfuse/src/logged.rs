//! The log for unit tests: what each thread wrote into it.

use std::{
    sync::{Mutex, Once, PoisonError},
    thread::{self, ThreadId},
};

/// Keeps lines apart by thread, so that tests do not see each other's.
struct ByThread(Mutex<Vec<(ThreadId, String)>>);

static LOGGER: ByThread = ByThread(Mutex::new(Vec::new()));

impl log::Log for ByThread {
    fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("o11y_langfuse") {
            let line = format!("{} {}", record.level(), record.args());
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push((thread::current().id(), line));
        }
    }

    fn flush(&self) {}
}

/// Writes down what is logged from now on.
pub(crate) fn listen() {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| {
        log::set_logger(&LOGGER).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// Takes what the thread has logged since the last time.
pub(crate) fn logged_by(thread: ThreadId) -> Vec<String> {
    let mut lines = LOGGER.0.lock().unwrap_or_else(PoisonError::into_inner);
    let of_thread = lines.extract_if(.., |(of, _)| *of == thread);
    of_thread.map(|(_, line)| line).collect()
}
