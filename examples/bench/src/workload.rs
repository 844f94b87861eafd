//! The workloads: what a program says of itself, the same for every library.
//!
//! W1 is one root span with two texts of 16 bytes, an integer and a float. W2 is a trace of seven
//! spans: an agent, three chains in it, and in each of those a generation with twelve attributes
//! and 3 KiB of text. The texts belong to the program and are copied from it, unless it says that
//! they are moved.

/// Twenty words to make texts of.
const WORDS: [&str; 20] = [
    "the", "model", "answer", "coffee", "water", "order", "price", "please", "with", "under",
    "between", "morning", "customer", "summary", "tool", "because", "question", "value", "from",
    "never",
];

pub const INPUT_BYTES: usize = 2_048;
pub const OUTPUT_BYTES: usize = 1_024;

/// The texts of a program.
#[derive(Clone)]
pub struct Texts {
    pub s1: String,
    pub s2: String,
    pub model: String,
    pub input: String,
    pub output: String,
    pub response_id: String,
}

/// The texts of one generation, for a program that gives them away.
pub struct Owned {
    pub model: String,
    pub input: String,
    pub output: String,
    pub response_id: String,
}

impl Texts {
    pub fn new() -> Self {
        Self::of(0)
    }

    /// Others of the same lengths for another seed.
    pub fn of(seed: u64) -> Self {
        Self {
            s1: "customer-0000017".to_owned(),
            s2: "flat white large".to_owned(),
            model: "gpt-4o-mini-2024".to_owned(),
            input: prose(INPUT_BYTES, 2 * seed + 1),
            output: prose(OUTPUT_BYTES, 2 * seed + 2),
            response_id: "chatcmpl-A1b2C3d4E5f6G7h".to_owned(),
        }
    }

    pub fn owned(&self) -> Owned {
        Owned {
            model: self.model.clone(),
            input: self.input.clone(),
            output: self.output.clone(),
            response_id: self.response_id.clone(),
        }
    }
}

/// So many bytes of words, the same for the same seed.
fn prose(bytes: usize, seed: u64) -> String {
    let mut state = seed;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        // Knuth's generator: any would do.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.push_str(WORDS[(state >> 33) as usize % WORDS.len()]);
        text.push(' ');
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_have_the_lengths_that_are_stated() {
        let texts = Texts::new();

        assert_eq!((texts.s1.len(), texts.s2.len()), (16, 16));
        assert_eq!((texts.model.len(), texts.response_id.len()), (16, 24));
        assert_eq!((texts.input.len(), texts.output.len()), (2_048, 1_024));
    }
}
