//! A proxy that the environment names is used, but never on the way to this machine itself.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    io::Read as _,
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use o11y_core::Context;
use o11y_langfuse::local::Receiver;

#[path = "support/child.rs"]
mod child;
#[path = "support/in_turn.rs"]
mod in_turn;

/// More than a request takes: reaching it is a failure, not a measurement.
const LONG: Duration = Duration::from_secs(20);

const VARIABLES: [&str; 6] = [
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "all_proxy",
    "https_proxy",
    "http_proxy",
];

fn main() {
    if child::role().is_some() {
        return send_once();
    }
    in_turn::run(&[
        (
            "no_proxy_is_asked_for_this_machine_itself",
            no_proxy_is_asked_for_this_machine_itself,
        ),
        (
            "a_proxy_is_asked_for_the_world_outside_and_never_gets_the_keys",
            a_proxy_is_asked_for_the_world_outside_and_never_gets_the_keys,
        ),
    ]);
}

/// In a child: one request, however it ends.
fn send_once() {
    let telemetry = child::builder().spawn().unwrap();
    Context::with_span("one", |_span| ());
    let _not_yet = telemetry.flush(Duration::ZERO);
    let start = Instant::now();
    while telemetry.stats().requests == 0 && start.elapsed() < LONG {
        thread::yield_now();
    }
    let _lost = telemetry.shutdown(Duration::ZERO);
}

fn no_proxy_is_asked_for_this_machine_itself() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let receiver = Receiver::start().unwrap();

    for variable in VARIABLES {
        child::play("send", &receiver.base_url(), &[(variable, &address)]);
    }

    assert_eq!(receiver.observation_count(), VARIABLES.len());
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

fn a_proxy_is_asked_for_the_world_outside_and_never_gets_the_keys() {
    for variable in VARIABLES {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = proxy.local_addr().unwrap();
        let asked = thread::Builder::new()
            .spawn(move || {
                let (mut stream, _) = proxy.accept().unwrap();
                let mut heard = Vec::new();
                let mut some = [0; 1024];
                while !heard.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut some).unwrap() {
                        0 => break,
                        count => heard.extend_from_slice(&some[..count]),
                    }
                }
                String::from_utf8(heard).unwrap()
            })
            .unwrap();

        child::play(
            "send",
            "https://langfuse.invalid",
            &[(variable, &format!("http://{place}"))],
        );
        drop(TcpStream::connect(place)); // whoever was not asked waits no longer

        let asked = asked.join().unwrap();
        assert!(
            asked.starts_with("CONNECT langfuse.invalid:443 "),
            "{variable}: {asked}"
        );
        assert!(!asked.to_lowercase().contains("authorization"), "{asked}");
        assert!(!asked.contains("lf-local"), "{asked}");
    }
}
