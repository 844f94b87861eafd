//! An answer and how it looks on the wire.

use std::fmt::Write as _;

/// Status, headers and a body: Langfuse answers everything with JSON, protobuf too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    content_type: &'static str,
    missing_bytes: usize,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_string(),
            content_type: "application/json; charset=utf-8",
            missing_bytes: 0,
        }
    }

    /// What a collector says that has taken everything: an empty message of protobuf.
    pub(crate) fn taken() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: String::new(),
            content_type: "application/x-protobuf",
            missing_bytes: 0,
        }
    }

    pub(crate) fn with_body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Makes the answer promise this many bytes more than it has.
    pub(crate) fn with_missing_bytes(mut self, count: usize) -> Self {
        self.missing_bytes = count;
        self
    }

    /// The bytes to send, in one piece so that they leave in one packet.
    pub(crate) fn to_bytes(&self, method: &str, keep_alive: bool) -> Vec<u8> {
        let mut text = String::with_capacity(256 + self.body.len());
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            // Writing into memory cannot fail.
            _ = write!(text, "{name}{value}\r\n");
        };

        line(
            "HTTP/1.1 ",
            &format_args!("{:03} {}", self.status, reason(self.status)),
        );
        let has_body = !matches!(self.status, 100..=199 | 204 | 304);
        if has_body {
            line("Content-Type: ", &self.content_type);
            line("Content-Length: ", &(self.body.len() + self.missing_bytes));
        }
        for (name, value) in &self.headers {
            line(name, &format_args!(": {value}"));
        }
        line(
            "Connection: ",
            if keep_alive { &"keep-alive" } else { &"close" },
        );
        line("", &"");
        if has_body && method != "HEAD" {
            text.push_str(&self.body);
        }
        text.into_bytes()
    }
}

/// The words after the status, for the statuses that tests are likely to see.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        207 => "Multi-Status",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(answer: &Answer, method: &str) -> String {
        String::from_utf8(answer.to_bytes(method, true)).unwrap()
    }

    #[test]
    fn an_answer_is_a_head_and_json() {
        let answer = Answer::json(429, &json!({ "a": 1 })).with_header("Retry-After", "3".into());

        assert_eq!(
            text(&answer, "POST"),
            "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json; charset=utf-8\r\n\
             Content-Length: 7\r\nRetry-After: 3\r\nConnection: keep-alive\r\n\r\n{\"a\":1}"
        );
    }

    #[test]
    fn missing_bytes_are_promised_only() {
        let answer = Answer::json(200, &json!({})).with_missing_bytes(10);

        assert!(text(&answer, "POST").contains("Content-Length: 12\r\n"));
        assert!(text(&answer, "POST").ends_with("\r\n\r\n{}"));
    }

    #[test]
    fn what_must_not_have_a_body_has_none() {
        assert!(text(&Answer::json(200, &json!({})), "HEAD").ends_with("\r\n\r\n"));
        assert!(!text(&Answer::json(204, &json!({})), "POST").contains("Content-Length"));
    }
}
