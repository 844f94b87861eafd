//! Embeddings, which are told by their size: nobody reads a thousand numbers in a trace.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::{answer::Answer, output::Output};

pub(super) fn read(json: &Json) -> Option<Answer<'_>> {
    let (embeddings, dimensions) = size(json)?;
    let size = match dimensions {
        Some(dimensions) => json!({"embeddings": embeddings, "dimensions": dimensions}),
        None => json!({"embeddings": embeddings}), // they are base64
    };
    Some(Answer {
        output: Some(Output::Json(Cow::Owned(size))),
        ..Answer::of(json)
    })
}

/// How many embeddings there are, and of how many numbers.
fn size(json: &Json) -> Option<(usize, Option<usize>)> {
    // OpenAI, Mistral: `{"data": [{"embedding": [0.1, ..]}, ..]}`
    if let Some(list) = json["data"].as_array()
        && let Some(first) = list.first()
        && (first["embedding"].is_array() || first["embedding"].is_string())
    {
        return Some((list.len(), dimensions(&first["embedding"])));
    }
    // Ollama: `[[0.1, ..], ..]`, Gemini: `[{"values": [..]}, ..]`
    if let Some(list) = json["embeddings"].as_array() {
        return Some((list.len(), dimensions(list.first()?)));
    }
    // Cohere: `{"float": [[..], ..], "int8": ..}`
    if let Some(kinds) = json["embeddings"].as_object() {
        let list = kinds.values().find_map(Json::as_array)?;
        return Some((list.len(), list.first().and_then(dimensions)));
    }
    // Gemini: `{"values": [..]}`, Ollama, formerly: `[0.1, ..]`
    Some((1, Some(dimensions(&json["embedding"])?)))
}

fn dimensions(embedding: &Json) -> Option<usize> {
    let numbers = embedding.as_array().or(embedding["values"].as_array());
    numbers.map(Vec::len)
}
