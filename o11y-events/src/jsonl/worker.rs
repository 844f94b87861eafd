//! The thread that writes.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use o11y_core::Anchor;

use super::{
    Shared, line,
    output::Output,
    queue::{Item, Queue},
};

pub(super) struct Worker {
    output: Output,
}

/// Tells those who wait that the thread has ended, however it did.
struct Ending<'a>(&'a Queue);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Worker {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    pub(super) fn spawn(self, shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
        let named = thread::Builder::new().name("o11y-jsonl".to_owned());
        named.spawn(move || self.run(&shared))
    }

    fn run(mut self, shared: &Shared) {
        let queue = &shared.queue;
        let _ending = Ending(queue);
        while let Some(items) = queue.take() {
            let anchor = Anchor::now();
            for item in items {
                let line = match item {
                    Item::Line(line) => line,
                    Item::Record(record) => line::of_record(&record, &anchor, shared.with_content),
                };
                if let Some(written) = self.output.push(&line) {
                    written.tell(queue);
                }
            }
            self.output.write().tell(queue);
        }
    }
}
