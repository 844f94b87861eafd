//! A future that is polled, and dropped, with its own context in place of the thread's.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{self, Poll},
    thread,
};

use pin_project_lite::pin_project;

use super::current::{self, Current};

pin_project! {
    /// Polls a future in the context that lies at `current`; a panic becomes its output.
    pub(crate) struct InContext<'a, F> {
        current: &'a mut Current,
        #[pin]
        stage: Stage<F>,
    }

    impl<F> PinnedDrop for InContext<'_, F> {
        // What a cancelled future's destructors do belongs to its span, too.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if matches!(*this.stage, Stage::Running { .. }) {
                let _inside = Inside::enter(this.current);
                this.stage.set(Stage::Ended);
            }
        }
    }
}

pin_project! {
    #[project = StageAt]
    enum Stage<F> {
        Running {
            #[pin]
            inner: F,
        },
        /// There is no future, because making it panicked.
        Failed {
            payload: Option<Box<dyn Any + Send>>,
        },
        Ended,
    }
}

impl<'a, F> InContext<'a, F> {
    /// `make` runs in the context, because a plain function may do its work before the first poll.
    pub(crate) fn new(current: &'a mut Current, make: impl FnOnce() -> F) -> Self {
        let outcome = {
            let _inside = Inside::enter(current);
            catch_unwind(AssertUnwindSafe(make))
        };
        let stage = match outcome {
            Ok(inner) => Stage::Running { inner },
            Err(payload) => Stage::Failed {
                payload: Some(payload),
            },
        };
        Self { current, stage }
    }
}

impl<F: Future> Future for InContext<'_, F> {
    type Output = thread::Result<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let inner = match this.stage.as_mut().project() {
            StageAt::Running { inner } => inner,
            StageAt::Failed { payload } => {
                return payload
                    .take()
                    .map_or(Poll::Pending, |payload| Poll::Ready(Err(payload)));
            }
            StageAt::Ended => return Poll::Pending, // polled again, which no caller of ours does
        };
        let _inside = Inside::enter(this.current);
        let outcome = match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        this.stage.set(Stage::Ended);
        Poll::Ready(outcome)
    }
}

/// Runs `f` in a context of its own, whenever the future is polled; what is said in it of the span
/// around it is handed back at its end.
pub(crate) async fn carry<R, F>(mut inside: Current, f: F) -> R
where
    F: AsyncFnOnce() -> R,
{
    let outcome = InContext::new(&mut inside, async || f().await).await;
    current::return_from(&inside);
    outcome.unwrap_or_else(|payload| resume_unwind(payload))
}

/// Exchanges the thread's context for another one, and back when dropped.
pub(crate) struct Inside<'a> {
    place: &'a mut Current,
}

impl<'a> Inside<'a> {
    pub(crate) fn enter(place: &'a mut Current) -> Self {
        current::exchange(place);
        Self { place }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        current::exchange(self.place);
    }
}
