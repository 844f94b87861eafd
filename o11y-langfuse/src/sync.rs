//! What our protocols are built on, or what stands for it under the model checker.

#[cfg(not(o11y_loom))]
pub(crate) use self::real::{
    ArrayQueue, AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Mutex, MutexGuard,
};

#[cfg(o11y_loom)]
pub(crate) use self::{
    modelled::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Mutex, MutexGuard},
    ring::ArrayQueue,
};

#[cfg(o11y_loom)]
mod ring;

#[cfg(not(o11y_loom))]
mod real {
    pub(crate) use std::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize},
    };

    pub(crate) use crossbeam_queue::ArrayQueue;
}

#[cfg(o11y_loom)]
mod modelled {
    pub(crate) use loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize},
    };
}

/// Nothing in the program itself. The model checker takes `SeqCst` accesses for acquire and release
/// only, so there a fence says what the language promises of them; without it the models fail.
pub(crate) fn sequential() {
    #[cfg(o11y_loom)]
    loom::sync::atomic::fence(loom::sync::atomic::Ordering::SeqCst);
}
