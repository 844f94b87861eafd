//! A list of attributes: four lie inline, the fifth moves all of them to the heap at once.

use std::{borrow::Cow, fmt, iter};

use compact_str::CompactString;

use crate::value::Value;

/// Attributes that lie inside a record; most spans have no more.
const INLINE: usize = 4;

/// Attributes that come with one more allocation: nearly every span is content with one.
const MORE: usize = 12;

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
    /// Filled from the front: behind the first empty slot there is nothing.
    inline: [Option<Attribute>; INLINE],
    more: Option<Box<More>>,
}

/// Room for what does not fit, filled in the same way.
#[derive(Clone, Default, PartialEq)]
struct More {
    slots: [Option<Attribute>; MORE],
    more: Option<Box<Self>>,
}

impl Attributes {
    /// No attributes; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            inline: [const { None }; INLINE],
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
        self.slots()
            .map_while(Option::as_ref)
            .map(Attribute::as_pair)
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

    /// The hot path.
    pub(crate) fn put(&mut self, key: &'static str, value: Value) {
        if value.is_null() {
            return;
        }
        match self.find(key) {
            Some(attribute) => attribute.replace(value),
            slot => {
                *slot = Some(Attribute {
                    key,
                    value: Slot::Value(value),
                });
            }
        }
    }

    #[cold]
    fn put_keyed(&mut self, key: CompactString, value: Value) {
        if value.is_null() {
            return;
        }
        match self.find(&key) {
            Some(attribute) => attribute.replace(value),
            slot => {
                *slot = Some(Attribute {
                    key: "",
                    value: Slot::Keyed(Box::new((key, value))),
                });
            }
        }
    }

    /// The slot that holds `key`, or else the one where it is to go.
    #[inline]
    fn find(&mut self, key: &str) -> &mut Option<Attribute> {
        let (mut slots, mut more) = (&mut self.inline[..], &mut self.more);
        loop {
            for slot in slots {
                match slot {
                    Some(attribute) if !attribute.has(key) => {}
                    _ => return slot,
                }
            }
            let next = more.get_or_insert_default();
            (slots, more) = (&mut next.slots, &mut next.more);
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Option<Attribute>> {
        let more = iter::successors(self.more.as_deref(), |more| more.more.as_deref());
        self.inline.iter().chain(more.flat_map(|more| &more.slots))
    }

    /// Puts all of `late` over what is there.
    pub(crate) fn overlay(&mut self, late: Self) {
        late.inline
            .into_iter()
            .flatten()
            .for_each(|one| self.put_over(one));
        let mut more = late.more;
        while let Some(next) = more {
            next.slots
                .into_iter()
                .flatten()
                .for_each(|one| self.put_over(one));
            more = next.more;
        }
    }

    fn put_over(&mut self, attribute: Attribute) {
        match attribute.value {
            Slot::Value(value) => self.put(attribute.key, value),
            Slot::Keyed(keyed) => self.put_keyed(keyed.0, keyed.1),
        }
    }

    /// The bytes held outside of the list itself, for the queue's byte budget.
    pub(crate) fn heap_bytes(&self) -> usize {
        let inline: usize = self
            .inline
            .iter()
            .map_while(Option::as_ref)
            .map(Attribute::heap_bytes)
            .sum();
        let more = iter::successors(self.more.as_deref(), |more| more.more.as_deref());
        inline + more.map(More::heap_bytes).sum::<usize>()
    }
}

impl More {
    fn heap_bytes(&self) -> usize {
        let attributes = self.slots.iter().map_while(Option::as_ref);
        size_of_val(self) + attributes.map(Attribute::heap_bytes).sum::<usize>()
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

    fn heap_bytes(&self) -> usize {
        match &self.value {
            Slot::Value(value) => value.heap_bytes(),
            Slot::Keyed(keyed) => keyed.0.len() + size_of_val(&**keyed) + keyed.1.heap_bytes(),
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
    fn many_attributes_keep_their_order_and_can_be_replaced() {
        let mut attributes = Attributes::new();

        for round in 0..2 {
            for number in 0..50 {
                attributes.set(format!("key {number}"), number + round);
            }
        }

        let seen: Vec<_> = attributes.iter().map(|(_, value)| value.as_i64()).collect();
        let expected: Vec<_> = (1..51).map(Some).collect();
        assert_eq!(seen, expected);
        assert_eq!(attributes.len(), 50);
    }

    #[test]
    fn four_attributes_hold_nothing_outside_of_the_list() {
        let mut attributes = attributes! { "a" => 1, "b" => "short", "c" => true, "d" => 0.5 };
        assert_eq!(attributes.heap_bytes(), 0);

        attributes.set("e", 1);

        assert_eq!(attributes.heap_bytes(), size_of::<More>());
    }
}
