//! What the programs here share: the processes of others, and a Langfuse on loopback to send to.

use std::{
    env, io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use o11y_langfuse::{
    Langfuse, LangfuseBuilder,
    local::{Observation, Receiver},
};

/// How long anything may take that others do.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The path at which Langfuse takes spans.
pub const TRACES: &str = "/api/public/otel/v1/traces";

/// A process of somebody else's, which ends with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        Ok(Self { child, name })
    }

    /// Waits until it accepts connections.
    pub fn listens(&mut self, port: u16) -> anyhow::Result<()> {
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} has ended: {status}", self.name);
            }
            ensure!(start.elapsed() < PATIENCE, "{} does not listen", self.name);
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits for its end, which has to be a good one.
    pub fn succeeds(mut self) -> anyhow::Result<()> {
        let status = self.child.wait()?;
        ensure!(status.success(), "{} has failed: {status}", self.name);
        Ok(())
    }

    /// Ends it as a crash would: nothing of it runs any more.
    pub fn kill(self) {}
}

impl Drop for Process {
    fn drop(&mut self) {
        // Of one that has ended by itself, there is nothing to end or to wait for.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A port that nobody listens at.
pub fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Where something is that this program needs, from the environment.
#[expect(clippy::disallowed_methods, reason = "meant for the libraries")]
pub fn needed(variable: &str) -> anyhow::Result<String> {
    env::var(variable).with_context(|| format!("{variable} is not set: run .ci/interop"))
}

/// The variables by which an SDK of Langfuse finds the receiver.
pub fn found_by_sdks(receiver: &Receiver, host: &str) -> [(&'static str, String); 3] {
    [
        ("LANGFUSE_PUBLIC_KEY", receiver.public_key().to_owned()),
        ("LANGFUSE_SECRET_KEY", receiver.secret_key().to_owned()),
        ("LANGFUSE_BASE_URL", host.to_owned()),
    ]
}

/// The header by which it lets one in.
pub fn credentials(receiver: &Receiver) -> String {
    let keys = format!("{}:{}", receiver.public_key(), receiver.secret_key());
    format!("Basic {}", BASE64_STANDARD.encode(keys))
}

/// An exporter with the receiver's keys to `host`, which sends soon.
pub fn exporter(receiver: &Receiver, host: String) -> LangfuseBuilder {
    Langfuse::builder()
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .host(host)
        .export_interval(Duration::from_millis(50))
}

/// A client for loopback.
pub fn http() -> anyhow::Result<reqwest::Client> {
    // reqwest leaves it to us what TLS is made with; whoever was first will do.
    _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

/// Fails, and names the observation, unless `is` holds for each.
pub fn every(
    observations: &[Observation],
    what: &str,
    is: impl Fn(&Observation) -> bool,
) -> anyhow::Result<()> {
    for one in observations {
        ensure!(is(one), "{what} does not hold for {}: {one:#?}", one.name);
    }
    Ok(())
}

/// The file of that name with what a model is to answer.
pub fn fixtures(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Starts `aimock`, and returns its address as `OPENAI_BASE_URL` would have it.
pub fn llmock(fixtures: &str) -> anyhow::Result<(Process, String)> {
    let port = free_port()?;
    let mut command = Command::new(needed("LLMOCK")?);
    command
        .args(["--strict", "--validate-on-load", "--log-level", "silent"])
        .args(["--port", &port.to_string(), "--fixtures", fixtures]);
    let mut model = Process::start(&mut command)?;
    model.listens(port)?;
    Ok((model, format!("http://127.0.0.1:{port}/v1")))
}
