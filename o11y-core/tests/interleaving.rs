//! Random programs of tasks, threads and jobs: whatever the interleaving, what is recorded is the
//! program's own tree.
//!
//! A failure prints the smallest program that shows it, and the seed of its pauses.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::sync::{Arc, LazyLock};

use futures_util::future::join_all;
use o11y_core::Context;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

#[path = "support/memory.rs"]
mod memory;
use memory::{memory, traced_async};

#[path = "interleaving/program.rs"]
mod program;
#[path = "interleaving/run.rs"]
mod run;
use program::Program;
use run::Pace;

/// So many copies of a program run at once, each in a trace of its own.
const COPIES: usize = 3;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .expect("threads")
});

/// Runs the program, and returns what was recorded of each copy.
fn recorded(program: &Program, seed: u64) -> Vec<String> {
    let program = Arc::new(program.clone());
    let copies = (0..COPIES as u64).map(|copy| {
        let (program, pace) = (Arc::clone(&program), Pace::new(seed ^ copy));
        RUNTIME.spawn(traced_async(async move || {
            run::asynchronously(&program.steps, pace).await;
        }))
    });
    let copies: Vec<_> = copies.collect();
    let traces = RUNTIME.block_on(join_all(copies)).into_iter();
    let trees = traces.map(|trace| memory().tree_by_name(trace.expect("no panic")));
    trees.collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None, // the program is printed
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_recorded_is_the_programs_tree(
        program in program::programs(),
        seed in any::<u64>(),
    ) {
        let expected = program.tree();

        for tree in recorded(&program, seed) {
            prop_assert_eq!(&tree, &expected);
        }
        prop_assert_eq!(Context::current().span_id(), None);
    }
}

#[test]
fn the_programs_that_are_tried_have_steps_of_every_kind() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let drawn: Vec<_> = (0..200)
        .map(|_| {
            let program = program::programs().new_tree(&mut runner).unwrap();
            format!("{:?}", proptest::strategy::ValueTree::current(&program))
        })
        .collect();

    for kind in program::KINDS {
        assert!(drawn.iter().any(|one| one.contains(kind)), "{kind}");
    }
}
