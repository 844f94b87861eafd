//! A request while it is served: where it stands, and its span, if it has one.

use std::{
    any::{Any, type_name},
    convert::Infallible,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread,
};

use http::StatusCode;

use crate::{
    context::{Context, current::Current, frame::TaskFrame, future::Inside},
    span::SpanSpec,
    tower::generation::status_name,
};

const STATUS_CODE: &str = "http.response.status_code";

/// A request while it is served. When it is dropped before its end, its span is marked as cancelled.
pub(super) struct Serving {
    /// Where it stands; unused while there is a span, whose frame has its own.
    outside: Current,
    span: Option<TaskFrame>,
}

impl Serving {
    pub(super) fn begin(context: Context, spec: Option<impl FnOnce() -> SpanSpec>) -> Self {
        let mut outside = Current::at(context);
        let span = spec.map(|spec| {
            let mut frame = {
                let _inside = Inside::enter(&mut outside);
                TaskFrame::prepare(spec)
            };
            frame.start();
            frame
        });
        Self { outside, span }
    }

    /// Runs `f` where the request stands; its panic is returned.
    pub(super) fn within<R>(&mut self, f: impl FnOnce() -> R) -> thread::Result<R> {
        let _inside = self.enter();
        catch_unwind(AssertUnwindSafe(f))
    }

    /// The thread stands there until the guard is dropped.
    pub(super) fn enter(&mut self) -> Inside<'_> {
        Inside::enter(match &mut self.span {
            Some(frame) => frame.parts().1,
            None => &mut self.outside,
        })
    }

    /// The head of the answer is there.
    pub(super) fn answered(&mut self, status: StatusCode) {
        let Some(frame) = &mut self.span else { return };
        frame.span.set_attribute(STATUS_CODE, status.as_u16());
        if status.is_server_error() {
            frame.span.fail(status_name(status), &status);
        }
    }

    /// Ends it well, or as its answer says.
    pub(super) fn end(mut self) {
        if let Some(frame) = &mut self.span {
            frame.finish(&Ok(()));
        }
    }

    /// Ends it with an error, which is printed where it stands.
    pub(super) fn failed<E: Display>(mut self, error: &E) {
        if self.span.is_none() {
            return;
        }
        let printed = self.within(|| error.to_string());
        if let Some(frame) = &mut self.span {
            let finished = printed.map(|message| frame.span.fail(type_name::<E>(), &message));
            frame.finish(&finished);
            if let Err(payload) = finished {
                resume_unwind(payload);
            }
        }
    }

    /// Ends it with a panic, which goes on.
    pub(super) fn panicked(mut self, payload: Box<dyn Any + Send>) -> ! {
        let outcome: thread::Result<Infallible> = Err(payload);
        if let Some(frame) = &mut self.span {
            frame.finish(&outcome);
        }
        let Err(payload) = outcome;
        resume_unwind(payload)
    }
}
