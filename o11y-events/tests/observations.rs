//! What subscribers themselves tell is heard, and never recorded.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};

use o11y_core::{Context, Ended, Event, Generation, Observability, Sink, Usage, events};
use o11y_events::{BaseSubscriber as _, TokenBudgetTracker};

#[derive(Default)]
struct Names(Mutex<Vec<String>>);

impl Sink for Names {
    fn on_end(&self, ended: Ended<'_>) {
        let name = ended.record().name().to_owned();
        self.0.lock().unwrap().push(name);
    }
}

#[test]
fn that_a_budget_is_exceeded_is_told_and_is_no_observation() {
    let (recorded, told) = (Arc::new(Names::default()), Arc::new(Names::default()));
    Observability::enable(recorded.clone());
    let telling = Arc::clone(&told);
    let _subscription = events().subscribe("token_budget.*", move |event: &Event| {
        telling.0.lock().unwrap().push(event.name().to_owned());
    });
    let _budget = TokenBudgetTracker::new(100).attach(events());

    Context::with_span("run", |_span| {
        let request = Generation::new("openai", "gpt-4o-mini");
        Context::generation_blocking(request, |call| -> anyhow::Result<()> {
            call.set_usage(Usage::new().input(150));
            Ok(())
        })
        .unwrap();
    });

    assert_eq!(*told.0.lock().unwrap(), ["token_budget.exceeded"]);
    assert_eq!(*recorded.0.lock().unwrap(), ["llm.generate", "run"]);
}
