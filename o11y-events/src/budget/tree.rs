//! Budgets within budgets, under one lock.
//!
//! A reservation has to fit into a budget and all those around it, or none is touched. All budgets
//! of a tree share one lock, which is held for a few additions and comparisons, and never while
//! code of others runs or another lock is taken. So no two threads can wait for one another, and
//! what one sees of a tree is never half of what another does. No figure is kept outside of it.

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    amount::{Amount, Measure},
    calls::Calls,
    limits::Limits,
    node::Node,
    window::nanoseconds,
};
use crate::sync::{Mutex, MutexGuard};

/// Tells the time since any fixed moment.
type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

pub(super) struct Tree {
    state: Mutex<State>,
    clock: Clock,
    /// Whether any budget limits money: set once, and read without the lock. Nothing else is
    /// concluded from it, so no order is needed.
    limits_cost: AtomicBool,
    /// Whether any budget has a limit per window, in the same way.
    has_windows: AtomicBool,
}

impl Tree {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        Self::with_clock(move || start.elapsed())
    }

    pub(super) fn with_clock(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::default(),
            clock: Box::new(clock),
            limits_cost: AtomicBool::new(false),
            has_windows: AtomicBool::new(false),
        }
    }

    /// The time. Not asked for under the lock: the clock may be anybody's code.
    pub(super) fn now(&self) -> u64 {
        nanoseconds((self.clock)())
    }

    pub(super) fn limits_cost(&self) -> bool {
        self.limits_cost.load(Ordering::Relaxed)
    }

    pub(super) fn has_windows(&self) -> bool {
        self.has_windows.load(Ordering::Relaxed)
    }

    pub(super) fn note_window(&self) {
        self.has_windows.store(true, Ordering::Relaxed);
    }

    pub(super) fn note_cost_limit(&self) {
        self.limits_cost.store(true, Ordering::Relaxed);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No code of others runs while the state changes, so a panic never leaves it half done.
impl UnwindSafe for Tree {}
impl RefUnwindSafe for Tree {}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").finish_non_exhaustive()
    }
}

/// Everything that is known of a tree of budgets.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) nodes: Vec<Node>,
    /// Places of budgets that are no more.
    free: Vec<usize>,
    pub(super) resets: u64,
    /// The latest time that was seen. Whoever read the clock first may come second.
    now: u64,
    pub(super) calls: Calls,
}

impl State {
    pub(super) fn insert(
        &mut self,
        name: Arc<str>,
        limits: &Limits,
        parent: Option<usize>,
    ) -> usize {
        if let Some(parent) = parent {
            self.retain(parent);
        }
        let node = Node::new(name, limits, parent);
        if let Some(place) = self.free.pop() {
            self.nodes[place] = node;
            return place;
        }
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Somebody refers to a budget: a handle, a budget within it, a call.
    pub(super) fn retain(&mut self, place: usize) {
        self.nodes[place].users += 1;
    }

    /// Somebody no longer does; what nobody refers to makes room for another.
    pub(super) fn forget(&mut self, place: usize) {
        let mut place = Some(place);
        while let Some(here) = place {
            let node = &mut self.nodes[here];
            node.users -= 1;
            if node.users > 0 {
                return;
            }
            place = node.parent;
            self.free.push(here);
        }
    }

    pub(super) fn node(&self, place: usize) -> &Node {
        &self.nodes[place]
    }

    pub(super) fn node_mut(&mut self, place: usize) -> &mut Node {
        &mut self.nodes[place]
    }

    /// The places from `leaf` outwards, up to but without `until`.
    pub(super) fn chain(
        &self,
        leaf: usize,
        until: Option<usize>,
    ) -> impl Iterator<Item = usize> + '_ {
        let outwards = |place: &usize| self.nodes[*place].parent;
        std::iter::successors(Some(leaf), outwards).take_while(move |place| Some(*place) != until)
    }

    /// Time, as far as it has come.
    pub(super) fn advance(&mut self, now: u64) -> u64 {
        self.now = self.now.max(now);
        self.now
    }

    pub(super) fn reset(&mut self, place: usize) -> impl Sized + use<> {
        self.resets += 1;
        self.nodes[place].reset(self.resets)
    }

    /// What is left of a measure: the least that a limit of the chain leaves.
    pub(super) fn remaining(&mut self, leaf: usize, measure: Measure, now: u64) -> Option<Amount> {
        let now = self.advance(now);
        let mut least = None;
        self.each(leaf, None, |node| {
            least = [least, node.remaining(measure, now)]
                .into_iter()
                .flatten()
                .min();
        });
        least.map(|left| measure.amount(left))
    }

    /// Visits a budget and those around it, up to but without `until`.
    pub(super) fn each(
        &mut self,
        leaf: usize,
        until: Option<usize>,
        mut visit: impl FnMut(&mut Node),
    ) {
        let mut place = Some(leaf);
        while let Some(here) = place.filter(|here| Some(*here) != until) {
            let node = &mut self.nodes[here];
            visit(node);
            place = node.parent;
        }
    }
}
