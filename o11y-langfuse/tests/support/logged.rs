//! Everything that is logged in this process, at every level.
#![expect(clippy::unwrap_used, reason = "only tests use it")]

use std::sync::Mutex;

struct Logged(Mutex<String>);

static LOGGED: Logged = Logged(Mutex::new(String::new()));

impl log::Log for Logged {
    fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{record:?} {}\n", record.args());
        self.0.lock().unwrap().push_str(&line);
    }

    fn flush(&self) {}
}

/// Keeps what is logged from now on; once in a process.
pub(crate) fn listen() {
    log::set_logger(&LOGGED).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
}

/// What was logged so far.
pub(crate) fn text() -> String {
    LOGGED.0.lock().unwrap().clone()
}
