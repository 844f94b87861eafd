//! Bytes of an answer that are kept until its end, up to a limit.

use serde_json::{Deserializer, Value as Json, json};

/// What is kept of the end of an answer that is too long: providers state the usage there.
const TAIL_BYTES: usize = 16 * 1024;

/// An answer, or its end.
pub(super) struct Held {
    bytes: Vec<u8>,
    max_bytes: usize,
    /// How many bytes of the beginning are gone.
    left_out: u64,
}

impl Held {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            bytes: Vec::new(),
            max_bytes,
            left_out: 0,
        }
    }

    pub(super) fn push(&mut self, mut data: &[u8]) {
        if self.left_out == 0 && self.bytes.len() + data.len() <= self.max_bytes {
            self.bytes.extend_from_slice(data);
            return;
        }
        if data.len() > TAIL_BYTES {
            let (gone, kept) = data.split_at(data.len() - TAIL_BYTES);
            self.left_out += gone.len() as u64;
            data = kept;
        }
        self.bytes.extend_from_slice(data);
        // Twice as much, so that not every piece moves the rest.
        if self.bytes.len() > 2 * TAIL_BYTES || self.left_out == 0 {
            let gone = self.bytes.len().saturating_sub(TAIL_BYTES);
            self.bytes.drain(..gone);
            self.bytes.shrink_to(2 * TAIL_BYTES);
            self.left_out += gone as u64;
        }
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The answer, or the usage alone if the answer is too long.
    pub(super) fn json(&self) -> Option<Json> {
        if self.left_out == 0 {
            return serde_json::from_slice(&self.bytes).ok();
        }
        let named = b"\"usage\"";
        let at = self
            .bytes
            .windows(named.len())
            .rposition(|at| at == named)?;
        let rest = self.bytes[at + named.len()..].trim_ascii_start();
        let mut values = Deserializer::from_slice(rest.strip_prefix(b":")?).into_iter();
        let usage: Json = values.next()?.ok()?;
        Some(json!({ "usage": usage }))
    }

    /// The answer as text, if it is short: the page of a proxy that failed.
    pub(super) fn short_text(&self) -> Option<&str> {
        let text = str::from_utf8(&self.bytes).ok()?.trim();
        (self.left_out == 0 && !text.is_empty() && text.len() <= 200).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_that_is_too_long_the_usage_is_kept() {
        let numbers = "0.25,".repeat(100_000);
        let answer = format!(r#"{{"data": [{numbers}0], "usage" : {{"prompt_tokens": 7}}}}"#);
        for piece in [1_000, 30_000, answer.len()] {
            let mut held = Held::new(64 * 1024);

            answer
                .as_bytes()
                .chunks(piece)
                .for_each(|piece| held.push(piece));

            assert_eq!(held.json(), Some(json!({"usage": {"prompt_tokens": 7}})));
            assert!(held.bytes.capacity() <= 64 * 1024 + 2 * TAIL_BYTES + piece);
            assert_eq!(
                held.left_out() + held.bytes.len() as u64,
                answer.len() as u64
            );
        }
    }
}
