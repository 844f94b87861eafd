//! Who hears a name: an immutable index, rebuilt when somebody comes or goes.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
};

use foldhash::fast::FixedState;

use super::{SubscriptionId, heard::CallsHeard};
use crate::{
    event::{Event, Veto},
    pattern::{Pattern, Shelf},
};

/// A user's handler, its verdict as an option.
pub(super) type Handler = Box<dyn Fn(&Event) -> Option<Veto> + Send + Sync>;

/// One subscription.
pub(super) struct Subscriber {
    pub(super) id: SubscriptionId,
    pub(super) pattern: Pattern,
    /// Told by the pattern.
    pub(super) calls_heard: CallsHeard,
    pub(super) handler: Handler,
    pub(super) panics: AtomicU64,
}

/// Subscribers by their place in `all`, which is the order of subscription.
#[derive(Default)]
struct Index {
    places: HashMap<Box<str>, Vec<u32>, FixedState>,
    /// A bit for each length of a key, modulo 64: many names are turned away without hashing.
    lengths: u64,
}

impl Index {
    fn file(&mut self, key: &str, place: u32) {
        self.lengths |= Self::bit(key);
        self.places.entry(key.into()).or_default().push(place);
    }

    #[inline]
    fn may_have(&self, key: &str) -> bool {
        self.lengths & Self::bit(key) != 0
    }

    fn get(&self, key: &str) -> &[u32] {
        self.places.get(key).map_or(&[], |places| places)
    }

    fn find(&self, key: &str) -> &[u32] {
        if self.may_have(key) {
            self.get(key)
        } else {
            &[]
        }
    }

    const fn bit(key: &str) -> u64 {
        1 << (key.len() % 64)
    }
}

/// Patterns that have to be compared, but only with names that begin or end as they do.
#[derive(Default)]
struct Compared {
    by_first: Index,
    by_ending: Index,
}

/// All subscribers, filed so that a name finds its own by three look-ups, or by five if anybody's
/// pattern has stars in other places than most.
#[derive(Default)]
pub(super) struct Directory {
    all: Vec<Arc<Subscriber>>,
    exact: Index,
    by_parent: Index,
    by_last: Index,
    /// Apart, so that without such patterns an event asks nothing of it.
    compared: Option<Box<Compared>>,
    /// Patterns that hear everything, and those whose both ends have stars.
    rest: Vec<u32>,
    /// Which events of model calls anybody hears, which every call asks.
    pub(super) calls_heard: CallsHeard,
}

impl Directory {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn with(&self, subscriber: Arc<Subscriber>) -> Self {
        Self::of(self.all.iter().cloned().chain([subscriber]).collect())
    }

    pub(super) fn find(&self, id: SubscriptionId) -> Option<&Subscriber> {
        self.all
            .iter()
            .find(|subscriber| subscriber.id == id)
            .map(|subscriber| &**subscriber)
    }

    pub(super) fn without(&self, id: SubscriptionId) -> Self {
        let stay = |subscriber: &&Arc<Subscriber>| subscriber.id != id;
        Self::of(self.all.iter().filter(stay).cloned().collect())
    }

    fn of(all: Vec<Arc<Subscriber>>) -> Self {
        let mut directory = Self::default();
        for (place, subscriber) in (0..).zip(&all) {
            directory.calls_heard = directory.calls_heard.and(subscriber.calls_heard);
            let (index, key) = match subscriber.pattern.shelf() {
                Shelf::Exact(name) => (&mut directory.exact, name),
                Shelf::Parent(parent) => (&mut directory.by_parent, parent),
                Shelf::Last(last) => (&mut directory.by_last, last),
                Shelf::First(first) => (&mut directory.compared().by_first, first),
                Shelf::Ending(last) => (&mut directory.compared().by_ending, last),
                Shelf::All | Shelf::Other => {
                    directory.rest.push(place);
                    continue;
                }
            };
            index.file(key, place);
        }
        directory.all = all;
        directory
    }

    /// Calls `visit` for everyone who hears `name`, in the order of subscription.
    pub(super) fn for_each(&self, name: &str, visit: impl FnMut(&Subscriber)) {
        if self.all.is_empty() {
            return;
        }
        let filed = self.filed(name);
        match &self.compared {
            None => self.merge(name, filed, [&self.rest], visit),
            Some(compared) => {
                let [first, ending] = compared.filed(name);
                self.merge(name, filed, [&self.rest, first, ending], visit);
            }
        }
    }

    /// Visits the subscribers in the lists of those who hear `name`, and whoever hears it of those
    /// in the lists to compare. A subscriber is in one list, and all are in the order of
    /// subscription: the smallest first place is the next.
    #[inline]
    fn merge<const N: usize>(
        &self,
        name: &str,
        mut filed: [&[u32]; 3],
        compared: [&[u32]; N],
        mut visit: impl FnMut(&Subscriber),
    ) {
        if filed
            .iter()
            .chain(&compared)
            .all(|places| places.is_empty())
        {
            return;
        }
        let hears = |place: &&u32| self.all[**place as usize].pattern.matches(name);
        let mut compared = compared.map(|places| places.iter().filter(hears).peekable());
        loop {
            let firsts = filed.iter().filter_map(|places| places.first());
            let others = compared.iter_mut().filter_map(|places| places.peek());
            let Some(place) = firsts.chain(others.copied()).min().copied() else {
                return;
            };
            visit(&self.all[place as usize]);
            for places in &mut filed {
                if let Some(others) = places.strip_prefix(&[place]) {
                    *places = others;
                }
            }
            for places in &mut compared {
                places.next_if(|next| **next == place);
            }
        }
    }

    fn compared(&mut self) -> &mut Compared {
        self.compared.get_or_insert_default()
    }

    /// The lists that hold only subscribers who hear `name`.
    #[inline]
    fn filed(&self, name: &str) -> [&[u32]; 3] {
        let mut filed: [&[u32]; 3] = [&[]; 3];
        if self.exact.may_have(name) {
            filed[0] = self.exact.get(name);
        }
        // Names are short: a search that is made for long texts takes longer to set up.
        let Some(dot) = name.bytes().rposition(|byte| byte == b'.') else {
            return filed;
        };
        let (parent, last) = (&name[..dot], &name[dot + 1..]);
        if self.by_parent.may_have(parent) {
            filed[1] = self.by_parent.get(parent);
        }
        if self.by_last.may_have(last) && !parent.contains('.') {
            filed[2] = self.by_last.get(last);
        }
        filed
    }
}

impl Compared {
    /// The lists to compare with `name`: no other pattern of these hears it.
    fn filed(&self, name: &str) -> [&[u32]; 2] {
        let first = name.split_once('.').map_or(name, |(first, _)| first);
        let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
        [self.by_first.find(first), self.by_ending.find(last)]
    }
}
