//! What one processor has still before it: batches in order, bounded, the oldest pushed out.

use std::collections::VecDeque;

use super::part::Part;

/// Bounded by the number of records and by the bytes of their content. Whatever was pushed out of
/// a part is freed when its part is through, so there is up to a batch more.
#[derive(Debug)]
pub(super) struct Backlog {
    parts: VecDeque<Part>,
    records: usize,
    bytes: usize,
    max_records: usize,
    max_bytes: usize,
}

impl Backlog {
    pub(super) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self {
            parts: VecDeque::new(),
            records: 0,
            bytes: 0,
            max_records,
            max_bytes,
        }
    }

    /// Puts a part behind all others, and pushes out the oldest records if there is no room, but
    /// none of the newest batch. Returns how many.
    pub(super) fn push(&mut self, part: Part) -> u64 {
        let newest = part.batch;
        self.records += part.len();
        self.bytes += part.bytes();
        self.parts.push_back(part);
        let mut pushed_out = 0;
        while (self.records > self.max_records || self.bytes > self.max_bytes)
            && self.front().is_some_and(|oldest| oldest.batch != newest)
        {
            self.leave(1);
            pushed_out += 1;
        }
        pushed_out
    }

    /// The oldest part.
    pub(super) fn front(&self) -> Option<&Part> {
        self.parts.front()
    }

    /// Notes that the oldest part is given; returns how often it was before.
    pub(super) fn note_attempt(&mut self) -> u32 {
        self.parts.front_mut().map_or(0, |part| {
            part.attempts = part.attempts.saturating_add(1);
            part.attempts - 1
        })
    }

    /// The oldest records, so many of them, are through or lost: that is progress.
    pub(super) fn pass(&mut self, count: usize) {
        if let Some(part) = self.parts.front_mut()
            && count > 0
        {
            part.attempts = 0;
        }
        self.leave(count);
    }

    fn leave(&mut self, count: usize) {
        let Some(part) = self.parts.front_mut() else {
            return;
        };
        let (passed, bytes) = part.pass(count);
        self.records -= passed;
        self.bytes -= bytes;
        if part.len() == 0 {
            self.parts.pop_front();
        }
    }

    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether nothing of this batch, or of one before it, is left.
    pub(super) fn is_through(&self, batch: u64) -> bool {
        self.front().is_none_or(|oldest| oldest.batch > batch)
    }

    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.records = 0;
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use o11y_core::{Context, Record, SpanSpec};

    use super::{super::part::Kind, *};
    use crate::captured::captured;

    fn part(batch: u64, names: &[&'static str]) -> Part {
        let records = captured(|| {
            for &name in names {
                Context::with_span(SpanSpec::new(name).input("x".repeat(100)), |_span| ());
            }
        });
        Part::new(batch, Kind::End, records)
    }

    fn names(backlog: &Backlog) -> Vec<&str> {
        let records = backlog.parts.iter().flat_map(Part::records);
        records.map(Record::name).collect()
    }

    #[test]
    fn the_oldest_records_make_room_one_by_one() {
        let mut backlog = Backlog::new(4, usize::MAX);

        assert_eq!(backlog.push(part(1, &["a", "b"])), 0);
        assert_eq!(backlog.push(part(2, &["c", "d"])), 0);
        assert_eq!(backlog.push(part(3, &["e"])), 1);
        assert_eq!(names(&backlog), ["b", "c", "d", "e"]);
        assert_eq!(backlog.push(part(4, &["f", "g"])), 2);
        assert_eq!(names(&backlog), ["d", "e", "f", "g"]);
        assert!(backlog.is_through(1) && !backlog.is_through(2));
    }

    #[test]
    fn content_is_bounded_by_bytes_but_the_newest_batch_always_fits() {
        let mut backlog = Backlog::new(usize::MAX, 250);

        assert_eq!(backlog.push(part(1, &["a", "b"])), 0);
        assert_eq!(backlog.push(part(2, &["c"])), 1);
        assert_eq!(backlog.push(part(3, &["d", "e", "f"])), 2);

        assert_eq!(names(&backlog), ["d", "e", "f"]);
        backlog.pass(3);
        assert!(backlog.is_empty() && backlog.bytes == 0 && backlog.records == 0);
    }

    #[test]
    fn what_has_passed_is_not_given_again() {
        let mut backlog = Backlog::new(10, usize::MAX);
        backlog.push(part(1, &["a", "b", "c"]));

        assert_eq!((backlog.note_attempt(), backlog.note_attempt()), (0, 1));
        backlog.pass(2);

        assert_eq!(names(&backlog), ["c"]);
        assert_eq!(backlog.note_attempt(), 0);
    }
}
