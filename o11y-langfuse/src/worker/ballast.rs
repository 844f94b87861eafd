//! Spans that are done with and are not freed yet, so that the heap does not shrink at every batch.
//!
//! The texts of a batch are freed together, and in a program that did nothing else meanwhile they lie
//! at the end of the heap. The C library gives an end of more than 128 KiB back to the system, whose
//! pages the program's next texts take in again, one fault each: two thirds of the time of a span.
//! The last few texts of a batch hold the end until the next batch has come.

use std::collections::VecDeque;

use o11y_core::Record;

/// Spans that are kept, at most. Fewer than four are not always enough: the last ones made need not
/// be those that lie last.
const MOST: usize = 8;

/// The bytes of content of a span that is kept, at most: all of them hold half a mebibyte.
const MOST_BYTES: usize = 64 << 10;

/// The last spans with content that came.
#[derive(Debug, Default)]
pub(super) struct Ballast {
    records: VecDeque<Record>,
}

impl Ballast {
    /// Keeps a span in place of the oldest one. One that has nothing outside of itself, or much, is
    /// freed at once.
    pub(super) fn keep(&mut self, record: Record) {
        if !(1..=MOST_BYTES).contains(&record.content_bytes()) {
            return;
        }
        if self.records.len() == MOST {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }
}

#[cfg(test)]
mod tests {
    use o11y_core::Context;

    use super::*;
    use crate::captured::captured;

    fn record(bytes: usize) -> Record {
        let text = "x".repeat(bytes);
        captured(|| Context::with_span("answer", |span| span.set_output(&*text))).remove(0)
    }

    /// Its text lies in the record itself.
    fn short() -> Record {
        captured(|| Context::with_span("answer", |span| span.set_output("ok"))).remove(0)
    }

    #[test]
    fn the_last_spans_with_content_are_kept_unless_they_are_large() {
        let mut ballast = Ballast::default();

        for bytes in (0..20).map(|number| 1_000 + number) {
            ballast.keep(record(bytes));
            ballast.keep(short());
            ballast.keep(record(MOST_BYTES + 1));
        }

        let kept: Vec<usize> = ballast.records.iter().map(Record::content_bytes).collect();
        assert_eq!(kept, (1_012..1_020).collect::<Vec<_>>());
    }
}
