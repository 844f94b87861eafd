//! How do I send my spans to a collector, Jaeger or Tempo?
//!
//! A visit to the coffee shop goes to an OpenTelemetry Collector by `opentelemetry-otlp`, behind our
//! queue and worker and over our HTTP client: no runtime, no second HTTP stack. It works offline,
//! against a receiver on loopback that stands in for the collector, and shows what arrived there:
//!
//! ```text
//! cargo run --example otlp_collector
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 OTEL_SERVICE_NAME=coffee-shop \
//!     cargo run --example otlp_collector
//! ```

use std::{env, time::Duration};

use o11y_core::{
    Context, Cost, Generation, Observability, ObservationType, SpanSpec, TraceAttributes, Usage,
};
use o11y_langfuse::{BlockingHttpClient, Executor, SdkExporter, local::Receiver};
use opentelemetry_otlp::{
    Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};

/// An agent that asks a model, which here answers at once, and makes a drink.
fn serve(customer: &'static str, wish: &'static str) -> anyhow::Result<()> {
    let visit = TraceAttributes::new().user(customer).session("monday");
    let spec = SpanSpec::new("coffee_shop.handle")
        .observation(ObservationType::Agent)
        .input(wish);
    Context::with_trace(visit, || {
        Context::try_with_span(spec, |span| {
            let call = Generation::new("openai", "gpt-4o-mini").input(wish);
            let drink = Context::generation_blocking(call, |call| {
                call.set_usage(Usage::new().input(212).cached(128).output(9));
                call.set_cost(Cost::usd(0.000_047));
                call.set_output("flat white");
                anyhow::Ok("flat white")
            })?;
            let tool = SpanSpec::new("make_drink").observation(ObservationType::Tool);
            Context::try_with_span(tool.input(drink), |span| {
                anyhow::ensure!(customer != "gus", "the machine is broken");
                span.set_output("done");
                Ok(())
            })?;
            span.set_output("enjoy");
            Ok(())
        })
    })
}

/// A collector in this process, unless the environment names one.
#[expect(clippy::disallowed_methods, reason = "meant for the libraries")]
fn stand_in() -> anyhow::Result<Option<Receiver>> {
    Ok(match env::var("OTEL_EXPORTER_OTLP_ENDPOINT") {
        Ok(_) => None, // opentelemetry-otlp reads it
        Err(_) => Some(Receiver::start()?),
    })
}

fn main() -> anyhow::Result<()> {
    let stand_in = stand_in()?;

    let client = BlockingHttpClient::new();
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(client.clone())
        .with_retry_policy(RetryPolicy::disabled()); // the executor gives spans again
    if let Some(stand_in) = &stand_in {
        exporter = exporter.with_endpoint(format!("{}/v1/traces", stand_in.base_url()));
    }
    let executor = Executor::builder()
        .processor(SdkExporter::new(exporter.build()?).client(&client))
        .spawn()?;
    Observability::enable(executor.sink());

    for (customer, wish) in [("ada", "something strong"), ("gus", "a flat white")] {
        if let Err(error) = serve(customer, wish) {
            println!("{customer} goes away without: {error}");
        }
    }
    executor.shutdown(Duration::from_secs(10))?;

    println!("{}", executor.stats());
    for span in stand_in.iter().flat_map(Receiver::observations) {
        println!("\n{}", span.name);
        for (key, value) in &span.attributes {
            println!("  {key} = {value}");
        }
        if let Some(message) = &span.status_message {
            println!("  failed: {message}");
        }
    }
    Ok(())
}
