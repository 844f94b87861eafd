//! A future driven to its end on the calling thread, by a deadline, without any runtime.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Instant,
};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What the future comes to; none if it is pending at the deadline, and dropped then. It is polled
/// at least once. The thread is parked in between.
pub(super) fn drive<F: Future>(future: F, deadline: Instant) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, poll_fn},
        time::Duration,
    };

    use super::*;

    #[test]
    fn what_is_ready_is_taken_even_after_the_deadline() {
        assert_eq!(drive(async { 7 }, Instant::now()), Some(7));
    }

    #[test]
    fn what_is_woken_from_another_thread_is_polled_again() {
        let mut polls = 0;
        let future = poll_fn(|context| {
            polls += 1;
            if polls > 1 {
                return Poll::Ready(polls);
            }
            let waker = context.waker().clone();
            thread::Builder::new().spawn(move || waker.wake()).unwrap();
            Poll::Pending
        });

        assert_eq!(
            drive(future, Instant::now() + Duration::from_secs(20)),
            Some(2)
        );
    }

    #[test]
    fn what_never_completes_is_given_up_at_the_deadline() {
        let deadline = Instant::now() + Duration::from_millis(20);

        assert_eq!(drive(pending::<()>(), deadline), None);
        assert!(Instant::now() >= deadline);
    }
}
