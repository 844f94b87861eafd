//! A library that says what it does, and leaves it to the application whether anybody listens.

use std::convert::Infallible;

use o11y_core::{Context, Generation, GenerationError, ObservationType, SpanSpec, Usage};

/// Why nothing was brewed: somebody who listens refused the call of the model.
pub type Refused = GenerationError<Infallible>;

/// Asks a model what suits the mood, and brews it.
///
/// # Errors
///
/// When a budget of the application refuses the call.
pub fn brew(mood: &str) -> Result<String, Refused> {
    let spec = SpanSpec::new("brew")
        .observation(ObservationType::Agent)
        .input(mood);
    Context::try_with_span(spec, |span| {
        let drink = advise(mood)?;
        Context::with_span("pour", |_span| ());
        span.set_output(drink);
        Ok(format!("{drink} for the {mood} guest"))
    })
}

/// A model that answers at once, so that the example needs none.
fn advise(mood: &str) -> Result<&'static str, Refused> {
    let question = Generation::new("openai", "gpt-4o-mini")
        .input(mood)
        .estimate(50);
    Context::generation_blocking(question, |call| {
        let drink = if mood == "tired" {
            "a double espresso"
        } else {
            "a flat white"
        };
        call.set_output(drink);
        call.set_usage(Usage::new().input(12).output(4));
        Ok(drink)
    })
}
