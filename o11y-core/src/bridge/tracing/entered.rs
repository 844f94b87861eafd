//! The spans that a thread has entered, and what was current before each.
//!
//! Spans are left in the reverse order, nearly always. Where they are not, each is taken out of the
//! middle, and what was current before it goes to the one above, so the last one to be left puts
//! back what was there before the first. A span that is left while a closure of ours, opened inside
//! of it, still runs cannot be taken out of that closure's frame; it is as soon as the closure has
//! ended and the thread enters or leaves another span.

use std::{cell::RefCell, mem};

use crate::{
    context::current::{self, Current},
    id::SpanId,
};

/// More spans that were left out of order, and could not be taken out, are forgotten.
const MAX_LEFT: usize = 64;

thread_local! {
    static ENTERED: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// A span of a subscriber: the layer's address and the subscriber's id for it.
pub(super) type Key = (usize, u64);

struct Entry {
    key: Key,
    /// What is current while nothing was opened inside.
    span: SpanId,
    before: Current,
    is_left: bool,
}

/// Makes the inside of a span current.
pub(super) fn enter(key: Key, inside: Current) {
    settle();
    let span = inside.context.span_id;
    let before = current::swap(inside);
    let entry = Entry {
        key,
        span,
        before,
        is_left: false,
    };
    with(|entered| entered.push(entry));
}

/// Puts back what was current before, and returns what was current inside if nothing else is by now.
pub(super) fn exit(key: Key) -> Option<Current> {
    with(|entered| {
        let entry = entered
            .iter_mut()
            .rfind(|entry| entry.key == key && !entry.is_left)?;
        entry.is_left = true;
        Some(())
    })
    .flatten()?;
    settle_one(Some(key)).or_else(|| {
        settle();
        None
    })
}

/// Takes out all that was left and can be taken out.
fn settle() {
    let nothing_left = with(|entered| entered.iter().all(|entry| !entry.is_left));
    if nothing_left.unwrap_or(true) {
        return;
    }
    while let Some(inside) = settle_one(None) {
        drop(inside);
    }
}

/// Takes out the uppermost span that was left, of that key if one is given, if it lies open.
fn settle_one(key: Option<Key>) -> Option<Current> {
    let now = current::with(|current| current.context.span_id);
    let taken = with(|entered| {
        let is_top = |place: usize, entered: &[Entry]| place + 1 == entered.len();
        let place = (0..entered.len()).rev().find(|&place| {
            let entry = &entered[place];
            let lies_open = if is_top(place, entered) {
                now == entry.span
            } else {
                entered[place + 1].before.context.span_id == entry.span
            };
            entry.is_left && lies_open && key.is_none_or(|key| key == entry.key)
        });
        let Some(place) = place else {
            let left = entered.iter().filter(|entry| entry.is_left).count();
            let oldest = entered.iter().position(|entry| entry.is_left);
            let forgotten = oldest.filter(|_| left > MAX_LEFT);
            return Err(forgotten.map(|place| entered.remove(place)));
        };
        let was_top = is_top(place, entered);
        let entry = entered.remove(place);
        Ok(if was_top {
            Taken::Top(entry.before)
        } else {
            Taken::Middle(mem::replace(&mut entered[place].before, entry.before))
        })
    })?;
    match taken {
        Ok(Taken::Top(before)) => Some(current::swap(before)),
        Ok(Taken::Middle(inside)) => Some(inside),
        Err(_forgotten) => None,
    }
}

enum Taken {
    /// What was before it is to become current.
    Top(Current),
    /// What was current inside of it, as the span above has found it.
    Middle(Current),
}

/// Looks at the list; none while the thread ends. What is dropped is dropped by the caller.
fn with<R>(look: impl FnOnce(&mut Vec<Entry>) -> R) -> Option<R> {
    ENTERED
        .try_with(|entered| look(&mut entered.borrow_mut()))
        .ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{clock::Ticks, context::Context};

    fn inside(span: SpanId) -> Current {
        Current::at(Context {
            span_id: span,
            ..Context::EMPTY
        })
    }

    fn now() -> SpanId {
        current::with(|current| current.context.span_id)
    }

    fn spans(count: usize) -> Vec<SpanId> {
        (0..count).map(|_| SpanId::generate(Ticks::now())).collect()
    }

    #[test]
    fn a_span_that_is_left_under_an_open_closure_is_taken_out_after_it() {
        let spans = spans(2);
        let closure = SpanId::generate(Ticks::now());
        enter((0, 0), inside(spans[0]));

        let outer = current::swap(inside(closure));
        exit((0, 0));
        assert_eq!(now(), closure);
        drop(current::swap(outer)); // the closure ends, and puts back what it found
        enter((0, 1), inside(spans[1]));
        exit((0, 1));

        assert_eq!(now(), SpanId::NONE);
    }

    proptest! {
        #[test]
        fn in_whatever_order_spans_are_left_the_thread_ends_where_it_began(
            order in Just((0..6_u64).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            for (place, span) in spans(6).into_iter().enumerate() {
                enter((0, place as u64), inside(span));
            }

            let left: Vec<_> = order.iter().map(|id| exit((0, *id)).is_some()).collect();

            prop_assert_eq!(left, vec![true; 6]);
            prop_assert_eq!(now(), SpanId::NONE);
            prop_assert!(with(|entered| entered.is_empty()).unwrap());
        }

        #[test]
        fn what_is_left_last_is_current_until_then(
            order in Just((0..6_u64).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let spans = spans(6);
            for (place, span) in spans.iter().enumerate() {
                enter((0, place as u64), inside(*span));
            }
            let mut open: Vec<u64> = (0..6).collect();
            for id in order {
                exit((0, id));
                open.retain(|other| *other != id);

                let expected = open.last().map_or(SpanId::NONE, |top| spans[usize::try_from(*top).unwrap()]);
                prop_assert_eq!(now(), expected);
            }
        }
    }
}
