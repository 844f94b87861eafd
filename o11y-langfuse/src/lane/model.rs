//! A lane under the model checker: hand-overs, the worker, flushes and the end in every order, around
//! what stands for the ring.

use loom::{
    model::Builder,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::*;

/// An item that is known by its number.
#[derive(Debug)]
struct Thing(u32);

impl Item for Thing {
    fn content_bytes(&self) -> usize {
        0
    }
}

const BYTES: usize = 100;

/// Every order in which threads are interrupted at most three times; what breaks a protocol of this
/// size breaks it with two.
fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(run);
}

fn lane(items: usize, due: usize) -> Arc<Lane<Thing>> {
    Arc::new(Lane::new([items, BYTES], [due, BYTES]))
}

/// Threads that hand over one item each, as `Desk::hand_over` does, and count whom they wake.
fn producers(lane: &Arc<Lane<Thing>>, wakes: &Arc<AtomicUsize>) -> Vec<thread::JoinHandle<()>> {
    let numbers = 1..=2;
    let spawn = |number| {
        let (lane, wakes) = (Arc::clone(lane), Arc::clone(wakes));
        thread::spawn(move || {
            lane.queue.push(Thing(number));
            if lane.claims_wake() {
                wakes.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    numbers.map(spawn).collect()
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

fn assert_settled(figures: &Figures, accepted: u64) {
    assert_eq!(figures.accepted, accepted);
    assert_eq!((figures.waiting, figures.in_hand), (0, 0));
    assert_eq!(figures.delivered + figures.lost.total(), accepted);
}

#[test]
fn no_item_is_ever_in_two_places_and_at_rest_each_is_in_one() {
    model(|| {
        // The second item pushes out the first, unless that has been taken.
        let lane = lane(1, 9);
        let threads = producers(&lane, &Arc::default());

        let taken = lane.take();
        let figures = lane.figures();
        let found = figures.delivered + figures.lost.total() + figures.waiting;
        assert!(found <= 2);
        if taken.is_some() {
            assert_eq!(figures.in_hand, 1);
            lane.ledger.deliver(1);
        }
        join(threads);

        let figures = lane.figures();
        let found = figures.delivered + figures.lost.total() + figures.waiting;
        assert_eq!((figures.accepted, found, figures.in_hand), (2, 2, 0));
    });
}

#[test]
fn what_is_handed_over_during_the_end_is_counted_and_stays_nowhere() {
    model(|| {
        let lane = lane(2, 9);
        let threads = producers(&lane, &Arc::default());

        // As in `Desk::shutdown` and `Worker::finish`.
        lane.queue.close();
        if lane.take().is_some() {
            lane.ledger.deliver(1);
        }
        lane.discard(LossReason::ShutdownDeadline);
        lane.queue.end();
        lane.discard(LossReason::AfterShutdown);
        join(threads);

        assert_settled(&lane.figures(), 2);
    });
}

#[test]
fn what_was_given_up_is_never_delivered_later() {
    model(|| {
        let lane = lane(2, 9);
        lane.queue.push(Thing(1));
        let of_worker = Arc::clone(&lane);
        let worker = thread::spawn(move || {
            while of_worker.take().is_some() {
                of_worker.ledger.deliver(1);
            }
        });
        let of_late = Arc::clone(&lane);
        let late = thread::spawn(move || of_late.queue.push(Thing(2)));

        // As in `Desk::shutdown` where a request cannot be cut.
        lane.queue.close();
        lane.queue.end();
        lane.give_up();
        let told = lane.figures();
        join(vec![worker, late]);

        let figures = lane.figures();
        assert_settled(&figures, 2);
        assert_eq!(figures.delivered, told.delivered);
    });
}

#[test]
fn a_flush_is_answered_when_all_that_came_before_it_has_met_its_end() {
    model(|| {
        let lane = lane(1, 9);
        let ticket = Arc::new(Mutex::new(None));
        let (flushed, asked) = (Arc::clone(&lane), Arc::clone(&ticket));
        let flushing = thread::spawn(move || {
            flushed.queue.push(Thing(1));
            *asked.lock().unwrap() = Some(flushed.accepted());
        });
        let other = Arc::clone(&lane);
        let pushing = thread::spawn(move || {
            other.queue.push(Thing(2));
            other.queue.push(Thing(3));
        });

        // The worker, which has nothing else in its hand than what it has taken here.
        let check = |in_hand: Option<&Thing>| {
            let Some(accepted) = *ticket.lock().unwrap() else {
                return false;
            };
            let is_answered = lane.settled() >= accepted;
            if is_answered {
                let is_wanted = |thing: &Thing| thing.0 == 1;
                assert!(!in_hand.is_some_and(is_wanted));
                assert!(!lane.queue.holds(is_wanted));
            }
            is_answered
        };
        for _ in 0..2 {
            let taken = lane.take();
            check(taken.as_ref());
            if taken.is_some() {
                lane.ledger.deliver(1);
            }
        }
        join(vec![flushing, pushing]);
        while lane.take().is_some() {
            lane.ledger.deliver(1);
        }

        assert!(check(None));
        assert_settled(&lane.figures(), 3);
    });
}

#[test]
fn a_worker_that_rests_beside_a_due_batch_is_woken_once() {
    model(|| {
        let lane = lane(4, 2);
        let wakes = Arc::new(AtomicUsize::new(0));
        let threads = producers(&lane, &wakes);

        lane.queue.wake.rest();
        let rests = lane.may_rest();
        if !rests {
            lane.queue.wake.rise();
        }
        join(threads);

        let woken = wakes.load(Ordering::SeqCst);
        assert!(
            woken <= 1 && (!rests || woken == 1),
            "rests: {rests}, woken: {woken}"
        );
    });
}
