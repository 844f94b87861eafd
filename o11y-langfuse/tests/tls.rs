//! A server with a certificate of its own: trusted if it is told, and told nothing if it is not.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use o11y_core::FlushError;
use o11y_langfuse::{Failure, LossReason};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring};

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig, make};

/// Answers every request with 200, over TLS, and keeps what came over the wire.
struct Server {
    address: String,
    /// Its certificate, which is its own root.
    root: String,
    wire: Arc<Mutex<Vec<u8>>>,
    bodies: Arc<Mutex<usize>>,
}

/// A connection that is listened in to.
struct Tapped {
    stream: TcpStream,
    wire: Arc<Mutex<Vec<u8>>>,
}

impl Read for Tapped {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buf)?;
        self.wire.lock().unwrap().extend_from_slice(&buf[..count]);
        Ok(count)
    }
}

impl Write for Tapped {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Server {
    /// Serves one connection after another for as long as the test runs.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = signing_key.serialize_der().try_into().unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let server = Self {
            address: format!("https://{}", listener.local_addr().unwrap()),
            root: cert.pem(),
            wire: Arc::default(),
            bodies: Arc::default(),
        };
        let (config, wire, bodies) = (
            Arc::new(config),
            Arc::clone(&server.wire),
            Arc::clone(&server.bodies),
        );
        thread::Builder::new()
            .spawn(move || {
                for stream in listener.incoming() {
                    let wire = Arc::clone(&wire);
                    let stream = Tapped {
                        stream: stream.unwrap(),
                        wire,
                    };
                    let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                    // Whoever does not trust the certificate hangs up.
                    let _hung_up = serve(StreamOwned::new(connection, stream), &bodies);
                }
            })
            .unwrap();
        server
    }

    /// Whether a text came over the wire as it is.
    fn heard(&self, text: &str) -> bool {
        let wire = self.wire.lock().unwrap();
        wire.windows(text.len())
            .any(|window| window == text.as_bytes())
    }
}

fn serve(
    mut stream: StreamOwned<ServerConnection, Tapped>,
    bodies: &Mutex<usize>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut some = [0; 4096];
    loop {
        let count = stream.read(&mut some)?;
        if count == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&some[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let mut lines = head.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if bytes.len() >= end + 4 + length {
            *bodies.lock().unwrap() += usize::from(head.contains("authorization: basic "));
            bytes.clear();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")?;
            stream.flush()?;
        }
    }
}

#[test]
fn a_server_whose_root_is_given_gets_everything_encrypted() {
    let server = Server::start();
    let rig = Rig::new(|builder| {
        let builder = builder.host(&server.address).gzip(false);
        builder.root_certificates(server.root.as_str())
    });

    make(3);
    rig.telemetry.flush(LONG).unwrap();

    let stats = rig.telemetry.stats();
    assert_eq!((stats.delivered, stats.requests), (3, 1), "{stats}");
    assert_eq!(*server.bodies.lock().unwrap(), 1);
    for text in ["span 1", "Basic", "lf-local"] {
        assert!(!server.heard(text), "{text} in clear");
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_told_nothing_and_asked_again() {
    let server = Server::start();
    let rig = Rig::new(|builder| builder.host(&server.address).gzip(false));

    make(3);
    let flushed = rig.telemetry.flush(Duration::ZERO);
    let start = Instant::now();
    while rig.telemetry.stats().requests == 0 && start.elapsed() < LONG {
        thread::yield_now();
    }
    let stats = rig.telemetry.stats();
    let ended = rig.telemetry.shutdown(Duration::from_millis(100));

    assert!(
        matches!(flushed, Err(FlushError::Timeout { waiting: 3, .. })),
        "{flushed:?}"
    );
    assert!(stats.requests >= 1 && stats.delivered == 0, "{stats}");
    assert_eq!(stats.last_failure, Some(Failure::Tls));
    assert!(stats.to_string().contains("(no encrypted connection)"));
    assert!(ended.is_err());
    let stats = rig.telemetry.stats();
    assert_eq!(stats.lost.get(LossReason::ShutdownDeadline), 3);
    assert_eq!(*server.bodies.lock().unwrap(), 0);
    for text in ["span 1", "Basic", "lf-local"] {
        assert!(!server.heard(text), "{text} in clear");
    }
}

#[test]
fn questions_to_the_api_trust_the_same_roots() {
    let server = Server::start();
    let trusting = Rig::new(|builder| {
        let builder = builder.host(&server.address);
        builder.root_certificates(server.root.as_str())
    });

    let answer = trusting.telemetry.auth_check();

    // The server has no project to tell of, but it was asked.
    let asked = answer.unwrap_err().to_string();
    assert!(asked.contains("status 200"), "{asked}");
}
