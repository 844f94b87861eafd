//! Where telemetry goes: to Langfuse if the environment has keys, else to a receiver on loopback.

use std::time::Duration;

use anyhow::Context as _;
use o11y_core::TraceId;
use o11y_langfuse::{
    Langfuse, LangfuseBuilder, Stats, Telemetry,
    local::{Receiver, Trace},
};

const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Destination {
    // Before the receiver, so that what is delivered at the end finds it still there.
    telemetry: Telemetry,
    receiver: Option<Receiver>,
}

impl Destination {
    pub fn choose() -> anyhow::Result<Self> {
        // A program of yours needs this line and no other.
        let telemetry = o11y_langfuse::init()?;
        if telemetry.is_enabled() {
            return Ok(Self {
                telemetry,
                receiver: None,
            });
        }
        let receiver = Receiver::start().context("the receiver could not be started")?;
        Ok(Self {
            telemetry: exporter_to(&receiver).spawn()?,
            receiver: Some(receiver),
        })
    }

    pub async fn flush(&self) -> anyhow::Result<()> {
        let flushed = self.telemetry.flush_async(FLUSH_TIMEOUT).await;
        flushed.context("the traces could not be delivered")
    }

    pub fn is_langfuse(&self) -> bool {
        self.receiver.is_none()
    }

    pub fn stats(&self) -> Stats {
        self.telemetry.stats()
    }

    /// A trace as it arrived at the receiver.
    pub fn trace(&self, id: TraceId) -> Option<Trace> {
        let id = id.to_string();
        let traces = self.receiver.as_ref()?.traces();
        traces.into_iter().find(|trace| trace.id == id)
    }

    /// Where to look at a trace in Langfuse.
    pub fn link(&self, id: TraceId) -> anyhow::Result<String> {
        // The first call asks the server and waits for it.
        Ok(tokio::task::block_in_place(|| {
            self.telemetry.trace_url(id)
        })?)
    }

    pub fn describe(&self) -> String {
        match &self.receiver {
            Some(receiver) => format!("a receiver at {}", receiver.base_url()),
            None => "Langfuse".to_owned(),
        }
    }
}

/// The settings of an exporter to a receiver of ours.
pub fn exporter_to(receiver: &Receiver) -> LangfuseBuilder {
    Langfuse::builder()
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .host(receiver.base_url())
}
