//! Sheets: where records lie while they are written. Each thread keeps those that it has done with.
//!
//! A record is 256 bytes, and whoever describes a span hands it from step to step. On a sheet it stays
//! where it is, and what is handed on is a pointer. Only when the span has ended does it move, into the
//! queue of the exporter; the sheet is then blank and is used again.

use std::{
    cell::Cell,
    mem::{self, ManuallyDrop},
    ops::{Deref, DerefMut},
};

use compact_str::CompactString;

use super::Record;

/// So many sheets are kept by a thread; spans that are nested deeper, or that were begun on another
/// thread, get theirs from the allocator.
const KEPT: u32 = 16;

thread_local! {
    /// Not dropped with its thread, so that every look is spared the question: see [`Sweeper`].
    static PAD: Pad = const {
        Pad {
            top: Cell::new(ManuallyDrop::new(None)),
            is_swept: Cell::new(false),
        }
    };

    static SWEEPER: Sweeper = const { Sweeper };
}

/// A record that is being written.
///
/// A sheet that is [put back](Self::put_back) is used again, one that is dropped is freed.
pub(crate) struct Sheet(Box<Page>);

struct Page {
    record: Record,
    /// In a pad, the next one.
    below: Option<Box<Self>>,
    /// In a pad, how many lie from here on down.
    height: u32,
}

/// The sheets that a thread has done with, all of them blank.
struct Pad {
    top: Cell<ManuallyDrop<Option<Box<Page>>>>,
    /// Whether somebody empties it when the thread ends.
    is_swept: Cell<bool>,
}

/// Empties the pad at the end of a thread that has put sheets into it.
struct Sweeper;

impl Sheet {
    /// A record of that name, which says nothing else yet.
    #[inline]
    pub(crate) fn new(name: CompactString) -> Self {
        let mut page = PAD.with(Pad::take).unwrap_or_else(Page::new);
        let nameless = mem::replace(&mut page.record.name, name);
        _ = ManuallyDrop::new(nameless); // that of a blank has nothing to drop
        Self(page)
    }

    /// Keeps it for another record; what is on it is dropped.
    pub(crate) fn put_back(mut self) {
        self.0.record.wipe();
        self.put_back_blank();
    }

    /// The same of a record that has been opened, and may have been taken since.
    #[inline]
    pub(crate) fn put_back_ended(self) {
        if self.0.record.span_id.is_none() {
            self.put_back_blank();
        } else {
            self.put_back();
        }
    }

    #[inline]
    fn put_back_blank(self) {
        PAD.with(|pad| pad.put(self.0));
    }
}

impl Deref for Sheet {
    type Target = Record;

    #[inline]
    fn deref(&self) -> &Record {
        &self.0.record
    }
}

impl DerefMut for Sheet {
    #[inline]
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.0.record
    }
}

impl Page {
    #[cold]
    fn new() -> Box<Self> {
        Box::new(Self {
            record: Record::blank(),
            below: None,
            height: 1,
        })
    }
}

impl Pad {
    #[inline]
    fn take(&self) -> Option<Box<Page>> {
        let mut page = self.exchange(None)?;
        let nothing = self.exchange(page.below.take());
        _ = ManuallyDrop::new(nothing); // told so, the compiler need not look for a page to drop
        Some(page)
    }

    #[inline]
    fn put(&self, mut page: Box<Page>) {
        let below = self.exchange(None);
        let height = below.as_ref().map_or(0, |below| below.height) + 1;
        let nothing = mem::replace(&mut page.below, below);
        _ = ManuallyDrop::new(nothing); // as above
        page.height = height;
        if height > KEPT || !self.is_swept.get() {
            return self.put_or_free(page);
        }
        let nothing = self.exchange(Some(page));
        _ = ManuallyDrop::new(nothing);
    }

    /// The first sheet of a thread, or one too many.
    #[cold]
    fn put_or_free(&self, mut page: Box<Page>) {
        // Where the thread is at its end, nobody sweeps any more.
        let is_swept = SWEEPER.try_with(|_sweeper| {}).is_ok();
        self.is_swept.set(is_swept);
        let kept = if is_swept && page.height <= KEPT {
            Some(page)
        } else {
            page.below.take()
        };
        drop(self.exchange(kept));
    }

    #[inline]
    fn exchange(&self, page: Option<Box<Page>>) -> Option<Box<Page>> {
        ManuallyDrop::into_inner(self.top.replace(ManuallyDrop::new(page)))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        PAD.with(|pad| {
            pad.is_swept.set(false);
            drop(pad.exchange(None));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;
    use crate::{
        attributes,
        clock::Ticks,
        id::{SpanId, TraceId},
        observation::{Level, ObservationType},
        record::Status,
        scope::{Scope, TraceAttributes},
        value::Value,
    };

    fn kept() -> u32 {
        let top = PAD.with(Pad::take);
        let height = top.as_ref().map_or(0, |page| page.height);
        if let Some(page) = top {
            Sheet(page).put_back();
        }
        height
    }

    /// On a thread of its own, and so with a pad of its own.
    fn alone(test: impl FnOnce() + Send) {
        thread::scope(|scope| {
            scope.spawn(test);
        });
    }

    #[test]
    fn nothing_of_a_record_is_found_on_its_sheet_by_the_next_one() {
        let now = Ticks::now();
        let scope = Scope::nested(None, &TraceAttributes::new().user("gus"));
        let full = || Record {
            trace_id: TraceId::random(),
            span_id: SpanId::generate(now),
            parent_id: SpanId::generate(now),
            start: now,
            end: now,
            name: CompactString::new("x".repeat(100)),
            attributes: (0..40).fold(attributes! {}, |mut attributes, number| {
                attributes.set(format!("key {number}"), "y".repeat(number));
                attributes
            }),
            scope: Some(Arc::clone(&scope)),
            observation: ObservationType::Agent,
            level: Level::Error,
            status: Status::Error,
            parent_is_remote: true,
        };
        let nameless = |record: Record| Record {
            name: CompactString::const_new(""),
            ..record
        };
        let closed = |record: Record| Record {
            span_id: SpanId::NONE,
            ..record
        };
        alone(|| {
            for record in [
                full(),
                nameless(full()),
                closed(full()),
                nameless(closed(full())),
            ] {
                let mut sheet = Sheet::new(CompactString::const_new("before"));
                let lies = std::ptr::from_ref(&*sheet);
                *sheet = record;
                sheet.put_back();

                let sheet = Sheet::new(CompactString::const_new("after"));
                assert_eq!(std::ptr::from_ref(&*sheet), lies);
                let blank = Record::new(CompactString::const_new("after"));
                let Record {
                    trace_id,
                    span_id,
                    parent_id,
                    start,
                    end,
                    name,
                    attributes,
                    scope,
                    observation,
                    level,
                    status,
                    parent_is_remote,
                } = &*sheet;
                assert_eq!(
                    (trace_id, span_id, parent_id, start, end, name, attributes),
                    (
                        &blank.trace_id,
                        &blank.span_id,
                        &blank.parent_id,
                        &blank.start,
                        &blank.end,
                        &blank.name,
                        &blank.attributes,
                    )
                );
                assert!(scope.is_none() && attributes.is_empty() && attributes.left_out() == 0);
                assert_eq!(
                    (observation, level, status, parent_is_remote),
                    (&blank.observation, &blank.level, &blank.status, &false)
                );
                sheet.put_back();
            }
        });
        assert_eq!(Arc::strong_count(&scope), 1); // nothing of it stayed
    }

    #[test]
    fn what_a_sink_has_taken_leaves_a_blank() {
        alone(|| {
            let mut sheet = Sheet::new(CompactString::const_new("taken"));
            sheet.span_id = SpanId::generate(Ticks::now());
            for number in 0..9 {
                sheet.attributes.set("key".repeat(number), number);
            }
            assert_eq!(sheet.take().attributes.len(), 9);
            sheet.put_back_ended();

            let sheet = Sheet::new(CompactString::const_new("after"));
            assert!(sheet.attributes.is_empty());
            assert_eq!(sheet.attributes.get("").and_then(Value::as_i64), None);
        });
    }

    #[test]
    fn a_thread_keeps_so_many_and_all_of_them_go_with_it() {
        alone(|| {
            assert_eq!(kept(), 0);
            let open: Vec<_> = (0..KEPT + 4)
                .map(|_| Sheet::new(CompactString::const_new("nested")))
                .collect();
            assert_eq!(kept(), 0);
            open.into_iter().for_each(Sheet::put_back);
            assert_eq!(kept(), KEPT);

            drop(Sweeper); // as at the thread's end
            assert_eq!((kept(), PAD.with(|pad| pad.is_swept.get())), (0, false));
        });
    }
}
