//! An embedded receiver on loopback that speaks what Langfuse speaks: for examples without an
//! account, and for tests of whatever exports to Langfuse.
//!
//! A [`Receiver`] takes OTLP over HTTP, checks requests as the server does, interprets attributes
//! by the server's rules (those of its direct write path), and shows the result as
//! [`Observation`]s and [`Trace`]s. A [`Trace`] prints as a tree:
//!
//! ```text
//! handle_customer · 7d3f0c12… · user grumpy-gus · 1.42 s · 612 tokens
//! └─ agent       coffee_shop.handle     1.42 s
//!    ├─ chain       chain_of_thought    1.10 s
//!    │  └─ generation  llm.generate     980 ms   gpt-4o-mini   554 → 58 tok
//!    └─ tool        make_drink          310 ms
//! ```
//!
//! At `/v1/traces` it also takes spans as a plain OpenTelemetry Collector does, without keys, and shows
//! them in the same way.
//!
//! In tests, [`Trace::outline`] gives the same without times and ids, to be compared as a whole,
//! and a [`Fault`] makes the receiver answer badly or not at all.

mod connection;
mod decode;
mod export;
mod fault;
mod forest;
mod http;
mod ingestion;
mod interpret;
mod keys;
mod mischief;
mod observation;
mod receiver;
mod request;
mod route;
mod score;
mod server;
mod state;
mod trace;
mod tree;
mod value;

pub use self::{
    fault::Fault,
    observation::Observation,
    receiver::{Receiver, ReceiverBuilder},
    request::Request,
    trace::Trace,
    tree::Tree,
    value::AttributeValue,
};
