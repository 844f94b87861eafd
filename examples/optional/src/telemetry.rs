//! The one place that knows the feature: two functions that are there with it and without it.

pub use self::chosen::start;

/// With the feature: an exporter, for as long as `main` holds what `start` returns.
#[cfg(feature = "observability")]
mod chosen {
    use std::time::Duration;

    use o11y_langfuse::{Langfuse, local::Receiver};

    /// Dropping it delivers what waits.
    pub struct Telemetry {
        exporter: o11y_langfuse::Telemetry,
        receiver: Option<Receiver>,
    }

    /// To Langfuse if there are keys in the environment, and an application of yours stops here;
    /// otherwise to a receiver on loopback, so that the example shows something without an account.
    pub fn start() -> anyhow::Result<Telemetry> {
        let exporter = o11y_langfuse::init()?;
        if exporter.is_enabled() {
            return Ok(Telemetry {
                exporter,
                receiver: None,
            });
        }
        let receiver = Receiver::start()?;
        let exporter = Langfuse::builder()
            .public_key(receiver.public_key())
            .secret_key(receiver.secret_key())
            .host(receiver.base_url())
            .spawn()?;
        Ok(Telemetry {
            exporter,
            receiver: Some(receiver),
        })
    }

    impl Telemetry {
        pub fn report(&self) -> anyhow::Result<()> {
            self.exporter.flush(Duration::from_secs(10))?;
            println!("observed: {}", self.exporter.stats());
            for trace in self.receiver.iter().flat_map(Receiver::traces) {
                println!("{}", trace.outline());
            }
            Ok(())
        }
    }
}

/// Without it: nothing, and nothing to pay for.
#[cfg(not(feature = "observability"))]
mod chosen {
    pub struct Telemetry;

    pub fn start() -> anyhow::Result<Telemetry> {
        Ok(Telemetry)
    }

    impl Telemetry {
        pub fn report(&self) -> anyhow::Result<()> {
            println!("not observed: built without the feature `observability`");
            Ok(())
        }
    }
}
