//! A call that is told by hand counts in a budget as a real call does.

use o11y_core::{Context, Generation, LlmEvent, Usage, events};
use o11y_events::{BaseSubscriber as _, TokenBudgetTracker};

// One test in this file: a budget on the bus of the process hears the calls of all.
#[test]
fn a_call_told_by_hand_is_counted_as_a_real_call_is_and_once() {
    let usage = Usage::new()
        .input(300)
        .cached(100)
        .output(150)
        .reasoning(50);
    let budget = TokenBudgetTracker::new(2_000).attach(events());

    let answer: anyhow::Result<()> =
        Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
            call.set_usage(usage);
            Ok(())
        });
    let real = (budget.used(), budget.requests(), budget.by_model());
    budget.reset();
    LlmEvent::new("openai", "gpt-4o-mini").usage(usage).emit();

    assert!(answer.is_ok());
    assert_eq!((real.0, real.1), (600, 1));
    assert_eq!((budget.used(), budget.requests(), budget.by_model()), real);
}
