//! A flush that another thread waits for, as a future of any runtime.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    thread,
};

use o11y_core::FlushError;

/// Ready when the flush is done; dropping it leaves the thread to end by itself.
pub(crate) struct Flush {
    waiting: Arc<Waiting>,
}

#[derive(Default)]
struct Waiting {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcome: Option<Result<(), FlushError>>,
    waker: Option<Waker>,
}

impl Flush {
    /// Has a short-lived thread do the waiting.
    pub(crate) fn spawn(flush: impl FnOnce() -> Result<(), FlushError> + Send + 'static) -> Self {
        let waiting = Arc::new(Waiting::default());
        let completing = Arc::clone(&waiting);
        let spawned = thread::Builder::new()
            .name("o11y-flush".to_owned())
            .spawn(move || completing.complete(flush()));
        if let Err(error) = spawned {
            waiting.complete(Err(FlushError::Sink(error.into())));
        }
        Self { waiting }
    }

    /// There is nothing to wait for.
    pub(crate) fn done() -> Self {
        let waiting = Arc::new(Waiting::default());
        waiting.complete(Ok(()));
        Self { waiting }
    }
}

impl Waiting {
    fn complete(&self, outcome: Result<(), FlushError>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state); // before anybody is woken
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Flush {
    type Output = Result<(), FlushError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self
            .waiting
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(outcome) = state.outcome.take() else {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        Poll::Ready(outcome)
    }
}
