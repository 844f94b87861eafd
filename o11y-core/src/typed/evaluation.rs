//! What is told of an evaluation: of one example, or of many.

use compact_str::CompactString;

use super::{declaration::typed_event, field};
use crate::{event::Event, key, value::Value};

typed_event! {
    /// The outcome of an evaluation.
    ///
    /// It tells subscribers, and is no score in Langfuse: [`score`](crate::score()) gives one.
    ///
    /// ```
    /// use o11y_core::{EvaluationEvent, Event, events};
    ///
    /// let reader = events().subscribe("evaluation.*", |event: &Event| {
    ///     let Some(outcome) = EvaluationEvent::from_event(event) else { return };
    ///     assert_eq!((outcome.get_score(), outcome.get_passed()), (Some(0.4), Some(false)));
    /// });
    ///
    /// EvaluationEvent::new("Barista")
    ///     .metric("politeness")
    ///     .dataset("orders")
    ///     .example("order-7")
    ///     .score(0.4)
    ///     .passed(false)
    ///     .emit();
    /// # drop(reader);
    /// # assert_eq!(events().panics(), 0);
    /// ```
    EvaluationEvent {}

    /// Who evaluates, or what is evaluated.
    evaluator / evaluator: subject = key::EVALUATOR, "evaluator_name", "program";
    /// What is measured: `accuracy`, `relevance`.
    metric / get_metric: text = key::EVALUATION_METRIC, "metric_name";
    /// The data set that the examples are from.
    dataset / get_dataset: text = key::EVALUATION_DATASET, "dataset";
    /// The id of the example.
    example / get_example: text = key::EVALUATION_EXAMPLE, "example_id";
    /// What it came to. A number that is not finite is not said.
    score / get_score: number = key::EVALUATION_SCORE, "score";
    /// Whether it passed.
    passed / get_passed: truth = key::EVALUATION_PASSED, "passed";
    /// Why.
    explanation / get_explanation: text = key::EVALUATION_EXPLANATION, "comment";
    /// How many examples there were.
    total_examples / get_total_examples: count = key::EVALUATION_TOTAL_EXAMPLES, "total_examples";
    /// How many of them passed.
    passed_examples / get_passed_examples: count = key::EVALUATION_PASSED_EXAMPLES, "passed_examples";
    /// What else there is to say: a reference to a map becomes JSON text.
    metadata / get_metadata: any = key::EVALUATION_METADATA, "metadata";
    /// How long it took. Kept as milliseconds.
    duration / get_duration: duration = key::DURATION_MS, "duration_ms";
}

impl EvaluationEvent {
    /// An evaluation that has ended: `evaluation.complete`.
    pub fn new(evaluator: impl Into<Value>) -> Self {
        let mut event = Self::silent(CompactString::const_new("evaluation.complete"));
        event.evaluator = field::into_text(evaluator.into());
        event
    }

    /// Reads what `event` tells of an evaluation.
    ///
    /// None if it is about something else: its name is neither `evaluation.*` nor `evals.*`, and it
    /// names no evaluator. All that is said is copied.
    #[must_use]
    pub fn from_event(event: &Event) -> Option<Self> {
        let told = ["evaluation.", "evals."].map(|family| event.name().starts_with(family));
        let named = [key::EVALUATOR, "evaluator_name"].map(|key| event.attribute(key).is_some());
        (told.contains(&true) || named.contains(&true)).then(|| Self::read(event))
    }
}
