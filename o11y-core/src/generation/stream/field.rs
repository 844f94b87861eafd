//! The fields of chunks that are looked at; all others are passed over unread.

/// Declares the fields with the spellings that providers and their clients give them.
macro_rules! fields {
    ($($field:ident = $($name:literal)|+),+ $(,)?) => {
        /// A field of a chunk, or the place of one in a list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field {
            /// The chunk itself.
            Root,
            /// One of a list.
            Element,
            $($field),+
        }

        impl Field {
            /// The field of that name, if it is one that matters.
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($($name)|+ => Some(Self::$field),)+
                    _ => None,
                }
            }
        }
    };
}

fields! {
    Arguments = "arguments" | "args" | "input",
    Audio = "audio",
    BlockReason = "blockReason" | "block_reason",
    CallId = "call_id",
    Candidates = "candidates",
    Choices = "choices",
    Content = "content",
    ContentBlock = "content_block",
    ContentBlockDelta = "contentBlockDelta" | "ContentBlockDelta",
    ContentBlockIndex = "contentBlockIndex" | "content_block_index",
    ContentBlockStart = "contentBlockStart" | "ContentBlockStart",
    Delta = "delta",
    DoneReason = "done_reason",
    FinishReason = "finish_reason" | "finishReason",
    Function = "function",
    FunctionCall = "functionCall" | "function_call",
    Id = "id",
    IncompleteDetails = "incomplete_details",
    Index = "index",
    Item = "item",
    Message = "message",
    MessageStop = "messageStop" | "MessageStop",
    Metadata = "metadata" | "Metadata",
    Model = "model",
    ModelVersion = "modelVersion" | "model_version",
    Name = "name",
    OutputIndex = "output_index",
    PartialJson = "partial_json",
    Parts = "parts",
    PromptFeedback = "promptFeedback" | "prompt_feedback",
    Reason = "reason",
    Reasoning = "reasoning" | "reasoning_content",
    ReasoningContent = "reasoningContent",
    Refusal = "refusal",
    Response = "response",
    ResponseId = "responseId" | "response_id",
    Start = "start",
    Status = "status",
    StopReason = "stop_reason" | "stopReason",
    Text = "text",
    Thinking = "thinking",
    Thought = "thought",
    ToolCalls = "tool_calls",
    ToolPlan = "tool_plan",
    ToolUse = "toolUse" | "tool_use",
    ToolUseId = "toolUseId" | "tool_use_id",
    Transcript = "transcript",
    Type = "type",
    // Also what it lies in, where that has another name: Groq's and Cohere's of version 1.
    Usage = "usage" | "usageMetadata" | "usage_metadata" | "eval_count" | "prompt_eval_count"
        | "x_groq" | "meta",
}
