//! A list of attributes: four lie inline, the fifth moves all of them to the heap at once.

use std::{borrow::Cow, fmt, iter};

use compact_str::CompactString;

use self::{
    filled::Filled,
    place::{Place, bits, empty, sum_heap_bytes},
    slot::{Attribute, Slot, bit},
};
use crate::{limit, value::Value};

mod filled;
mod place;
mod slot;
#[cfg(test)]
mod tests;

/// Attributes that lie inside a record; most spans have no more.
const INLINE: usize = 4;

/// Attributes that come with one more allocation: nearly every span is content with one.
const BLOCK: usize = 12;

/// How often there may be more: 124 attributes in all. OpenTelemetry's limit is 128, and keys are
/// found by looking at one after the other.
const BLOCKS: usize = 10;

/// Named values: those of an event, or of a span under construction.
///
/// A key stands once: setting it again replaces its value. There is room for 124; what is set beyond
/// is left out and counted, see [`left_out`](Self::left_out). Written with [`attributes!`], or by hand:
///
/// ```
/// use o11y_core::Attributes;
///
/// let mut attributes = Attributes::new();
/// attributes.set("customer.mood", "grumpy");
/// attributes.set(String::from("order.1"), 2);
/// assert_eq!(attributes.get("order.1").and_then(|value| value.as_i64()), Some(2));
/// ```
///
/// [`attributes!`]: crate::attributes
#[derive(Clone, Default, PartialEq)]
pub struct Attributes {
    /// Filled from the front: behind the first empty place there is nothing.
    inline: [Place; INLINE],
    more: Option<Box<Block>>,
}

/// Room for what does not fit, filled in the same way.
#[derive(Clone, Default, PartialEq)]
struct Block {
    places: [Place; BLOCK],
    next: Option<Box<Self>>,
    /// In the first block, a [bit](bit) for each key of the whole list.
    keys: u64,
    /// In the first block, how many of its places are filled.
    filled: u32,
    /// How many were left out of the list.
    left_out: u32,
}

impl Attributes {
    /// No attributes; allocates nothing.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self {
            // Each for itself: of `[Place::EMPTY; INLINE]` all the unused bytes would be written.
            inline: [Place::EMPTY, Place::EMPTY, Place::EMPTY, Place::EMPTY],
            more: None,
        }
    }

    /// Sets `key` to `value`; a value of nothing (`None`) leaves the list as it is.
    pub fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        // The user's conversion runs before anything of ours is touched.
        let value = value.into();
        match key.into() {
            Cow::Borrowed(key) => self.put(key, value),
            Cow::Owned(key) => self.put_keyed(key.into(), value),
        }
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.iter()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The keys and values, in the order in which they were first set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        Filled::of(self).map(Attribute::as_pair)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inline[0].is_none()
    }

    /// Drops all of them.
    #[inline]
    pub(crate) fn clear(&mut self) {
        empty(&mut self.inline);
        self.more = None;
    }

    /// How many were left out because there was no more room.
    ///
    /// ```
    /// use o11y_core::Attributes;
    ///
    /// let mut attributes = Attributes::new();
    /// for number in 0..200 {
    ///     attributes.set(format!("order.{number}"), number);
    /// }
    /// assert_eq!((attributes.len(), attributes.left_out()), (124, 76));
    /// ```
    #[must_use]
    pub fn left_out(&self) -> u32 {
        self.more.as_ref().map_or(0, |more| more.left_out)
    }

    /// The texts that are longer than `bytes`, to be cut.
    pub(crate) fn longer_than(&mut self, bytes: usize) -> impl Iterator<Item = &mut Value> {
        self.values_mut()
            .filter(move |value| value.long_text_bytes() > bytes)
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let mut more = self.more.as_deref_mut();
        let blocks = iter::from_fn(move || {
            let block = more.take()?;
            more = block.next.as_deref_mut();
            Some(&mut block.places)
        });
        let places = self.inline.iter_mut().chain(blocks.flatten());
        places
            .filter_map(|place| place.as_mut())
            .map(Attribute::value_mut)
    }

    /// Sets a value under a static key. Where the key is known to the compiler, so is its bit.
    #[expect(
        clippy::inline_always,
        reason = "so the bit is known wherever the key is"
    )]
    #[inline(always)]
    pub(crate) fn put(&mut self, key: &'static str, value: Value) {
        self.put_known(key, bit(key), value);
    }

    /// The hot path: a look at the keys, and one write. It calls little, and so saves few registers;
    /// what may need more than that is left to the search.
    #[inline]
    fn put_known(&mut self, key: &'static str, bit: u64, value: Value) {
        if value.is_null() {
            return;
        }
        if self.more.is_some() {
            return self.put_more(key, bit, value);
        }
        for place in &mut self.inline {
            match &**place {
                None => return place.fill(Attribute::new(key, value)),
                Some(attribute) if attribute.may_have(key) => {
                    return self.put_searching(key, value);
                }
                Some(_) => {}
            }
        }
        self.put_first_of_more(key, bit, value);
    }

    /// The same once there is a block: a key that no bit stands for is new, and mostly there is a
    /// place for it.
    #[inline]
    fn put_more(&mut self, key: &'static str, bit: u64, value: Value) {
        if let Some(block) = &mut self.more
            && block.keys & bit == 0
            && let Some(place) = block.places.get_mut(block.filled as usize)
            && place.is_none()
        {
            block.keys |= bit;
            block.filled += 1;
            return place.fill(Attribute::new(key, value));
        }
        self.put_searching(key, value);
    }

    /// The inline list is full and has no such key.
    #[inline(never)]
    fn put_first_of_more(&mut self, key: &'static str, bit: u64, value: Value) {
        let keys = bit | bits(&self.inline);
        let block = self.more.insert(Box::default());
        block.places[0].fill(Attribute::new(key, value));
        block.keys = keys;
        block.filled = 1;
    }

    #[inline(never)]
    fn put_searching(&mut self, key: &'static str, value: Value) {
        let Some(place) = self.find(key) else {
            return self.leave_out();
        };
        if let Some(attribute) = &mut **place {
            return attribute.replace(value);
        }
        place.fill(Attribute::new(key, value));
        self.note(key);
    }

    /// A key was added behind all others.
    fn note(&mut self, key: &str) {
        let Some(block) = &mut self.more else {
            return;
        };
        if block.filled == 0 {
            block.keys = bits(&self.inline);
        }
        block.keys |= bit(key);
        if (block.filled as usize) < BLOCK {
            block.filled += 1;
        }
    }

    #[cold]
    fn put_keyed(&mut self, key: CompactString, value: Value) {
        if value.is_null() {
            return;
        }
        let Some(place) = self.find(&key) else {
            return self.leave_out();
        };
        if let Some(attribute) = &mut **place {
            return attribute.replace(value);
        }
        let name = key.clone();
        let value = Slot::Keyed(Box::new((key, value)));
        place.fill(Attribute { key: "", value });
        self.note(&name);
    }

    /// The place that holds `key`, or else the one where it is to go, if there is room.
    fn find(&mut self, key: &str) -> Option<&mut Place> {
        let (mut places, mut more) = (&mut self.inline[..], &mut self.more);
        let mut room = BLOCKS;
        loop {
            for place in places {
                match &**place {
                    Some(attribute) if !attribute.has(key) => {}
                    _ => return Some(place),
                }
            }
            room = room.checked_sub(1)?;
            let next = more.get_or_insert_default();
            (places, more) = (&mut next.places, &mut next.next);
        }
    }

    #[cold]
    fn leave_out(&mut self) {
        limit::count_attribute();
        if let Some(more) = &mut self.more {
            more.left_out = more.left_out.saturating_add(1);
        }
    }

    /// Puts all of `late` over what is there.
    pub(crate) fn overlay(&mut self, mut late: Self) {
        self.put_all_over(&mut late.inline);
        let mut more = late.more.take();
        while let Some(mut next) = more {
            self.put_all_over(&mut next.places);
            more = next.next.take();
        }
    }

    fn put_all_over(&mut self, places: &mut [Place]) {
        for attribute in places.iter_mut().map_while(Place::take) {
            self.put_over(attribute);
        }
    }

    fn put_over(&mut self, attribute: Attribute) {
        match attribute.value {
            Slot::Value(value) => self.put(attribute.key, value),
            Slot::Keyed(keyed) => self.put_keyed(keyed.0, keyed.1),
        }
    }

    /// The bytes held outside of the list itself, for the queue's byte budget.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        if self.is_empty() || (self.more.is_none() && !self.inline.iter().any(Place::is_heavy)) {
            return 0; // most spans
        }
        self.sum_heap_bytes()
    }

    /// Whether it holds nothing outside of itself, asked of a list that may be nearly empty.
    #[inline]
    pub(crate) fn is_light(&self) -> bool {
        let mut filled = self.inline.iter().take_while(|place| place.is_some());
        self.more.is_none() && !filled.any(Place::is_heavy)
    }

    fn sum_heap_bytes(&self) -> usize {
        let mut bytes = sum_heap_bytes(&self.inline);
        let mut more = &self.more;
        while let Some(block) = more {
            bytes += size_of::<Block>() + sum_heap_bytes(&block.places);
            more = &block.next;
        }
        bytes
    }
}

impl Drop for Attributes {
    #[inline]
    fn drop(&mut self) {
        empty(&mut self.inline);
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        empty(&mut self.places);
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Writes a list of attributes: `attributes! { "key" => value, .. }`.
///
/// Anything that is `Into<Value>` may stand on the right.
///
/// ```
/// use o11y_core::attributes;
///
/// let usage = attributes! { "gen_ai.usage.total_tokens" => 150, "cached" => false };
/// assert_eq!(usage.len(), 2);
/// assert!(attributes! {}.is_empty());
/// ```
#[macro_export]
macro_rules! attributes {
    () => { $crate::Attributes::new() };
    ($($key:expr => $value:expr),+ $(,)?) => {{
        let mut attributes = $crate::Attributes::new();
        $(attributes.set($key, $value);)+
        attributes
    }};
}
