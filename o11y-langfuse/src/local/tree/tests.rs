use std::collections::BTreeMap;

use super::*;
use crate::local::{
    observation::Observation,
    trace::tests::{observation, trace},
};

const MILLISECOND: u64 = 1_000_000;

fn kind(mut observation: Observation, kind: &str, millis: u64) -> Observation {
    kind.clone_into(&mut observation.kind);
    observation.end_unix_nanos = observation.start_unix_nanos + millis * MILLISECOND;
    observation
}

fn coffee_shop() -> Trace {
    let mut agent = kind(observation("1", "", "coffee_shop.handle", 0), "agent", 1420);
    agent.trace_name = Some("handle_customer".to_owned());
    agent.user_id = Some("grumpy-gus".to_owned());
    agent.tags = vec!["demo".to_owned(), "rust".to_owned()];

    let mut generation = kind(observation("3", "2", "llm.generate", 2), "generation", 980);
    generation.model = Some("gpt-4o-mini".to_owned());
    generation.usage = BTreeMap::from([
        ("input".to_owned(), 1100),
        ("input_cached_tokens".to_owned(), 131),
        ("output".to_owned(), 58),
    ]);
    generation.cost.insert("total".to_owned(), 0.000_097_6);

    let mut repeat = kind(observation("4", "2", "llm.repair", 3), "generation", 7);
    repeat.model = Some("o4".to_owned());
    repeat.usage = BTreeMap::from([("total".to_owned(), 12)]);
    repeat.level = "ERROR".to_owned();
    repeat.status_message = Some("invalid JSON:\nexpected `}`".to_owned());

    let mut trace = trace(vec![
        agent,
        kind(observation("2", "1", "chain_of_thought", 1), "chain", 1100),
        generation,
        repeat,
        kind(observation("5", "1", "make_drink", 4), "tool", 310),
        kind(observation("6", "1", "served", 5), "event", 0),
        kind(observation("7", "gone", "left behind", 6), "span", 5),
    ]);
    trace.id = "7d3f0c1234567890".to_owned();
    trace
}

#[test]
fn a_trace_is_drawn_in_columns() {
    let drawing = "\
handle_customer · 7d3f0c12… · user grumpy-gus · tags demo, rust · 1.42 s · 1,301 tokens · $0.000098
├─ agent       coffee_shop.handle                   1.42 s
│  ├─ chain       chain_of_thought                  1.10 s
│  │  ├─ generation  llm.generate                   980 ms   gpt-4o-mini   1,231 → 58 tok, 131 cached   $0.000098
│  │  └─ generation  llm.repair                    7.00 ms   o4            12 tok                                   ERROR: invalid JSON: expected `}`
│  ├─ tool        make_drink                        310 ms
│  └─ event       served
└─ span        left behind (parent not received)   5.00 ms";

    assert_eq!(coffee_shop().to_string(), drawing);
}

#[test]
fn colours_change_nothing_but_the_colours() {
    let trace = coffee_shop();

    let coloured = trace.tree().coloured(true).to_string();

    assert!(coloured.contains("\x1b[31mERROR: invalid JSON: expected `}`\x1b[0m"));
    let mut plain = String::new();
    for (index, piece) in coloured.split("\x1b[").enumerate() {
        plain.push_str(if index == 0 {
            piece
        } else {
            piece.split_once('m').unwrap().1
        });
    }
    assert_eq!(plain, trace.to_string());
}

#[test]
fn a_trace_of_which_nothing_is_known_is_still_drawn() {
    let trace = trace(vec![observation("2", "1", "", 0)]);

    assert_eq!(
        trace.to_string(),
        "(no name) · t · 10 ns\n└─ span  (no name) (parent not received)   10 ns"
    );
}

#[test]
fn no_line_ends_in_blanks() {
    let drawing = coffee_shop().to_string();

    assert!(drawing.lines().all(|line| line.trim_end() == line));
}
