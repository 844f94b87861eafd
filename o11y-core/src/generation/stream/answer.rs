//! What an answer consists of while it is put together, under one bound of bytes.

use compact_str::CompactString;
use serde_json::{Value as Json, json};

use crate::value::Value;

/// The most that is put together of one answer, in bytes: the text of about 250,000 tokens, twice
/// the longest output of the models of 2025, and a quarter of what one request to Langfuse carries
/// (4.5 MB). A server that never stops talking must not fill the memory of its client.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// Stands where something was left out.
const CUT: &str = "…[cut]";

/// What a choice or a tool call counts for apart from its texts, so that a stream of empty ones is
/// bounded as well.
const OVERHEAD: usize = 128;

/// Text that grows until there is no room left.
#[derive(Default)]
struct Text {
    text: String,
    cut: bool,
}

/// The bytes that may still be kept, and those that were not.
pub(super) struct Room {
    left: usize,
    pub(super) cut: u64,
}

/// One of the answers that were asked for; mostly there is one.
#[derive(Default)]
pub(super) struct Choice {
    index: u64,
    text: Text,
    tools: Vec<Tool>,
    pub(super) finish_reason: Option<CompactString>,
}

/// A call of a tool that the model asks for.
#[derive(Default)]
pub(super) struct Tool {
    slot: Option<u64>,
    id: String,
    name: String,
    arguments: Text,
}

impl Room {
    pub(super) const fn new(bytes: usize) -> Self {
        Self {
            left: bytes,
            cut: 0,
        }
    }

    /// As much of `text` as there is room for, at the end of a character. After a cut nothing has
    /// room any more: no text goes on behind a hole.
    fn take<'t>(&mut self, text: &'t str) -> &'t str {
        if text.len() <= self.left {
            self.left -= text.len();
            return text;
        }
        let end = (0..=self.left).rev().find(|&at| text.is_char_boundary(at));
        let kept = &text[..end.unwrap_or(0)];
        self.left = 0;
        self.cut = self.cut.saturating_add((text.len() - kept.len()) as u64);
        kept
    }

    /// Counts a text that has no place.
    pub(super) fn leave_out(&mut self, text: &str) {
        self.left = 0;
        self.cut = self.cut.saturating_add(text.len() as u64);
    }

    /// Takes room for one more choice or tool call; false if there is none.
    fn take_place(&mut self) -> bool {
        let room = self.left >= OVERHEAD;
        self.left = if room { self.left - OVERHEAD } else { 0 };
        room
    }
}

impl Text {
    fn push(&mut self, text: &str, room: &mut Room) {
        let kept = room.take(text);
        self.text.push_str(kept);
        self.cut |= kept.len() < text.len();
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && !self.cut
    }

    /// What was kept, with a mark where something is missing.
    fn into_shown(mut self) -> String {
        if self.cut {
            self.text.push_str(CUT);
        }
        self.text
    }
}

impl Choice {
    /// The choice of that index; none if there is no room for one more.
    pub(super) fn of<'c>(
        choices: &'c mut Vec<Self>,
        index: u64,
        room: &mut Room,
    ) -> Option<&'c mut Self> {
        // In the order of their indices, whichever speaks first.
        let place = choices.partition_point(|choice| choice.index < index);
        if choices
            .get(place)
            .is_none_or(|choice| choice.index != index)
        {
            // The first is free of charge: text alone may fill the bound to its last byte.
            if !choices.is_empty() && !room.take_place() {
                return None;
            }
            let choice = Self {
                index,
                ..Self::default()
            };
            choices.insert(place, choice);
        }
        choices.get_mut(place)
    }

    pub(super) fn index(&self) -> u64 {
        self.index
    }

    pub(super) fn push_text(&mut self, text: &str, room: &mut Room) {
        self.text.push(text, room);
    }

    /// The tool call that a delta belongs to.
    ///
    /// By its slot, where it has one. Some servers give all calls the same slot, or none, and tell
    /// them apart by their ids alone: another id begins another call.
    pub(super) fn tool(
        &mut self,
        slot: Option<u64>,
        id: &str,
        room: &mut Room,
    ) -> Option<&mut Tool> {
        let place = self.tools.iter().rposition(|tool| match slot {
            Some(_) => tool.slot == slot,
            None => id.is_empty() || tool.id == id,
        });
        let place = place.filter(|&place| {
            let known = &self.tools[place].id;
            id.is_empty() || known.is_empty() || known == id
        });
        match place {
            Some(place) => self.tools.get_mut(place),
            None => self.new_tool(slot, room),
        }
    }

    /// One more tool call; none if there is no room for it.
    pub(super) fn new_tool(&mut self, slot: Option<u64>, room: &mut Room) -> Option<&mut Tool> {
        if !room.take_place() {
            return None;
        }
        self.tools.push(Tool {
            slot,
            ..Tool::default()
        });
        self.tools.last_mut()
    }

    /// Whether the call in that slot has arguments already.
    pub(super) fn has_arguments_in(&self, slot: Option<u64>) -> bool {
        let mut tools = self.tools.iter();
        tools.any(|tool| tool.slot == slot && !tool.arguments.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.tools.is_empty()
    }

    /// Plain text if there is nothing else, or else the whole message.
    pub(super) fn into_output(self) -> Value {
        if self.tools.is_empty() {
            self.text.into_shown().into()
        } else {
            Value::from(&self.into_message())
        }
    }

    /// A message as OpenAI's chat completions have it.
    pub(super) fn into_message(self) -> Json {
        let content = (!self.text.is_empty()).then(|| self.text.into_shown());
        let mut message = json!({ "role": "assistant", "content": content });
        if !self.tools.is_empty() {
            message["tool_calls"] = self.tools.into_iter().map(Tool::into_json).collect();
        }
        message
    }
}

impl Tool {
    /// Id and name stand whole in one delta; some servers repeat them in every one.
    pub(super) fn name(&mut self, id: &str, name: &str, room: &mut Room) {
        for (known, said) in [(&mut self.id, id), (&mut self.name, name)] {
            if known.is_empty() {
                known.push_str(room.take(said));
            }
        }
    }

    pub(super) fn push_arguments(&mut self, text: &str, room: &mut Room) {
        self.arguments.push(text, room);
    }

    fn into_json(self) -> Json {
        json!({
            "id": self.id,
            "type": "function",
            "function": { "name": self.name, "arguments": self.arguments.into_shown() },
        })
    }
}
