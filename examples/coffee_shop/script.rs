//! A model that needs no account: answers on loopback, over real HTTP, from a script.
//!
//! What it says, how long it takes and when it fails depends on the request alone, so that two runs
//! get the same.

use std::{io, net::Ipv4Addr, time::Duration};

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::sleep};

/// Starts it on a free port and returns its address, as `OPENAI_BASE_URL` would have it.
pub async fn serve() -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/v1/chat/completions", post(complete));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://{address}/v1"))
}

async fn complete(headers: HeaderMap, Json(request): Json<Value>) -> Response {
    let prompt = request["messages"].to_string();
    let chance = hash(&prompt);
    let is_first_attempt = headers
        .get("x-retry-count")
        .is_none_or(|count| count == "0");
    match chance % 17 {
        0 if is_first_attempt => {
            sleep(Duration::from_millis(20)).await;
            let wait = [("retry-after-ms", "120")];
            let told = json!({ "error": { "message": "Rate limit reached", "type": "tokens" } });
            return (StatusCode::TOO_MANY_REQUESTS, wait, Json(told)).into_response();
        }
        1 if is_first_attempt => {
            sleep(Duration::from_millis(80)).await;
            let told = json!({ "error": { "message": "The engine is warming up" } });
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(told)).into_response();
        }
        _ => sleep(Duration::from_millis(150 + chance % 200)).await,
    }
    let said = match request["response_format"].is_null() {
        true => reply(&prompt).to_owned(),
        false => decide(&prompt).to_string(),
    };
    Json(completion(chance, &prompt, said)).into_response()
}

fn completion(chance: u64, prompt: &str, said: String) -> Value {
    let tokens = |text: &str| text.len() / 4 + 1;
    let (input, output) = (tokens(prompt), tokens(&said));
    json!({
        "id": format!("chatcmpl-{chance:016x}"),
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": said },
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input + output,
            "prompt_tokens_details": { "cached_tokens": 0 },
        },
    })
}

/// The line of the script for a customer's words.
fn decide(prompt: &str) -> Value {
    let hears = |words: &str| prompt.contains(words);
    match () {
        () if hears("charged me twice") => json!({
            "reasoning": "A double charge is our fault, so one of the two goes back.",
            "action": "refund", "amount": 4.1,
        }),
        () if hears("money back") => json!({
            "reasoning": "A cold drink is not what was paid for; the price goes back.",
            "action": "refund", "amount": 4.5,
        }),
        () if hears("in charge") => json!({
            "reasoning": "Forty minutes of waiting calls for somebody with authority.",
            "action": "call_manager", "reason": "waited for forty minutes",
        }),
        () if hears("Make me laugh") => json!({
            "reasoning": "There is nothing to order, only a bus to wait for.",
            "action": "joke", "topic": "being late",
        }),
        () if hears("oat latte") => json!({
            "reasoning": "A long day asks for the largest oat latte there is.",
            "action": "make_drink", "drink": "large oat latte",
        }),
        () => json!({
            "reasoning": "The order is plain, and the mood is good already.",
            "action": "make_drink", "drink": "flat white",
        }),
    }
}

fn reply(prompt: &str) -> &'static str {
    match () {
        () if prompt.contains("You did refund") => {
            "I am sorry about that; the money is on its way back to you, receipt R-1107."
        }
        () if prompt.contains("You did call_manager") => {
            "You are right to be angry, and Robin, our manager, is coming to you this minute."
        }
        () if prompt.contains("You did joke") => {
            "Why did the espresso keep checking its watch? It was pressed for time, like your bus."
        }
        () => "Here you are, freshly made; enjoy it while it is hot!",
    }
}

/// FNV-1a: the same everywhere and in every release, which the standard library's is not.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
