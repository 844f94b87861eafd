//! What was nested in the code is nested in what arrives: in threads, and on both runtimes.

#![expect(clippy::expect_used, reason = "helpers of tests")]

use o11y_core::{Context, ObservationType, SpanSpec, attributes, event};
use o11y_langfuse::local::Trace;

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig};

const CUSTOMERS: usize = 20;

/// The trace that every customer should leave.
const EXPECTED: &str = "\
agent handle
  chain think
    generation llm.generate
    event react.iteration_complete
  tool brew
";

fn spec(name: &'static str, observation: ObservationType) -> SpanSpec {
    SpanSpec::new(name).observation(observation)
}

/// One customer, with a chance for every other task to interfere at each step.
async fn handle() {
    Context::with_span_async(spec("handle", ObservationType::Agent), async |_span| {
        tokio::task::yield_now().await;
        Context::with_span_async(spec("think", ObservationType::Chain), async |_span| {
            tokio::task::yield_now().await;
            let call = spec("llm.generate", ObservationType::Generation);
            Context::with_span_async(call, async |_span| tokio::task::yield_now().await).await;
            event("react.iteration_complete", attributes! { "iteration" => 1 });
            tokio::task::yield_now().await;
        })
        .await;
        let brewing =
            Context::with_span_async(spec("brew", ObservationType::Tool), async |_span| {
                tokio::task::yield_now().await;
            });
        tokio::spawn(brewing).await.expect("no panic");
    })
    .await;
}

fn handle_in_threads() {
    Context::with_span(spec("handle", ObservationType::Agent), |_span| {
        let here = Context::current();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                here.run(|| {
                    Context::with_span(spec("think", ObservationType::Chain), |_span| {
                        Context::with_span(
                            spec("llm.generate", ObservationType::Generation),
                            |_| (),
                        );
                        event("react.iteration_complete", attributes! { "iteration" => 1 });
                    });
                });
            });
        });
        Context::with_span(spec("brew", ObservationType::Tool), |_span| ());
    });
}

fn assert_all_arrived(rig: &Rig) {
    let traces = rig.receiver.traces();
    let outlines: Vec<_> = traces.iter().map(Trace::outline).collect();
    assert_eq!(outlines, vec![EXPECTED; CUSTOMERS]);
    rig.assert_all_delivered(CUSTOMERS * 5);
}

#[test]
fn traces_of_threads_arrive_as_they_were() {
    let rig = Rig::new(|builder| builder);

    std::thread::scope(|scope| {
        for _ in 0..CUSTOMERS {
            scope.spawn(handle_in_threads);
        }
    });
    rig.telemetry.flush(LONG).unwrap();

    assert_all_arrived(&rig);
}

#[test]
fn traces_of_a_current_thread_runtime_arrive_as_they_were() {
    let rig = Rig::new(|builder| builder);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();

    runtime.block_on(async {
        let customers: Vec<_> = (0..CUSTOMERS).map(|_| tokio::spawn(handle())).collect();
        for customer in customers {
            customer.await.unwrap();
        }
        rig.telemetry.flush_async(LONG).await.unwrap();
    });

    assert_all_arrived(&rig);
}

#[test]
fn traces_of_a_multi_thread_runtime_arrive_as_they_were() {
    let rig = Rig::new(|builder| builder.batch_size(7));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();

    runtime.block_on(async {
        let customers: Vec<_> = (0..CUSTOMERS).map(|_| tokio::spawn(handle())).collect();
        for customer in customers {
            customer.await.unwrap();
        }
        rig.telemetry.flush_async(LONG).await.unwrap();
    });

    assert_all_arrived(&rig);
}
