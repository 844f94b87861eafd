//! Trace and span ids: their text form, and the generator behind them.

use std::{
    cell::RefCell,
    collections::hash_map::RandomState,
    fmt,
    hash::{BuildHasher as _, Hasher as _},
    str::FromStr,
};

use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::clock::Ticks;

/// The id of a trace: 16 bytes, shown as 32 lower-case hexadecimal digits, never all zero.
///
/// ```
/// use o11y_core::{ParseIdError, TraceId};
///
/// let id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse()?;
/// assert_eq!(TraceId::from_bytes(id.to_bytes()), Some(id));
/// assert_eq!(TraceId::from_bytes([0; 16]), None);
/// assert!(TraceId::random() != TraceId::random());
/// # Ok::<_, ParseIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId {
    // Two words instead of a `u128`, whose alignment of 16 would pad the record.
    high: u64,
    low: u64,
}

/// The id of a span: 8 bytes, shown as 16 lower-case hexadecimal digits, never all zero.
///
/// ```
/// use o11y_core::{ParseIdError, SpanId};
///
/// let id: SpanId = "b7ad6b7169203331".parse()?;
/// assert_eq!(SpanId::from_bytes(id.to_bytes()), Some(id));
/// let short: Result<SpanId, ParseIdError> = "b7ad".parse();
/// assert!(short.is_err());
/// # Ok::<_, ParseIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(u64);

impl TraceId {
    /// The place holder of a span that has not started; never exported.
    pub(crate) const NONE: Self = Self { high: 0, low: 0 };

    /// Makes a new random id.
    #[must_use]
    pub fn random() -> Self {
        Self::generate(Ticks::now())
    }

    /// Takes an id from its 16 bytes, most significant first; all zero is no id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let value = u128::from_be_bytes(bytes);
        if value == 0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        Some(Self {
            high: (value >> 64) as u64,
            low: value as u64,
        })
    }

    /// The id that belongs to a text of yours, such as the number of an order: the first 16 bytes of
    /// its SHA-256, as Langfuse's SDKs make it. Whoever knows the text can find the trace, or score
    /// it, from any process and language.
    ///
    /// ```
    /// use o11y_core::{Context, TraceId};
    ///
    /// let trace = TraceId::from_seed("order-17");
    /// assert_eq!(trace.to_string(), "72a90ea3da8b5dd01bde2f27314e02e2");
    /// Context::in_trace(trace).run(|| Context::with_span("order", |_span| { /* in that trace */ }));
    /// ```
    #[must_use]
    pub fn from_seed(seed: impl AsRef<[u8]>) -> Self {
        let hash = hmac_sha256::Hash::hash(seed.as_ref());
        let id = hash.first_chunk().copied().and_then(Self::from_bytes);
        // All zero is no id; no text is known whose hash begins so.
        id.unwrap_or(Self { high: 0, low: 1 })
    }

    /// The 16 bytes, most significant first, as they travel in OTLP.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        ((self.high as u128) << 64 | self.low as u128).to_be_bytes()
    }

    pub(crate) const fn is_none(self) -> bool {
        self.high == 0 && self.low == 0
    }

    pub(crate) fn given(self) -> Option<Self> {
        (!self.is_none()).then_some(self)
    }

    /// The less significant half, by which traces are sampled.
    pub(crate) const fn low(self) -> u64 {
        self.low
    }

    pub(crate) fn generate(now: Ticks) -> Self {
        let [high, low] = random(now);
        Self { high, low }
    }

    /// A new trace's id and that of its root: cheaper than one after the other.
    #[inline]
    pub(crate) fn generate_with_root(now: Ticks) -> (Self, SpanId) {
        let [high, low, root] = random(now);
        (Self { high, low }, SpanId(root))
    }
}

impl SpanId {
    /// The place holder of "no parent" and of a span that has not started.
    pub(crate) const NONE: Self = Self(0);

    /// Makes a new random id.
    #[must_use]
    pub fn random() -> Self {
        Self::generate(Ticks::now())
    }

    /// Takes an id from its 8 bytes, most significant first; all zero is no id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        match u64::from_be_bytes(bytes) {
            0 => None,
            value => Some(Self(value)),
        }
    }

    /// The 8 bytes, most significant first, as they travel in OTLP.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn given(self) -> Option<Self> {
        (!self.is_none()).then_some(self)
    }

    /// The text form, without the detour through a formatter.
    pub(crate) fn hex(self, text: &mut [u8; 16]) -> &str {
        hex(self.to_bytes(), text)
    }

    #[inline]
    pub(crate) fn generate(now: Ticks) -> Self {
        let [value] = random(now);
        Self(value)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex(self.to_bytes(), &mut [0; 32]))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hex(&mut [0; 16]))
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

/// A text that is not a trace or span id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected {expected} lower-case hexadecimal digits, not all zero")]
pub struct ParseIdError {
    expected: usize,
}

impl FromStr for TraceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text)
            .and_then(Self::from_bytes)
            .ok_or(ParseIdError { expected: 32 })
    }
}

impl FromStr for SpanId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text)
            .and_then(Self::from_bytes)
            .ok_or(ParseIdError { expected: 16 })
    }
}

/// Writes `N` bytes as `2 * N` lower-case digits.
fn hex<const N: usize>(bytes: [u8; N], text: &mut [u8]) -> &str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 0xf)],
        ];
    }
    std::str::from_utf8(text).unwrap_or_default() // digits are text
}

/// Reads exactly `N` bytes of hexadecimal; W3C allows lower case only.
fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

thread_local! {
    /// This thread's generator, seeded from the system on first use.
    static GENERATOR: RefCell<Option<Xoshiro256PlusPlus>> = const { RefCell::new(None) };
}

/// `N` random words, none of them zero.
///
/// The moment is mixed in because a forked child inherits the generator's state: without it
/// parent and child would go on handing out the same ids.
#[inline]
fn random<const N: usize>(now: Ticks) -> [u64; N] {
    // An odd constant (2^64 over the golden ratio) spreads neighbouring moments over all bits.
    let moment = now.raw().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    GENERATOR.with_borrow_mut(|slot| {
        let generator = slot.get_or_insert_with(seeded);
        std::array::from_fn(|_| (generator.next_u64() ^ moment).max(1))
    })
}

/// A generator with 256 bits of state from the system's randomness, by way of the standard
/// library's hasher keys; small seeds would let the streams of many processes meet.
#[cold]
fn seeded() -> Xoshiro256PlusPlus {
    let mut seed = [0; 32];
    for (index, chunk) in seed.chunks_exact_mut(8).enumerate() {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_usize(index);
        chunk.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    Xoshiro256PlusPlus::from_seed(seed)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn text_and_bytes_are_the_same_id() {
        let id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse().unwrap();

        assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(TraceId::from_bytes(id.to_bytes()), Some(id));
        let id: SpanId = "00f067aa0ba902b7".parse().unwrap();
        assert_eq!(id.to_string(), "00f067aa0ba902b7");
        assert_eq!(SpanId::from_bytes(id.to_bytes()), Some(id));
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "0af7651916cd43dd8448eb211c80319",
            "0AF7651916CD43DD8448EB211C80319C",
            "00000000000000000000000000000000",
            "0af7651916cd43dd8448eb211c80319g",
            "+af7651916cd43dd8448eb211c80319c",
        ] {
            assert!(text.parse::<TraceId>().is_err(), "{text:?}");
        }
        assert_eq!(
            "42".parse::<SpanId>().unwrap_err().to_string(),
            "not an id: expected 16 lower-case hexadecimal digits, not all zero"
        );
    }

    #[test]
    fn ids_do_not_repeat_across_threads() {
        let make = || (0..10_000).map(|_| TraceId::random()).collect::<Vec<_>>();

        let ids: HashSet<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });

        assert_eq!(ids.len(), 40_000);
    }

    #[test]
    fn the_same_state_at_another_moment_gives_another_id() {
        let state = Xoshiro256PlusPlus::from_seed([7; 32]);
        let draw = |moment| {
            GENERATOR.set(Some(state.clone()));
            TraceId::generate(Ticks::from_raw(moment))
        };

        assert_ne!(draw(1), draw(2));
    }
}
