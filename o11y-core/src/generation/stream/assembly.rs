//! Puts a streamed answer together: who answered, what was said, why it stopped.

use compact_str::CompactString;
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    answer::{Choice, MAX_BYTES, Room, Tool},
    chunk,
    tape::Tape,
};
use crate::value::Value;

/// What the chunks of one answer have said so far.
pub(in crate::generation) struct Assembly {
    tape: Tape,
    said: Said,
    model_is_told: bool,
}

/// What one chunk brought.
pub(in crate::generation) struct Brought {
    /// Text, a part of a tool call, or reasoning.
    pub(in crate::generation) content: bool,
    /// It states usage somewhere.
    pub(in crate::generation) usage: bool,
}

/// What the rules of the providers fill.
pub(super) struct Said {
    /// Whether what is said is kept; else only that something was.
    keeps: bool,
    room: Room,
    choices: Vec<Choice>,
    /// Whether there was content in the present chunk.
    content: bool,
    model: Option<CompactString>,
    id: Option<CompactString>,
}

impl Default for Assembly {
    fn default() -> Self {
        Self::new(MAX_BYTES)
    }
}

impl Assembly {
    fn new(max_bytes: usize) -> Self {
        Self {
            tape: Tape::default(),
            said: Said {
                keeps: true,
                room: Room::new(max_bytes),
                choices: Vec::new(),
                content: false,
                model: None,
                id: None,
            },
            model_is_told: false,
        }
    }

    /// Reads a chunk of any provider.
    pub(in crate::generation) fn read(
        &mut self,
        chunk: &(impl Serialize + ?Sized),
        keeps: bool,
    ) -> Brought {
        self.tape.write(chunk);
        self.said.keeps = keeps;
        self.said.content = false;
        if let Some(root) = self.tape.root() {
            chunk::read(root, &mut self.said);
        }
        Brought {
            content: self.said.content,
            usage: self.tape.states_usage(),
        }
    }

    pub(in crate::generation) fn push_text(&mut self, text: &str) {
        self.said.keeps = true;
        self.said.text(0, text);
    }

    /// The model that answers, once.
    pub(in crate::generation) fn take_model(&mut self) -> Option<&str> {
        let model = self.said.model.as_deref()?;
        (!std::mem::replace(&mut self.model_is_told, true)).then_some(model)
    }

    /// All that was said; nothing if there was nothing.
    pub(in crate::generation) fn take_output(&mut self) -> Value {
        let mut choices = std::mem::take(&mut self.said.choices);
        choices.retain(|choice| !choice.is_empty());
        match choices.len() {
            0 => Value::null(),
            1 => choices.pop().map(Choice::into_output).into(),
            _ => {
                let messages: Json = choices.into_iter().map(Choice::into_message).collect();
                Value::from(&messages)
            }
        }
    }

    /// The bytes for which there was no room.
    pub(in crate::generation) fn cut_bytes(&self) -> Option<u64> {
        Some(self.said.room.cut).filter(|cut| *cut > 0)
    }

    /// Why the model stopped, a text for each choice, as JSON.
    pub(in crate::generation) fn finish_reasons(&self) -> Value {
        let choices = self.said.choices.iter();
        let reasons: Vec<_> = choices
            .filter_map(|choice| choice.finish_reason.as_deref())
            .collect();
        (!reasons.is_empty()).then(|| Value::from(&reasons)).into()
    }

    /// The provider's id of the answer.
    pub(in crate::generation) fn id(&self) -> Value {
        self.said.id.as_deref().map(Value::from).into()
    }
}

impl Said {
    /// A piece of text of that choice.
    pub(super) fn text(&mut self, choice: u64, text: &str) {
        if self.something(text) {
            let room = &mut self.room;
            if let Some(choice) = Choice::of(&mut self.choices, choice, room) {
                choice.push_text(text, room);
            } else {
                room.leave_out(text);
            }
        }
    }

    /// Reasoning is content, but it is not kept.
    pub(super) fn reasoning(&mut self, text: &str) {
        self.content |= !text.is_empty();
    }

    /// A piece of a tool call that comes in pieces.
    pub(super) fn tool(&mut self, choice: u64, slot: Option<u64>, part: &ToolPart<'_>) {
        self.add_tool(choice, part, |choice, room| {
            choice.tool(slot, part.id, room)
        });
    }

    /// A tool call that comes whole, all at once.
    pub(super) fn new_tool(&mut self, choice: u64, part: &ToolPart<'_>) {
        self.add_tool(choice, part, |choice, room| choice.new_tool(None, room));
    }

    /// A tool call that comes whole, perhaps after its pieces.
    pub(super) fn whole_tool(&mut self, choice: u64, slot: Option<u64>, part: &ToolPart<'_>) {
        let mut choices = self.choices.iter();
        if !choices.any(|known| known.index() == choice && known.has_arguments_in(slot)) {
            self.tool(choice, slot, part);
        }
    }

    fn add_tool(
        &mut self,
        choice: u64,
        part: &ToolPart<'_>,
        find: impl for<'c> FnOnce(&'c mut Choice, &mut Room) -> Option<&'c mut Tool>,
    ) {
        let texts = [part.id, part.name, part.arguments];
        self.content |= texts.iter().any(|text| !text.is_empty());
        if !self.keeps {
            return;
        }
        let room = &mut self.room;
        let choice = Choice::of(&mut self.choices, choice, room);
        if let Some(tool) = choice.and_then(|choice| find(choice, room)) {
            tool.name(part.id, part.name, room);
            tool.push_arguments(part.arguments, room);
        } else {
            for text in texts {
                room.leave_out(text);
            }
        }
    }

    /// Why that choice stopped.
    pub(super) fn finish(&mut self, choice: u64, reason: &str) {
        if self.keeps
            && let Some(choice) = Choice::of(&mut self.choices, choice, &mut self.room)
        {
            choice.finish_reason = Some(reason.into());
        }
    }

    /// The model, which only the first chunk needs to say.
    pub(super) fn model(&mut self, model: &str) {
        self.model.get_or_insert_with(|| model.into());
    }

    pub(super) fn id(&mut self, id: &str) {
        if self.keeps {
            self.id.get_or_insert_with(|| id.into());
        }
    }

    /// Notes content, and whether it is to be kept.
    fn something(&mut self, text: &str) -> bool {
        self.content |= !text.is_empty();
        self.keeps && !text.is_empty()
    }
}

/// What one chunk says of a tool call; what it does not say is empty.
pub(super) struct ToolPart<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) arguments: &'a str,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const CUT: &str = "…[cut]";

    fn put_together(max_bytes: usize, pieces: &[String]) -> (String, u64) {
        let mut assembly = Assembly::new(max_bytes);
        for piece in pieces {
            assembly.read(&json!({"choices": [{"delta": {"content": piece}}]}), true);
        }
        let output = assembly.take_output();
        let text = output.as_str().unwrap_or_default().to_owned();
        (text, assembly.cut_bytes().unwrap_or(0))
    }

    /// The text in pieces that end at the characters of these places.
    fn pieces(text: &str, places: &[usize]) -> Vec<String> {
        let characters: Vec<char> = text.chars().collect();
        let mut ends: Vec<_> = places
            .iter()
            .map(|place| place % (characters.len() + 1))
            .chain([0, characters.len()])
            .collect();
        ends.sort_unstable();
        ends.windows(2)
            .map(|ends| characters[ends[0]..ends[1]].iter().collect())
            .collect()
    }

    proptest! {
        #[test]
        fn a_text_in_pieces_is_put_together_again(
            text in ".{0,200}", places in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            let (output, cut) = put_together(MAX_BYTES, &pieces(&text, &places));

            prop_assert_eq!(output, text);
            prop_assert_eq!(cut, 0);
        }

        #[test]
        fn a_cut_is_at_a_character_and_counts_what_is_missing(
            text in "(é|a|漢|🥛){0,80}", places in prop::collection::vec(any::<usize>(), 0..9),
            max_bytes in 0_usize..200,
        ) {
            let (output, cut) = put_together(max_bytes, &pieces(&text, &places));

            if text.len() <= max_bytes {
                prop_assert_eq!(output, text);
            } else {
                prop_assert!(output.len() <= max_bytes + CUT.len());
                let kept = output.strip_suffix(CUT).unwrap();
                prop_assert!(text.starts_with(kept));
                prop_assert_eq!(kept.len() as u64 + cut, text.len() as u64);
                prop_assert!(kept.len() + 4 > max_bytes);
            }
        }

        #[test]
        fn no_chunk_whatever_panics_and_the_bound_holds(
            index in any::<u64>(), slot in prop::option::of(0_u64..9), name in ".{0,30}",
            arguments in prop::collection::vec(".{0,30}", 0..30), max_bytes in 0_usize..2_000,
        ) {
            let mut assembly = Assembly::new(max_bytes);
            for arguments in &arguments {
                let call = json!({"index": slot, "function": {"name": name, "arguments": arguments}});
                assembly.read(&json!({"choices": [{"index": index, "delta": {"tool_calls": [call]}}]}), true);
            }

            let output = assembly.take_output();
            let bound = 2 * max_bytes + 30 * 100; // escapes, and the names of the fields
            prop_assert!(output.as_str().is_none_or(|text| text.len() <= bound));
        }
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_recorded() {
        let mut assembly = Assembly::default();

        let brought = assembly.read(
            &json!({"model": "gpt", "choices": [{"delta": {"content": "flat"}}]}),
            false,
        );

        assert!(brought.content);
        assert!(assembly.take_output().is_null());
        assert_eq!(assembly.take_model(), Some("gpt"));
        assert_eq!(assembly.take_model(), None);
    }

    #[test]
    fn a_stream_of_empty_tool_calls_is_bounded() {
        let mut assembly = Assembly::new(10_000);
        for place in 0..10_000 {
            let call = json!({"index": place, "id": "", "function": {"name": "f"}});
            assembly.read(
                &json!({"choices": [{"delta": {"tool_calls": [call]}}]}),
                true,
            );
        }

        let output = assembly.take_output();

        let message: Json = serde_json::from_str(output.as_str().unwrap()).unwrap();
        let calls = message["tool_calls"].as_array().unwrap().len();
        assert!((50..100).contains(&calls), "{calls}");
        assert_eq!(assembly.cut_bytes(), Some(10_000 - calls as u64));
    }
}
