//! Chunks that name their type: OpenAI's responses, Anthropic's messages, Cohere's chats.

use super::{Field, Node, Said, ToolPart, function_in, identify, named_in};

/// Notes in `said` what an event of that type says.
pub(super) fn read(kind: &str, event: Node<'_>, said: &mut Said) {
    match kind {
        // OpenAI's responses.
        "response.output_text.delta" | "response.refusal.delta" => {
            said.text(0, event.text_of(Field::Delta).unwrap_or(""));
        }
        "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
            said.reasoning(event.text_of(Field::Delta).unwrap_or(""));
        }
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            let part = ToolPart {
                id: "",
                name: "",
                arguments: event.text_of(Field::Delta).unwrap_or(""),
            };
            said.tool(0, event.number_of(Field::OutputIndex), &part);
        }
        "response.output_item.added" | "response.output_item.done" => item(event, said),
        _ if kind.starts_with("response.") => response(event, said),

        // Anthropic's messages.
        "message_start" => {
            if let Some(message) = event.get(Field::Message) {
                identify(message, said);
            }
        }
        "content_block_start" => block_start(event, said),
        "content_block_delta" => block_delta(event, said),
        "message_delta" => {
            let delta = event.get(Field::Delta);
            if let Some(reason) = delta.and_then(|delta| delta.text_of(Field::StopReason)) {
                said.finish(0, reason);
            }
        }

        // Cohere's chats.
        "message-start" => identify(event, said),
        "content-start" | "content-delta" | "tool-plan-delta" | "tool-call-start"
        | "tool-call-delta" => cohere(event, said),
        "message-end" => {
            let delta = event.get(Field::Delta);
            if let Some(reason) = delta.and_then(|delta| delta.text_of(Field::FinishReason)) {
                said.finish(0, reason);
            }
        }
        _ => {}
    }
}

/// An item of a response. A call of a tool is named when it is added; when it is done it is whole, which matters if its arguments did not come in pieces.
fn item(event: Node<'_>, said: &mut Said) {
    let Some(item) = event.get(Field::Item) else {
        return;
    };
    let is_call = |kind| matches!(kind, "function_call" | "custom_tool_call");
    if item.text_of(Field::Type).is_some_and(is_call) {
        let part = ToolPart {
            id: item.text_of(Field::CallId).unwrap_or(""),
            ..named_in(item)
        };
        said.whole_tool(0, event.number_of(Field::OutputIndex), &part);
    }
}

/// A response as a whole, which its first and last events show.
fn response(event: Node<'_>, said: &mut Said) {
    let Some(response) = event.get(Field::Response) else {
        return;
    };
    identify(response, said);
    let details = response.get(Field::IncompleteDetails);
    let reason = details.and_then(|details| details.text_of(Field::Reason));
    let status = response.text_of(Field::Status);
    let running = ["in_progress", "queued"];
    if let Some(reason) = reason.or(status.filter(|status| !running.contains(status))) {
        said.finish(0, reason);
    }
}

fn block_start(event: Node<'_>, said: &mut Said) {
    let Some(block) = event.get(Field::ContentBlock) else {
        return;
    };
    if let Some(text) = block.text_of(Field::Text) {
        said.text(0, text);
    }
    if block.get(Field::Name).is_some() {
        let part = named_in(block);
        let part = ToolPart {
            // An empty object stands for arguments that are still to come.
            arguments: if part.arguments == "{}" {
                ""
            } else {
                part.arguments
            },
            ..part
        };
        said.tool(0, event.number_of(Field::Index), &part);
    }
}

fn block_delta(event: Node<'_>, said: &mut Said) {
    let Some(delta) = event.get(Field::Delta) else {
        return;
    };
    if let Some(text) = delta.text_of(Field::Text) {
        said.text(0, text);
    }
    if let Some(text) = delta.text_of(Field::Thinking) {
        said.reasoning(text);
    }
    if let Some(arguments) = delta.text_of(Field::PartialJson) {
        let part = ToolPart {
            id: "",
            name: "",
            arguments,
        };
        said.tool(0, event.number_of(Field::Index), &part);
    }
}

fn cohere(event: Node<'_>, said: &mut Said) {
    let delta = event.get(Field::Delta);
    let Some(message) = delta.and_then(|delta| delta.get(Field::Message)) else {
        return;
    };
    if let Some(content) = message.get(Field::Content) {
        said.text(0, content.text_of(Field::Text).unwrap_or(""));
        said.reasoning(content.text_of(Field::Thinking).unwrap_or(""));
    }
    said.reasoning(message.text_of(Field::ToolPlan).unwrap_or(""));
    if let Some(call) = message.get(Field::ToolCalls) {
        said.tool(0, event.number_of(Field::Index), &function_in(call));
    }
}
