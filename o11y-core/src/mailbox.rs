//! Late attributes: what is said of an open span by somebody who does not hold it.
//!
//! An open record belongs to the frame that opened it, and nobody else can touch it. What others
//! say is left in the span's mailbox, which every handle to the span shares; closing the span
//! empties it over the record and seals it. A span that nobody asks for a handle has none.
//!
//! Modelled with loom below.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock, PoisonError},
};

use crate::{attribute::Attributes, sync::Mutex, value::Value};

/// The mailbox of one span.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// None once the span has ended.
    slip: Mutex<Option<Attributes>>,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Self {
            slip: Mutex::new(Some(Attributes::new())),
        }
    }

    /// The mailbox of every span that cannot be reached from here: it takes nothing.
    pub(crate) fn out_of_reach() -> Arc<Self> {
        static SEALED: LazyLock<Arc<Mailbox>> = LazyLock::new(|| {
            Arc::new(Mailbox {
                slip: Mutex::new(None),
            })
        });
        Arc::clone(&SEALED)
    }

    /// Leaves an attribute; false if the span has ended.
    pub(crate) fn leave(&self, key: Cow<'static, str>, value: Value) -> bool {
        let mut slip = self.slip.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(attributes) = &mut *slip else {
            return false;
        };
        attributes.set(key, value);
        true
    }

    /// Takes what was left; nothing can be left any more.
    pub(crate) fn seal(&self) -> Attributes {
        let mut slip = self.slip.lock().unwrap_or_else(PoisonError::into_inner);
        slip.take().unwrap_or_default()
    }
}

#[cfg(all(test, o11y_loom))]
mod model {
    use loom::thread;

    use super::*;

    /// Two threads annotate while the span ends: what was taken is in the record, what was refused
    /// is not, and nobody is taken once anybody has seen a refusal.
    #[test]
    fn each_annotation_is_recorded_or_refused() {
        loom::model(|| {
            let mailbox = Arc::new(Mailbox::new());
            let threads = ["a", "b"].map(|key| {
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || [1, 2].map(|value| mailbox.leave(key.into(), value.into())))
            });

            let recorded = mailbox.seal();
            let taken = threads.map(|thread| thread.join().unwrap());

            for (key, [first, second]) in ["a", "b"].into_iter().zip(taken) {
                let expected = match (first, second) {
                    (true, true) => Some(2),
                    (true, false) => Some(1),
                    (false, false) => None,
                    (false, true) => panic!("taken after the end"),
                };
                assert_eq!(recorded.get(key).and_then(Value::as_i64), expected);
            }
            assert!(!mailbox.leave("late".into(), 1.into()));
            assert!(mailbox.seal().iter().next().is_none());
        });
    }
}
