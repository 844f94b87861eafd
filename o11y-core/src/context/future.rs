//! A future that is polled, and dropped, with its own context in place of the thread's.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{self, Poll},
    thread,
};

use pin_project_lite::pin_project;

use super::current::{self, Current};

pin_project! {
    /// Polls `inner` in the context that lies at `current`; a panic becomes its output.
    pub(crate) struct InContext<'a, F> {
        current: &'a mut Current,
        #[pin]
        inner: Option<F>,
    }

    impl<F> PinnedDrop for InContext<'_, F> {
        // What a cancelled future's destructors do belongs to its span, too.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.inner.is_some() {
                let _inside = Inside::enter(this.current);
                this.inner.set(None);
            }
        }
    }
}

impl<'a, F> InContext<'a, F> {
    /// `make` runs in the context, because a plain function may do its work before the first poll.
    pub(crate) fn new(current: &'a mut Current, make: impl FnOnce() -> F) -> Self {
        let inner = {
            let _inside = Inside::enter(current);
            make()
        };
        Self {
            current,
            inner: Some(inner),
        }
    }
}

impl<F: Future> Future for InContext<'_, F> {
    type Output = thread::Result<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let _inside = Inside::enter(this.current);
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Pending; // polled again after its end, which no caller of ours does
        };
        match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                this.inner.set(None);
                Poll::Ready(Ok(output))
            }
            Err(payload) => {
                this.inner.set(None);
                Poll::Ready(Err(payload))
            }
        }
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
struct Inside<'a> {
    place: &'a mut Current,
}

impl<'a> Inside<'a> {
    fn enter(place: &'a mut Current) -> Self {
        current::with(|current| mem::swap(current, place));
        Self { place }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        current::with(|current| mem::swap(current, self.place));
    }
}
