//! Which spans are exported at all.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use o11y_core::Record;

type Predicate = dyn Fn(&Record) -> bool + Send + Sync;

/// The program's choice of spans.
#[derive(Clone)]
pub(crate) struct Filter(Arc<Predicate>);

impl Filter {
    pub(crate) fn new(keeps: impl Fn(&Record) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(keeps))
    }

    /// Whether the span is to be exported. A filter that panics cannot say, and what it was meant
    /// to hold back must not slip through.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.0)(record))).unwrap_or(false)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(..)")
    }
}
