//! A model call that is held by hand, where no closure fits around it.

#[cfg(feature = "stream")]
use std::{any::Any, convert::Infallible, panic::resume_unwind};
use std::{
    fmt::{self, Display},
    mem,
    ops::{Deref, DerefMut},
    thread,
};

use super::{
    call::Call,
    outcome::Outcome,
    request::{Asked, Generation},
};
use crate::{
    context::{Context, current::Current, frame::TaskFrame, future::Inside},
    event::Vetoed,
    span::Span,
};

/// A model call that is held by hand: for callbacks, channels and other code that fits no closure.
///
/// Made by [`Context::start_generation`]; has every method of [`Call`]. It ends by
/// [`finish`](Self::finish) or [`fail`](Self::fail), on whichever thread that is. When it is dropped
/// before, the call counts as cancelled, or as panicked if the thread is unwinding.
///
/// ```
/// use o11y_core::{Context, Generation, OwnedCall};
///
/// /// Answers arrive here by callback.
/// struct Pending(Option<OwnedCall>);
///
/// impl Pending {
///     fn on_text(&mut self, text: &str) {
///         if let Some(call) = &mut self.0 {
///             call.push_text(text);
///         }
///     }
///
///     fn on_end(&mut self) {
///         if let Some(call) = self.0.take() {
///             call.finish();
///         }
///     }
/// }
///
/// let mut pending = Pending(Some(Context::start_generation(Generation::new("llama.cpp", "qwen3"))?));
/// pending.on_text("A flat white.");
/// pending.on_end();
/// # Ok::<(), o11y_core::Vetoed>(())
/// ```
#[must_use = "bind it to a name, not `_`: the call counts as cancelled when this is dropped"]
pub struct OwnedCall {
    call: Call<'static>,
    /// Where the call stands. Its span lies with the call until the end.
    frame: TaskFrame,
}

impl Context {
    /// Opens a model call that is ended by hand, unless an enforcer vetoes it. Its parent is the
    /// span that is current here.
    ///
    /// ```
    /// use o11y_core::{Context, Generation};
    ///
    /// let mut call = Context::start_generation(Generation::new("llama.cpp", "qwen3").input("Hi"))?;
    /// let on_token = |token: &str| call.push_text(token);
    /// # let mut on_token = on_token;
    /// on_token("A flat ");
    /// on_token("white.");
    /// call.finish();
    /// # Ok::<(), o11y_core::Vetoed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Vetoed`] if an enforcer refuses; the call must then not be made.
    pub fn start_generation(generation: Generation) -> Result<OwnedCall, Vetoed> {
        Prepared::new(generation).start()
    }
}

/// A call whose parent is known, and which has not started.
pub(super) struct Prepared {
    frame: TaskFrame,
    asked: Asked,
}

impl Prepared {
    pub(super) fn new(generation: Generation) -> Self {
        let Generation { spec, asked } = generation;
        Self {
            frame: TaskFrame::prepare(spec),
            asked,
        }
    }

    /// Opens the span and asks whether the call may be made.
    pub(super) fn start(mut self) -> Result<OwnedCall, Vetoed> {
        self.frame.start();
        let span = mem::replace(&mut self.frame.span, Span::off());
        let mut owned = OwnedCall {
            call: Call::owning(span, self.asked),
            frame: self.frame,
        };
        match owned.within(Call::request) {
            Ok(()) => Ok(owned),
            Err(vetoed) => {
                owned.close();
                Err(vetoed)
            }
        }
    }
}

impl OwnedCall {
    /// The context inside the call's span: what runs in it, or is wrapped with it, becomes its
    /// child. With telemetry off it is the one around the call.
    #[must_use]
    pub fn context(&mut self) -> Context {
        self.frame.parts().1.context.handle()
    }

    /// Ends the call: it was answered.
    pub fn finish(mut self) {
        self.end_well();
    }

    /// Ends the call: it failed, and this is why.
    ///
    /// ```
    /// use o11y_core::{Context, Generation};
    ///
    /// let call = Context::start_generation(Generation::new("openai", "gpt-4o-mini"))?;
    /// call.fail("the connection was closed");
    /// # Ok::<(), o11y_core::Vetoed>(())
    /// ```
    pub fn fail<E: Display + ?Sized>(mut self, error: &E) {
        self.end_with(error);
    }

    /// Ends the call: it failed, in this way and for this reason.
    #[cfg(feature = "tower")]
    pub(crate) fn fail_as(mut self, kind: &'static str, reason: &(impl Display + ?Sized)) {
        self.within(|call| {
            call.span().fail(kind, reason);
            call.end_as(Outcome::Failed(kind));
        });
        self.close();
    }

    /// Until the guard is dropped, the thread stands inside the call's span.
    #[cfg(feature = "tower")]
    pub(crate) fn enter(&mut self) -> Inside<'_> {
        Inside::enter(self.parts().1)
    }

    pub(super) fn end_well(&mut self) {
        self.within(|call| call.end_as(Outcome::Answered));
        self.close();
    }

    pub(super) fn end_with<E: Display + ?Sized>(&mut self, error: &E) {
        self.within(|call| call.end(Some(error)));
        self.close();
    }

    /// Ends the call because code of its own panicked, and goes on unwinding.
    #[cfg(feature = "stream")]
    pub(super) fn end_and_unwind(&mut self, payload: Box<dyn Any + Send>) -> ! {
        self.within(|call| call.end_as(Outcome::Panicked));
        self.hand_back();
        let outcome: thread::Result<Infallible> = Err(payload);
        self.frame.finish(&outcome);
        let Err(payload) = outcome;
        resume_unwind(payload)
    }

    /// The call, and the context inside its span.
    pub(super) fn parts(&mut self) -> (&mut Call<'static>, &mut Current) {
        (&mut self.call, self.frame.parts().1)
    }

    /// Runs `f` with the call, in the context inside its span.
    fn within<R>(&mut self, f: impl FnOnce(&mut Call<'static>) -> R) -> R {
        let (call, current) = self.parts();
        let _inside = Inside::enter(current);
        f(call)
    }

    /// Gives the span back to its frame, for good.
    fn hand_back(&mut self) {
        if self.call.span().is_recording() {
            mem::swap(&mut self.frame.span, self.call.span());
        }
    }

    fn close(&mut self) {
        self.hand_back();
        self.frame.finish(&Ok(()));
    }
}

impl Deref for OwnedCall {
    type Target = Call<'static>;

    fn deref(&self) -> &Call<'static> {
        &self.call
    }
}

impl DerefMut for OwnedCall {
    fn deref_mut(&mut self) -> &mut Call<'static> {
        &mut self.call
    }
}

impl Drop for OwnedCall {
    fn drop(&mut self) {
        self.within(|call| {
            if thread::panicking() {
                call.span().fail("panic", "panicked");
            }
            call.end_as(Call::outcome_of_drop());
        });
        self.hand_back(); // the frame marks it as cancelled, if nothing else was said
    }
}

impl fmt::Debug for OwnedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}
