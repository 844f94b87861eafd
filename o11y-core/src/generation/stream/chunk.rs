//! The rules of the providers: what a chunk says, by its shape.
//!
//! Shapes are those of the providers' references as of November 2025. A server that speaks like
//! one of them is read like it; a chunk that speaks like none says nothing.

use super::{
    assembly::{Said, ToolPart},
    field::Field,
    tape::Node,
};

mod typed;

/// Notes in `said` what a chunk says.
pub(super) fn read(chunk: Node<'_>, said: &mut Said) {
    if let Some(text) = chunk.text() {
        return said.text(0, text);
    }
    if let Some(kind) = chunk.text_of(Field::Type) {
        return typed::read(kind, chunk, said);
    }
    identify(chunk, said);
    for choice in chunk.items_of(Field::Choices) {
        openai(choice, said);
    }
    for candidate in chunk.items_of(Field::Candidates) {
        gemini(candidate, said);
    }
    // A prompt that Gemini blocks has no candidates.
    if let Some(feedback) = chunk.get(Field::PromptFeedback)
        && let Some(reason) = feedback.text_of(Field::BlockReason)
    {
        said.finish(0, reason);
    }
    ollama(chunk, said);
    bedrock(chunk, said);
}

/// Who answers, and under which id.
fn identify(place: Node<'_>, said: &mut Said) {
    for field in [Field::Model, Field::ModelVersion] {
        if let Some(model) = place.text_of(field) {
            said.model(model);
        }
    }
    for field in [Field::Id, Field::ResponseId] {
        if let Some(id) = place.text_of(field) {
            said.id(id);
        }
    }
}

/// One choice of OpenAI's chat completions; the older completions have the text right in it.
fn openai(choice: Node<'_>, said: &mut Said) {
    let index = choice.number_of(Field::Index).unwrap_or(0);
    if let Some(text) = choice.text_of(Field::Text) {
        said.text(index, text);
    }
    if let Some(delta) = choice.get(Field::Delta) {
        for field in [Field::Content, Field::Refusal] {
            if let Some(text) = delta.text_of(field) {
                said.text(index, text);
            }
        }
        for part in delta.items_of(Field::Content) {
            mistral(index, part, said);
        }
        if let Some(audio) = delta.get(Field::Audio) {
            said.text(index, audio.text_of(Field::Transcript).unwrap_or(""));
        }
        if let Some(text) = delta.text_of(Field::Reasoning) {
            said.reasoning(text);
        }
        for call in delta.items_of(Field::ToolCalls) {
            said.tool(index, call.number_of(Field::Index), &function_in(call));
        }
        // The older form, of a single call.
        if let Some(call) = delta.get(Field::FunctionCall) {
            said.tool(index, None, &named_in(call));
        }
    }
    if let Some(reason) = choice.text_of(Field::FinishReason) {
        said.finish(index, reason);
    }
}

/// A part of a content that is a list, as of Mistral's models that think.
fn mistral(index: u64, part: Node<'_>, said: &mut Said) {
    if let Some(text) = part.text_of(Field::Text) {
        said.text(index, text);
    }
    if let Some(text) = part.text_of(Field::Thinking) {
        said.reasoning(text);
    }
    for thought in part.items_of(Field::Thinking) {
        said.reasoning(thought.text_of(Field::Text).unwrap_or(""));
    }
}

/// A tool call with its function inside, as OpenAI has it and many others too.
fn function_in(call: Node<'_>) -> ToolPart<'_> {
    let of = |field| {
        let function = call.get(Field::Function);
        function.and_then(|function| function.text_of(field))
    };
    ToolPart {
        id: call.text_of(Field::Id).unwrap_or(""),
        name: of(Field::Name).unwrap_or(""),
        arguments: of(Field::Arguments).unwrap_or(""),
    }
}

/// One candidate of Gemini's `streamGenerateContent`. Calls of functions come whole.
fn gemini(candidate: Node<'_>, said: &mut Said) {
    let index = candidate.number_of(Field::Index).unwrap_or(0);
    let content = candidate.get(Field::Content);
    for part in content
        .into_iter()
        .flat_map(|content| content.items_of(Field::Parts))
    {
        let thinks = part.get(Field::Thought).is_some_and(Node::is_true);
        match part.text_of(Field::Text) {
            Some(text) if thinks => said.reasoning(text),
            Some(text) => said.text(index, text),
            None => {}
        }
        if let Some(call) = part.get(Field::FunctionCall) {
            said.new_tool(index, &named_in(call));
        }
    }
    if let Some(reason) = candidate.text_of(Field::FinishReason) {
        said.finish(index, reason);
    }
}

/// A tool call whose name and arguments stand right in it.
fn named_in(call: Node<'_>) -> ToolPart<'_> {
    ToolPart {
        id: call.text_of(Field::Id).unwrap_or(""),
        name: call.text_of(Field::Name).unwrap_or(""),
        arguments: call.text_of(Field::Arguments).unwrap_or(""),
    }
}

/// A line of Ollama's: `message` of a chat, `response` of a completion. Tool calls come whole.
fn ollama(line: Node<'_>, said: &mut Said) {
    if let Some(text) = line.text_of(Field::Response) {
        said.text(0, text);
    }
    if let Some(message) = line.get(Field::Message) {
        if let Some(text) = message.text_of(Field::Content) {
            said.text(0, text);
        }
        for call in message.items_of(Field::ToolCalls) {
            said.new_tool(0, &function_in(call));
        }
    }
    let message = line.get(Field::Message).unwrap_or(line);
    if let Some(text) = message.text_of(Field::Thinking) {
        said.reasoning(text);
    }
    if let Some(reason) = line.text_of(Field::DoneReason) {
        said.finish(0, reason);
    }
}

/// An event of Bedrock's `ConverseStream`: an object with one field, the event's name.
fn bedrock(event: Node<'_>, said: &mut Said) {
    if let Some(block) = event.get(Field::ContentBlockStart) {
        let tool = block
            .get(Field::Start)
            .and_then(|start| start.get(Field::ToolUse));
        if let Some(tool) = tool {
            let part = ToolPart {
                id: tool.text_of(Field::ToolUseId).unwrap_or(""),
                name: tool.text_of(Field::Name).unwrap_or(""),
                arguments: "",
            };
            said.tool(0, block.number_of(Field::ContentBlockIndex), &part);
        }
    }
    if let Some(block) = event.get(Field::ContentBlockDelta)
        && let Some(delta) = block.get(Field::Delta)
    {
        if let Some(text) = delta.text_of(Field::Text) {
            said.text(0, text);
        }
        if let Some(tool) = delta.get(Field::ToolUse) {
            let slot = block.number_of(Field::ContentBlockIndex);
            said.tool(0, slot, &named_in(tool));
        }
        let reasoning = delta.get(Field::ReasoningContent);
        if let Some(text) = reasoning.and_then(|content| content.text_of(Field::Text)) {
            said.reasoning(text);
        }
    }
    if let Some(stop) = event.get(Field::MessageStop)
        && let Some(reason) = stop.text_of(Field::StopReason)
    {
        said.finish(0, reason);
    }
}
