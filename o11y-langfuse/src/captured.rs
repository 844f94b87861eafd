//! Records for unit tests: the only way to have one is to close a span.

use std::{
    cell::RefCell,
    sync::{Arc, Once},
};

use o11y_core::{Ended, Observability, Record, Sink};

/// A sink that keeps records apart by thread, so that tests do not see each other's.
struct OfThisThread;

thread_local! {
    static RECORDS: RefCell<Vec<Record>> = const { RefCell::new(Vec::new()) };
}

impl Sink for OfThisThread {
    fn on_end(&self, ended: Ended<'_>) {
        let record = ended.take();
        RECORDS.with_borrow_mut(|records| records.push(record));
    }
}

/// The records of the spans and events that `f` makes on this thread, in the order of their end.
pub(crate) fn captured(f: impl FnOnce()) -> Vec<Record> {
    static ENABLE: Once = Once::new();
    ENABLE.call_once(|| Observability::enable(Arc::new(OfThisThread)));
    RECORDS.take();
    f();
    RECORDS.take()
}
