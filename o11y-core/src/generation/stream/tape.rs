//! A chunk as a flat list of the fields that matter.
//!
//! Anything serialisable is written here without a tree in between: one list and one text, both
//! used again for the next chunk, so that a chunk allocates nothing once they have grown. Fields
//! that no provider's rules ask for are not even serialised.

use std::ops::Range;

use serde::Serialize;

use self::pen::Pen;
use super::field::Field;

mod pen;

/// Deeper than this no provider says anything; it also bounds the stack of a chunk without end.
const MAX_DEPTH: u8 = 16;

/// A text that grew beyond this with an unusual chunk is given back after it.
const KEPT_TEXT_BYTES: usize = 64 * 1024;

/// What was picked of one chunk, in the order of its fields.
#[derive(Default)]
pub(super) struct Tape {
    entries: Vec<Entry>,
    text: String,
}

struct Entry {
    depth: u8,
    field: Field,
    leaf: Leaf,
}

/// What stands in a field.
#[derive(Clone)]
enum Leaf {
    /// Fields or items follow, one deeper.
    Open,
    /// A place in the tape's text.
    Text(Range<usize>),
    Number(u64),
    True,
}

impl Tape {
    /// Picks what matters of `chunk`; what cannot be serialised says nothing.
    pub(super) fn write(&mut self, chunk: &(impl Serialize + ?Sized)) {
        self.entries.clear();
        self.text.clear();
        if self.text.capacity() > KEPT_TEXT_BYTES {
            self.text = String::new();
        }
        if chunk.serialize(Pen::new(self)).is_err() {
            self.entries.clear();
        }
    }

    /// The chunk, if anything of it matters.
    pub(super) fn root(&self) -> Option<Node<'_>> {
        self.node(0)
    }

    /// Whether it states usage anywhere.
    pub(super) fn states_usage(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.field == Field::Usage)
    }

    fn node(&self, at: usize) -> Option<Node<'_>> {
        let entry = self.entries.get(at)?;
        Some(Node {
            tape: self,
            at,
            entry,
        })
    }

    fn push(&mut self, depth: u8, field: Field, leaf: Leaf) {
        self.entries.push(Entry { depth, field, leaf });
    }

    fn push_text(&mut self, depth: u8, field: Field, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.push(depth, field, Leaf::Text(start..self.text.len()));
    }
}

/// One place on a tape.
#[derive(Clone, Copy)]
pub(super) struct Node<'t> {
    tape: &'t Tape,
    at: usize,
    entry: &'t Entry,
}

impl<'t> Node<'t> {
    /// The field of that name, if it says anything.
    pub(super) fn get(self, field: Field) -> Option<Self> {
        self.children().find(|child| child.entry.field == field)
    }

    /// The fields or items directly below.
    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        let depth = self.entry.depth;
        let below = self.tape.entries.iter().enumerate().skip(self.at + 1);
        below
            .take_while(move |(_, entry)| entry.depth > depth)
            .filter(move |(_, entry)| entry.depth == depth + 1)
            .map(move |(at, entry)| Node {
                tape: self.tape,
                at,
                entry,
            })
    }

    /// The text that stands here, which may be empty.
    pub(super) fn text(self) -> Option<&'t str> {
        match &self.entry.leaf {
            Leaf::Text(place) => self.tape.text.get(place.clone()),
            _ => None,
        }
    }

    pub(super) fn number(self) -> Option<u64> {
        match self.entry.leaf {
            Leaf::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn is_true(self) -> bool {
        matches!(self.entry.leaf, Leaf::True)
    }

    /// The text of a field.
    pub(super) fn text_of(self, field: Field) -> Option<&'t str> {
        self.get(field).and_then(Node::text)
    }

    /// The number in a field.
    pub(super) fn number_of(self, field: Field) -> Option<u64> {
        self.get(field).and_then(Node::number)
    }

    /// The items of the list in a field; none if there is no such list.
    pub(super) fn items_of(self, field: Field) -> impl Iterator<Item = Self> {
        self.get(field).into_iter().flat_map(Node::children)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    fn tape(chunk: &(impl Serialize + ?Sized)) -> Tape {
        let mut tape = Tape::default();
        tape.write(chunk);
        tape
    }

    /// What nobody can serialise.
    struct Broken;

    impl Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("out of beans"))
        }
    }

    #[test]
    fn what_matters_is_found_and_the_rest_is_not_even_serialised() {
        #[derive(Serialize)]
        struct Delta {
            role: &'static str,
            content: Option<&'static str>,
            refusal: Option<&'static str>,
        }
        #[derive(Serialize)]
        struct Chunk {
            model: &'static str,
            logprobs: Broken,
            choices: Vec<Delta>,
        }
        let delta = Delta {
            role: "assistant",
            content: Some("flat"),
            refusal: None,
        };

        let tape = tape(&Chunk {
            model: "gpt",
            logprobs: Broken,
            choices: vec![delta],
        });

        let root = tape.root().unwrap();
        assert_eq!(root.text_of(Field::Model), Some("gpt"));
        let choices: Vec<_> = root.items_of(Field::Choices).collect();
        assert_eq!(choices.len(), 1);
        assert_eq!(choices[0].text_of(Field::Content), Some("flat"));
        assert!(choices[0].get(Field::Refusal).is_none());
    }

    #[test]
    fn arguments_are_text_whether_they_come_as_text_or_as_an_object() {
        for arguments in [json!({"size": "small"}), json!(r#"{"size":"small"}"#)] {
            let tape = tape(&json!({"function": {"name": "brew", "arguments": arguments}}));

            let function = tape.root().unwrap().get(Field::Function).unwrap();
            assert_eq!(
                function.text_of(Field::Arguments),
                Some(r#"{"size":"small"}"#)
            );
        }
    }

    #[test]
    fn a_variant_with_a_value_is_an_object_with_one_field() {
        #[derive(Serialize)]
        enum Event {
            #[serde(rename = "contentBlockDelta")]
            Delta { index: u8 },
            #[serde(rename = "messageStop")]
            Stop(&'static str),
        }

        let delta = tape(&Event::Delta { index: 3 });
        let stop = tape(&Event::Stop("end_turn"));

        let inner = delta.root().unwrap().get(Field::ContentBlockDelta).unwrap();
        assert_eq!(inner.number_of(Field::Index), Some(3));
        assert_eq!(
            stop.root().unwrap().text_of(Field::MessageStop),
            Some("end_turn")
        );
    }

    #[test]
    fn usage_counts_as_stated_only_if_it_is_there() {
        assert!(tape(&json!({"usage": {"prompt_tokens": 1}})).states_usage());
        assert!(tape(&json!({"message": {"usage": {"input_tokens": 1}}})).states_usage());
        assert!(tape(&json!({"eval_count": 0})).states_usage());
        assert!(!tape(&json!({"usage": null, "choices": []})).states_usage());
    }

    #[test]
    fn a_chunk_without_end_is_cut_at_a_depth_and_one_that_fails_says_nothing() {
        let mut deep = json!("end");
        for _ in 0..100 {
            deep = json!({ "delta": deep });
        }
        let deep = tape(&deep);
        let broken = tape(&[("text", Broken)]);

        assert!(deep.entries.len() <= usize::from(MAX_DEPTH) + 1);
        assert!(broken.root().is_none());
    }
}
