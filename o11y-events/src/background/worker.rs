//! The thread that the handlers of a background subscriber run on.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use super::queue::{Job, Queue};

pub(crate) struct Worker {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn spawn(capacity: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(capacity));
        let own = Arc::clone(&queue);
        let thread = thread::Builder::new()
            .name("o11y-subscriber".to_owned())
            .spawn(move || run(&own))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    pub(crate) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    pub(super) fn flush(&self, timeout: Duration) -> bool {
        !self.is_current() && self.queue.wait_for_all(timeout)
    }

    /// Ends the thread, once it has handled what waits. Whoever is on it does not wait, and a
    /// handler that hangs is left to itself.
    pub(super) fn end(&mut self, grace: Duration) {
        self.queue.close();
        if !self.is_current()
            && self.queue.wait_for_end(grace)
            && let Some(thread) = self.thread.take()
        {
            // It caught the panics of all handlers; that of a destructor is nothing to the host.
            drop(thread.join());
        }
    }

    fn is_current(&self) -> bool {
        let current = thread::current().id();
        self.thread
            .as_ref()
            .is_some_and(|thread| thread.thread().id() == current)
    }
}

fn run(queue: &Queue) {
    while let Some(job) = queue.take() {
        let handled = catch_unwind(AssertUnwindSafe(|| {
            let Job { event, handler, .. } = job;
            handler(&event)
        }));
        queue.done(handled.is_err(), handled.unwrap_or(false));
    }
    queue.ended();
}
