//! A request's body, of which the beginning was looked at.

use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{self, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::contiguous;

/// The body of a request on its way through [`GenerationService`](super::GenerationService): the
/// same frames, of which some may have been taken out of the inner body already.
pub struct RequestBody<B>
where
    B: Body,
{
    held: VecDeque<Result<Frame<Bytes>, B::Error>>,
    held_bytes: usize,
    /// None once it has ended.
    rest: Option<B>,
    /// Whether the inner body knew its size. One that did not must not seem to, now that it is here.
    is_sized: bool,
}

impl<B: Body + Unpin> RequestBody<B> {
    pub(super) fn passing(body: B) -> Self {
        Self {
            held: VecDeque::new(),
            held_bytes: 0,
            is_sized: body.size_hint().exact().is_some(),
            rest: Some(body),
        }
    }

    /// Takes in what is to be looked at: all of it, unless it is more than so many bytes or fails.
    pub(super) fn poll_hold(&mut self, cx: &mut task::Context<'_>, max_bytes: usize) -> Poll<bool> {
        while let Some(rest) = &mut self.rest {
            let at_least = usize::try_from(rest.size_hint().lower()).unwrap_or(usize::MAX);
            if self.held_bytes.saturating_add(at_least) > max_bytes {
                return Poll::Ready(false);
            }
            match ready!(Pin::new(rest).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let frame = contiguous(frame);
                    self.held_bytes += frame.data_ref().map_or(0, Bytes::len);
                    self.held.push_back(Ok(frame));
                }
                Some(Err(error)) => {
                    self.held.push_back(Err(error));
                    return Poll::Ready(false);
                }
                None => self.rest = None,
            }
        }
        Poll::Ready(self.held_bytes <= max_bytes)
    }

    /// The bytes that were taken in.
    pub(super) fn held(&self) -> Cow<'_, [u8]> {
        let frames = self.held.iter().flatten();
        let mut pieces = frames.filter_map(Frame::data_ref);
        match (pieces.next(), pieces.next()) {
            (None, _) => Cow::Borrowed(&[]),
            (Some(all), None) => Cow::Borrowed(all),
            (Some(first), Some(second)) => {
                let mut all = [&first[..], second].concat();
                pieces.for_each(|piece| all.extend_from_slice(piece));
                all.into()
            }
        }
    }
}

impl<B: Body + Unpin> Unpin for RequestBody<B> {}

impl<B: Body + Unpin> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(held) = self.held.pop_front() {
            if let Ok(frame) = &held {
                self.held_bytes -= frame.data_ref().map_or(0, Bytes::len);
            }
            return Poll::Ready(Some(held));
        }
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(rest).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(contiguous)))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held_bytes as u64;
        let rest = self.rest.as_ref().map(Body::size_hint);
        let rest = rest.unwrap_or_else(|| SizeHint::with_exact(0));
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(held));
        if self.is_sized
            && let Some(upper) = rest.upper()
        {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

impl<B: Body> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("held_bytes", &self.held_bytes)
            .finish_non_exhaustive()
    }
}
