//! Layers for [tower](https://docs.rs/tower)'s services over HTTP: servers, clients, and clients of
//! a model.
//!
//! | layer | where | what |
//! |---|---|---|
//! | [`ContinueTraceLayer`] | around a server: axum, hyper, tonic | the caller's trace goes on; user, session and request id; a span of the request if asked for |
//! | [`InjectLayer`] | around a client | the trace is handed on in the request's headers |
//! | [`GenerationLayer`] | around the client of a model | each request is a model call: asked for, observed, ended |
//!
//! # Without a layer
//!
//! `HeaderMap` is a carrier by itself, so two lines do for whatever has headers, such as reqwest:
//!
//! ```
//! use o11y_core::Context;
//! # fn main() -> anyhow::Result<()> {
//! # let recording = o11y_core::testing::Recording::new();
//! # let _recorded = recording.attach();
//!
//! // Out, on the side of the client ..
//! let mut request = reqwest::Request::new(http::Method::GET, "http://localhost/menu".parse()?);
//! Context::with_span("ask", |_span| Context::current().inject(request.headers_mut()));
//! assert!(request.headers().contains_key("traceparent"));
//!
//! // .. and in, on the side of the server.
//! let caller = Context::extract(request.headers());
//! caller.run(|| Context::with_span("answer", |_span| { /* a child of `ask` */ }));
//! # assert_eq!(recording.outline(), "span ask\n  span answer\n");
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "async-openai")]
mod async_openai;
mod continue_trace;
mod generation;
mod inject;

pub use self::{
    continue_trace::{ContinueTrace, ContinueTraceBody, ContinueTraceFuture, ContinueTraceLayer},
    generation::{
        GenerationFuture, GenerationLayer, GenerationService, Refused, RequestBody, ResponseBody,
    },
    inject::{Inject, InjectLayer},
};

/// What tower's services fail with when their errors are of several kinds.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
