//! Spans of the SDK that are open and will be left out, and what stands in their place: a child of
//! theirs becomes the child of the next span above that is not.
//!
//! A child ends before its parent, so this has to be known when they are opened. It is a guess from
//! what a span is opened with; one that turns out otherwise is kept, at its own place.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, TryLockError},
    thread,
};

use o11y_core::SpanId as OurSpanId;
use opentelemetry::SpanId;

const SHARDS: usize = 16;

/// The places of a shard. Beyond it nothing more is noted; that many spans are open only if they
/// are never ended.
const MOST: usize = 4_096;

/// How often a lock is tried that is held for nanoseconds. In a child it may be held for ever, by a
/// thread that the fork has left behind.
const ATTEMPTS: usize = 1_000;

/// The point above a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) id: SpanId,
    pub(super) is_remote: bool,
}

/// Where an open span stands among those that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// It will be left out.
    pub(super) is_out: bool,
    /// The next one above that is kept; none if it is a root then.
    pub(super) parent: Option<Parent>,
}

/// The places that are other than they seem. Spans that are kept where they are have none.
#[derive(Debug, Default)]
pub(crate) struct Open {
    shards: [Mutex<HashMap<SpanId, Place>>; SHARDS],
}

impl Open {
    /// A span is opened below that point. Returns its place, if that is another one than below it.
    pub(super) fn enter(
        &self,
        span: SpanId,
        parent: Option<Parent>,
        is_out: bool,
    ) -> Option<Place> {
        let above = parent.and_then(|parent| self.look(parent.id));
        let next = match above {
            Some(above) if above.is_out => above.parent,
            _ => parent,
        };
        if !is_out && next == parent {
            return None;
        }
        let place = Place {
            is_out,
            parent: next,
        };
        let mut shard = self.shard(span)?;
        (shard.len() < MOST).then(|| {
            shard.insert(span, place);
            place
        })
    }

    /// A span has ended: its place, if it had one.
    pub(super) fn leave(&self, span: SpanId) -> Option<Place> {
        self.shard(span)?.remove(&span)
    }

    /// What a span of ours stands below, and whether that is remote, if the span of the SDK above it
    /// is left out; none if it is not.
    pub(crate) fn above(&self, parent: OurSpanId) -> Option<(Option<OurSpanId>, bool)> {
        let place = self.look(SpanId::from_bytes(parent.to_bytes()))?;
        place.is_out.then(|| match place.parent {
            Some(above) => (OurSpanId::from_bytes(above.id.to_bytes()), above.is_remote),
            None => (None, false),
        })
    }

    fn look(&self, span: SpanId) -> Option<Place> {
        self.shard(span)?.get(&span).copied()
    }

    /// None if it cannot be had: nobody waits for it.
    fn shard(&self, span: SpanId) -> Option<MutexGuard<'_, HashMap<SpanId, Place>>> {
        let [.., last] = span.to_bytes(); // ids are random
        let shard = &self.shards[usize::from(last) % SHARDS];
        for _ in 0..ATTEMPTS {
            match shard.try_lock() {
                Ok(shard) => return Some(shard),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => thread::yield_now(),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(id: u64) -> Parent {
        Parent {
            id: SpanId::from(id),
            is_remote: false,
        }
    }

    fn place(is_out: bool, parent: Option<Parent>) -> Place {
        Place { is_out, parent }
    }

    #[test]
    fn what_is_below_a_span_that_is_left_out_stands_below_the_next_one_above() {
        let open = Open::default();
        let enter = |id: u64, parent, is_out| open.enter(SpanId::from(id), parent, is_out);

        assert_eq!(enter(1, None, false), None);
        assert_eq!(
            enter(2, Some(point(1)), true),
            Some(place(true, Some(point(1))))
        );
        assert_eq!(
            enter(3, Some(point(2)), true),
            Some(place(true, Some(point(1))))
        );
        assert_eq!(
            enter(4, Some(point(3)), false),
            Some(place(false, Some(point(1))))
        );
        assert_eq!(enter(5, Some(point(4)), false), None);

        assert_eq!(open.leave(SpanId::from(5)), None);
        assert_eq!(
            open.leave(SpanId::from(4)),
            Some(place(false, Some(point(1))))
        );
        for id in 1..6 {
            open.leave(SpanId::from(id));
        }
        let left: usize = open.shards.iter().map(|it| it.lock().unwrap().len()).sum();
        assert_eq!(left, 0);
    }

    #[test]
    fn below_a_root_that_is_left_out_is_a_root_and_below_a_caller_its_child() {
        let open = Open::default();
        let caller = Some(Parent {
            id: SpanId::from(9),
            is_remote: true,
        });

        open.enter(SpanId::from(1), None, true);
        open.enter(SpanId::from(2), caller, true);

        assert_eq!(
            open.enter(SpanId::from(3), Some(point(1)), false),
            Some(place(false, None))
        );
        assert_eq!(
            open.enter(SpanId::from(4), Some(point(2)), false),
            Some(place(false, caller))
        );
    }

    #[test]
    fn spans_that_never_end_are_bounded_and_a_held_lock_holds_nobody_up() {
        let open = Open::default();
        for id in 1..100_000_u64 {
            open.enter(SpanId::from(id), None, true);
        }
        let kept: usize = open.shards.iter().map(|it| it.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * MOST, "{kept}");

        let _held: Vec<_> = open.shards.iter().map(|it| it.lock().unwrap()).collect();
        assert_eq!(open.enter(SpanId::from(7), None, true), None);
        assert_eq!(open.leave(SpanId::from(7)), None);
    }
}
