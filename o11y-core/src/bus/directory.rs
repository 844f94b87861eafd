//! Who hears a name: an immutable index, rebuilt when somebody comes or goes.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, atomic::AtomicU64},
};

use foldhash::fast::FixedState;

use super::{
    SubscriptionId,
    heard::{CallEvent, CallsHeard},
};
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

    fn file_all(&mut self, key: Box<str>, places: Vec<u32>) {
        self.lengths |= Self::bit(&key);
        self.places.insert(key, places);
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

/// How much [`Directory::complete`] may look at, for each subscriber: else it would take as long as
/// there are names times patterns with stars.
const LOOKS: usize = 16;

/// All subscribers, filed so that a name finds its own by one look-up if it is somebody's pattern,
/// else by three, or by five if anybody's pattern has stars in other places than most.
#[derive(Default)]
pub(super) struct Directory {
    all: Vec<Arc<Subscriber>>,
    /// Names that are a pattern, with everybody who hears them.
    whole: Index,
    /// Those with which `whole` would have become too large, with those who hear nothing else.
    exact: Index,
    by_parent: Index,
    by_last: Index,
    /// Apart, so that without such patterns an event asks nothing of it.
    compared: Option<Box<Compared>>,
    /// Patterns that hear everything, and those whose both ends have stars.
    rest: Vec<u32>,
    /// Everybody who hears an event of model calls.
    calls: [Vec<u32>; CallEvent::ALL.len()],
    /// Which of them anybody hears, which every call asks.
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
        directory.complete();
        directory
    }

    /// Finds out beforehand who hears the names that are known: by their pattern, or as events of
    /// model calls.
    fn complete(&mut self) {
        for event in CallEvent::ALL {
            let places = self.everybody(event.name());
            if !places.is_empty() {
                self.calls_heard = self.calls_heard.and(event.into());
            }
            self.calls[event as usize] = places;
        }
        let mut looks = LOOKS * self.all.len();
        let exact = mem::take(&mut self.exact);
        for (name, mut places) in exact.places {
            if looks == 0 {
                self.exact.file_all(name, places);
                continue;
            }
            let by_stars = self.everybody(&name);
            looks = looks.saturating_sub(by_stars.len() + self.compared_with(&name));
            places.extend(by_stars);
            places.sort_unstable();
            self.whole.file_all(name, places);
        }
    }

    /// How many patterns have to be compared with `name`.
    fn compared_with(&self, name: &str) -> usize {
        let compared = self.compared.as_ref();
        let filed = compared.map_or([0; 2], |lists| lists.filed(name).map(<[u32]>::len));
        self.rest.len() + filed.iter().sum::<usize>()
    }

    /// Everybody who hears `name`, in the order of subscription.
    fn everybody(&self, name: &str) -> Vec<u32> {
        let mut places = Vec::new();
        self.merged(name, |place| places.push(place));
        places
    }

    /// Calls `visit` for everyone who hears `name`, in the order of subscription.
    #[inline]
    pub(super) fn for_each(&self, name: &str, mut visit: impl FnMut(&Subscriber)) {
        if self.all.is_empty() {
            return;
        }
        let whole = self.whole.find(name);
        if whole.is_empty() {
            self.merged(name, |place| visit(&self.all[place as usize]));
        } else {
            self.visit(whole, visit);
        }
    }

    /// Calls `visit` for everyone who hears an event of model calls, in the order of subscription.
    #[inline]
    pub(super) fn for_each_of_call(&self, event: CallEvent, visit: impl FnMut(&Subscriber)) {
        self.visit(&self.calls[event as usize], visit);
    }

    #[inline]
    fn visit(&self, places: &[u32], mut visit: impl FnMut(&Subscriber)) {
        for place in places {
            visit(&self.all[*place as usize]);
        }
    }

    /// Calls `visit` for the place of everyone who hears `name`, in the order of subscription.
    #[inline]
    fn merged(&self, name: &str, visit: impl FnMut(u32)) {
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
        mut visit: impl FnMut(u32),
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
            visit(place);
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
