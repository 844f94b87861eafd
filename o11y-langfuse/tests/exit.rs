//! What arrives when a program ends, by each way out: every role is a process of its own.
#![expect(
    clippy::unwrap_used,
    clippy::exit,
    reason = "tests; `exit` is one of the ways out"
)]

use std::{process::Output, sync::OnceLock, thread, time::Duration};

use o11y_core::Context;
use o11y_langfuse::{Telemetry, local::Receiver};

#[path = "support/child.rs"]
mod child;
#[path = "support/in_turn.rs"]
mod in_turn;

const LONG: Duration = Duration::from_secs(20);

static SHARED: OnceLock<Telemetry> = OnceLock::new();

fn main() {
    if let Some(role) = child::role() {
        return play(&role);
    }
    in_turn::run(&[
        (
            "the_end_of_main_delivers_what_waits",
            the_end_of_main_delivers_what_waits,
        ),
        (
            "exit_runs_no_destructor_so_it_needs_a_flush",
            exit_runs_no_destructor_so_it_needs_a_flush,
        ),
        (
            "a_guard_in_a_static_is_never_dropped",
            a_guard_in_a_static_is_never_dropped,
        ),
        (
            "a_panic_in_main_drops_the_guard_and_tells_the_open_span",
            a_panic_in_main_drops_the_guard_and_tells_the_open_span,
        ),
        (
            "a_panic_in_main_delivers_on_request_what_a_static_guard_holds",
            a_panic_in_main_delivers_on_request_what_a_static_guard_holds,
        ),
        (
            "a_panic_that_aborts_delivers_on_request",
            a_panic_that_aborts_delivers_on_request,
        ),
        (
            "a_panic_elsewhere_delivers_nothing_before_its_time",
            a_panic_elsewhere_delivers_nothing_before_its_time,
        ),
    ]);
}

/// What a child does; two spans have ended before its way out.
fn play(role: &str) {
    let telemetry = child::builder().spawn().unwrap();
    for _ in 0..2 {
        Context::with_span("done", |_span| ());
    }
    let open = || Context::with_span("open", |_span| panic!("on purpose"));
    match role {
        "return" => {}
        "exit" => std::process::exit(3),
        "flush, exit" => {
            telemetry.flush(LONG).unwrap();
            std::process::exit(3);
        }
        "panic" => open(),
        "panic in a thread" => {
            telemetry.drain_on_panic();
            let _panic = thread::Builder::new().spawn(open).unwrap().join();
            std::process::exit(3);
        }
        "panic that aborts" => cannot_unwind(),
        "drain, panic that aborts" => {
            telemetry.drain_on_panic();
            cannot_unwind();
        }
        _ => {
            let shared = SHARED.get_or_init(|| telemetry);
            if role.contains("drain") {
                shared.drain_on_panic();
            }
            if role.contains("panic") {
                open();
            }
        }
    }
}

extern "C" fn cannot_unwind() {
    panic!("on purpose");
}

/// Plays a role; the names of the spans that arrived.
fn arrived(role: &str) -> (Output, Vec<String>) {
    let receiver = Receiver::start().unwrap();
    let output = child::play(role, &receiver.base_url(), &[]);
    let observations = receiver.observations();
    let names = observations.into_iter().map(|one| one.name).collect();
    (output, names)
}

fn the_end_of_main_delivers_what_waits() {
    let (output, names) = arrived("return");

    assert!(output.status.success());
    assert_eq!(names, ["done", "done"]);
}

fn exit_runs_no_destructor_so_it_needs_a_flush() {
    let (output, names) = arrived("exit");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(names, [""; 0]);

    let (output, names) = arrived("flush, exit");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(names, ["done", "done"]);
}

fn a_guard_in_a_static_is_never_dropped() {
    let (output, names) = arrived("static");

    assert!(output.status.success());
    assert_eq!(names, [""; 0]);
}

fn a_panic_in_main_drops_the_guard_and_tells_the_open_span() {
    let (output, names) = arrived("panic");

    assert_eq!(output.status.code(), Some(101));
    assert_eq!(names, ["done", "done", "open"]);
}

fn a_panic_in_main_delivers_on_request_what_a_static_guard_holds() {
    let (_, names) = arrived("static, panic");
    assert_eq!(names, [""; 0]);

    let (output, names) = arrived("static, drain, panic");
    assert_eq!(output.status.code(), Some(101));
    assert_eq!(names, ["done", "done"]);
    // The hook that was there before has said what it says.
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("on purpose").count(), 1, "{said}");
}

fn a_panic_that_aborts_delivers_on_request() {
    let (output, names) = arrived("panic that aborts");
    assert_eq!(output.status.code(), None); // by a signal
    assert_eq!(names, [""; 0]);

    let (output, names) = arrived("drain, panic that aborts");
    assert_eq!(output.status.code(), None);
    assert_eq!(names, ["done", "done"]);
}

fn a_panic_elsewhere_delivers_nothing_before_its_time() {
    let (output, names) = arrived("panic in a thread");

    assert_eq!(output.status.code(), Some(3));
    assert_eq!(names, [""; 0]);
}
