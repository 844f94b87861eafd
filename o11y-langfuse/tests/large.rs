//! Content of any size: what the server would refuse or drop is cut before it waits, and says so.

use o11y_core::Context;

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig};

#[test]
fn what_no_request_could_carry_arrives_cut_and_marked() {
    let rig = Rig::new(|builder| builder);

    Context::with_span("huge", |span| {
        span.set_input("€".repeat(2_000_000));
        for part in 0..6 {
            span.set_attribute(format!("part {part}"), "x".repeat(900_000));
        }
        span.set_output("short");
    });
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(1);
    assert_eq!(rig.stats().requests, 1);
    let huge = rig.receiver.observations().remove(0);
    let input = huge.input.unwrap();
    let (kept, marked) = input.split_at(input.find('…').unwrap());
    assert!(kept.len() <= 1 << 20 && kept.chars().all(|kept| kept == '€'));
    assert!(marked.starts_with("…[cut: ") && marked.ends_with(" bytes left out]"));
    assert_eq!(huge.output.as_deref(), Some("short"));
}
