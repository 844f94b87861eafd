//! A list of attributes: four lie inline, the fifth moves all of them to the heap at once.

use std::{borrow::Cow, fmt};

use compact_str::CompactString;
use smallvec::SmallVec;

use crate::value::Value;

/// Attributes that lie inside a record; most spans have no more.
const INLINE: usize = 4;

/// Room made when the inline places are used up: one allocation serves nearly every span.
const SPILLED: usize = 16;

/// The key and value of one attribute, 40 bytes for the usual static key.
#[derive(Clone, PartialEq)]
struct Attribute {
    key: &'static str,
    value: Slot,
}

/// A value, or for a key made at run time, both on the heap (`Attribute::key` is then empty).
#[derive(Clone, PartialEq)]
enum Slot {
    Value(Value),
    Keyed(Box<(CompactString, Value)>),
}

/// Named values: those of an event, or of a span under construction.
///
/// A key stands once: setting it again replaces its value. Written with [`attributes!`], or by hand:
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
    list: SmallVec<[Attribute; INLINE]>,
}

impl Attributes {
    /// No attributes; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            list: SmallVec::new_const(),
        }
    }

    /// Sets `key` to `value`; a value of nothing (`None`) leaves the list as it is.
    pub fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        // The user's conversion runs before anything of ours is touched.
        let value = value.into();
        match key.into() {
            Cow::Borrowed(key) => self.put(key, value),
            Cow::Owned(key) => self.put_keyed(key, value),
        }
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.iter()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The keys and values, in the order in which they were first set.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.list.iter().map(Attribute::as_pair)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The hot path.
    pub(crate) fn put(&mut self, key: &'static str, value: Value) {
        if value.is_null() {
            return;
        }
        match self.list.iter_mut().find(|attribute| attribute.has(key)) {
            Some(attribute) => attribute.replace(value),
            None => self.push(key, Slot::Value(value)),
        }
    }

    #[cold]
    fn put_keyed(&mut self, key: String, value: Value) {
        if value.is_null() {
            return;
        }
        match self.list.iter_mut().find(|attribute| attribute.has(&key)) {
            Some(attribute) => attribute.replace(value),
            None => self.push("", Slot::Keyed(Box::new((key.into(), value)))),
        }
    }

    #[inline]
    fn push(&mut self, key: &'static str, value: Slot) {
        if self.list.len() == INLINE {
            self.spill();
        }
        self.list.push(Attribute { key, value });
    }

    #[cold]
    fn spill(&mut self) {
        self.list.reserve_exact(SPILLED - INLINE);
    }

    /// Puts all of `late` over what is there.
    pub(crate) fn overlay(&mut self, late: Self) {
        for attribute in late.list {
            match attribute.value {
                Slot::Value(value) => self.put(attribute.key, value),
                Slot::Keyed(keyed) => self.put_keyed(keyed.0.into(), keyed.1),
            }
        }
    }

    /// The bytes held outside of the list itself, for the queue's byte budget.
    pub(crate) fn heap_bytes(&self) -> usize {
        let spilled = if self.list.spilled() {
            self.list.capacity() * size_of::<Attribute>()
        } else {
            0
        };
        self.list
            .iter()
            .map(|attribute| match &attribute.value {
                Slot::Value(value) => value.heap_bytes(),
                Slot::Keyed(keyed) => keyed.0.len() + size_of_val(&**keyed) + keyed.1.heap_bytes(),
            })
            .sum::<usize>()
            + spilled
    }
}

impl Attribute {
    /// Lengths differ for most keys, so their bytes are seldom looked at.
    fn has(&self, key: &str) -> bool {
        match &self.value {
            Slot::Value(_) => self.key == key,
            Slot::Keyed(keyed) => keyed.0 == key,
        }
    }

    fn replace(&mut self, value: Value) {
        match &mut self.value {
            Slot::Value(slot) => *slot = value,
            Slot::Keyed(keyed) => keyed.1 = value,
        }
    }

    fn as_pair(&self) -> (&str, &Value) {
        match &self.value {
            Slot::Value(value) => (self.key, value),
            Slot::Keyed(keyed) => (&keyed.0, &keyed.1),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_with_a_static_key_takes_40_bytes() {
        assert_eq!(size_of::<Attribute>(), 40);
    }

    #[test]
    fn a_key_set_again_keeps_its_place_and_takes_the_new_value() {
        let mut attributes = attributes! { "a" => 1, "b" => 2 };

        attributes.set("a", 3);
        attributes.set(String::from("b"), 4);
        attributes.set(String::from("c"), 5);
        attributes.set("c", 6);

        let seen: Vec<_> = attributes
            .iter()
            .map(|(key, value)| (key.to_owned(), value.as_i64()))
            .collect();
        assert_eq!(
            seen,
            [("a", 3), ("b", 4), ("c", 6)].map(|(key, value)| (key.to_owned(), Some(value)))
        );
    }

    #[test]
    fn nothing_is_left_out() {
        let attributes = attributes! { "a" => None::<i64>, "b" => Some(1) };

        assert_eq!(attributes.len(), 1);
    }

    #[test]
    fn the_fifth_attribute_makes_room_for_sixteen() {
        let keys = ["a", "b", "c", "d", "e"];
        let mut attributes = Attributes::new();

        for key in keys {
            attributes.set(key, 1);
        }

        assert_eq!(attributes.list.capacity(), SPILLED);
        assert!(keys.iter().all(|key| attributes.get(key).is_some()));
    }
}
