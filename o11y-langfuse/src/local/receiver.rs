//! The receiver as its users see it, and its builder.

use std::{fmt, io, time::Duration};

use super::{
    fault::Fault, keys::Keys, observation::Observation, request::Request, server::Server,
    state::State, trace::Trace,
};

const DEFAULT_PUBLIC_KEY: &str = "pk-lf-local";
const DEFAULT_SECRET_KEY: &str = "sk-lf-local";

/// A Langfuse on loopback: takes what exporters send, checks it as Langfuse would, keeps it, and
/// misbehaves on demand. It stops when dropped.
///
/// Each connection has a thread of its own. All methods may be called from any thread at any
/// time.
///
/// # Examples
///
/// ```
/// use o11y_langfuse::local::{Fault, Receiver};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let receiver = Receiver::start()?;
/// receiver.script([Fault::Status(503)]);
///
/// // Any exporter will do; this is the smallest, and it has nothing to export.
/// let export = || {
///     ureq::post(format!("{}/api/public/otel/v1/traces", receiver.base_url()))
///         .config()
///         .http_status_as_error(false)
///         .build()
///         .header("Authorization", "Basic cGstbGYtbG9jYWw6c2stbGYtbG9jYWw=")
///         .header("Content-Type", "application/x-protobuf")
///         .send_empty()
/// };
///
/// assert_eq!(export()?.status(), 503);
/// assert_eq!(export()?.status(), 200);
/// assert_eq!(receiver.requests().len(), 2);
/// for trace in receiver.traces() {
///     println!("{trace}");
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "the receiver stops when it is dropped: keep it in a variable"]
pub struct Receiver {
    server: Server,
}

impl Receiver {
    /// Starts on a free port of `127.0.0.1` with the keys `pk-lf-local` and `sk-lf-local`.
    ///
    /// # Errors
    ///
    /// When there is no free port or no thread to be had.
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Starts with another port or other keys.
    pub fn builder() -> ReceiverBuilder {
        ReceiverBuilder::default()
    }

    /// Returns what an exporter needs as its host: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.server.site().base_url.clone()
    }

    /// Returns the public key.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.server.site().keys.public
    }

    /// Returns the secret key. Whoever comes without it is refused with 401.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.server.site().keys.secret
    }

    /// Adds faults, one for each coming export request, in order. What comes after the last is
    /// healthy, or as [`always`](Self::always) says.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().script(faults);
    }

    /// Sets the fault of every export request that has none of its own in the script; `None` for
    /// healthy.
    pub fn always(&self, fault: impl Into<Option<Fault>>) {
        self.state().always(fault.into());
    }

    /// Lets every request go on that stalls or is delayed, and ends stalling: what was yet to
    /// stall, by script or always, will be healthy. They all complete in a healthy way.
    pub fn release(&self) {
        self.state().release();
    }

    /// Returns every export request so far, of spans and of scores, in the order in which they were complete, also those
    /// that were refused or are still waiting for their answer.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests()
    }

    /// Returns every observation stored so far, in order of arrival. What came twice is in it
    /// twice.
    #[must_use]
    pub fn observations(&self) -> Vec<Observation> {
        self.state().observations()
    }

    /// Returns how many observations are stored so far.
    #[must_use]
    pub fn observation_count(&self) -> usize {
        self.state().observation_count()
    }

    /// Returns the observations grouped to traces, in order of first arrival.
    #[must_use]
    pub fn traces(&self) -> Vec<Trace> {
        Trace::group(self.observations())
    }

    /// Returns every score stored so far, in order of arrival: the whole `score-create` event
    /// with its `id`, `timestamp` and `body`. One that came by itself, not in a batch, has a `body`
    /// only: the server keeps no moment for it but its own.
    #[must_use]
    pub fn scores(&self) -> Vec<serde_json::Value> {
        self.state().scores()
    }

    /// Waits until so many observations are stored; `false` when that takes longer than this.
    #[must_use = "false means that they did not arrive in time"]
    pub fn wait_for_observations(&self, count: usize, timeout: Duration) -> bool {
        self.state().wait_for_observations(count, timeout)
    }

    /// Waits until so many scores are stored; `false` when that takes longer than this.
    #[must_use = "false means that they did not arrive in time"]
    pub fn wait_for_scores(&self, count: usize, timeout: Duration) -> bool {
        self.state().wait_for_scores(count, timeout)
    }

    /// Waits until so many export requests are complete, answered or not; `false` when that takes
    /// longer than this.
    #[must_use = "false means that they did not arrive in time"]
    pub fn wait_for_requests(&self, count: usize, timeout: Duration) -> bool {
        self.state().wait_for_requests(count, timeout)
    }

    /// Returns how many TCP connections have been accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state().accepted_connections()
    }

    /// Forgets all requests, observations and scores. Faults and the count of connections stay.
    pub fn clear(&self) {
        self.state().clear();
    }
}

impl Receiver {
    fn state(&self) -> &State {
        &self.server.site().state
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("base_url", &self.server.site().base_url)
            .field("keys", &self.server.site().keys)
            .field("observations", &self.observation_count())
            .finish_non_exhaustive()
    }
}

/// Makes a [`Receiver`] with another port or other keys.
#[derive(Debug, Clone)]
#[must_use = "nothing happens before `start`"]
pub struct ReceiverBuilder {
    port: u16,
    keys: Keys,
}

impl Default for ReceiverBuilder {
    fn default() -> Self {
        let keys = Keys {
            public: DEFAULT_PUBLIC_KEY.to_owned(),
            secret: DEFAULT_SECRET_KEY.to_owned(),
        };
        Self { port: 0, keys }
    }
}

impl ReceiverBuilder {
    /// Sets the port. Defaults to 0, which stands for any that is free.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the keys. Defaults to `pk-lf-local` and `sk-lf-local`.
    pub fn keys(mut self, public: impl Into<String>, secret: impl Into<String>) -> Self {
        self.keys = Keys {
            public: public.into(),
            secret: secret.into(),
        };
        self
    }

    /// Starts the receiver.
    ///
    /// # Errors
    ///
    /// When the port is taken or no thread is to be had.
    pub fn start(self) -> io::Result<Receiver> {
        let server = Server::start(self.port, self.keys)?;
        Ok(Receiver { server })
    }
}
