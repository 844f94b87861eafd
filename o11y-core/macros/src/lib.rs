//! The attribute `#[observe]` of `o11y-core`. Use it from there, by its feature `macros`.

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use self::options::Options;

mod expand;
mod options;
mod output;
#[cfg(test)]
mod tests;

/// Makes a function a span: `#[observe]`.
///
/// ```
/// use o11y_core::observe;
///
/// #[observe(as_type = "tool", capture_output)]
/// async fn brew(order: &str) -> Result<String, std::io::Error> {
///     Ok(format!("one {order}"))
/// }
/// ```
///
/// | option | what it does |
/// |---|---|
/// | `name = "brew"` | names the span; otherwise it has the name of the function |
/// | `as_type = "tool"` | what it is to Langfuse: `span`, `generation`, `agent`, `tool`, `chain`, `retriever`, `embedding`, `evaluator`, `guardrail`; `span` unless said |
/// | `level = "debug"` | how loudly it speaks: `debug`, `default`, `warning`, `error` |
/// | `capture_input` | notes the arguments as input, a JSON object by their names; each has to be `Serialize` |
/// | `skip(key, client)` | does so without these arguments; `self` is never among them |
/// | `capture_output` | notes what is returned, of a `Result` what `Ok` holds; it has to be `Serialize` |
/// | `attributes("order.size" = size)` | sets attributes; the expressions see the arguments |
///
/// Where the return type is written as a `Result`, an `Err` marks the span as failed with its message,
/// for which it has to be `Display`. With telemetry off the function runs as if the attribute were
/// not there, but for one look at a flag.
///
/// The span of an `async fn` has the parent that is current at its first poll. For a task, take the
/// context along: `tokio::spawn(Context::current().wrap(brew("latte")))`.
///
/// Functions that return a boxed future, as `async_trait` makes of them, are observed until that
/// future ends. Place `#[observe]` on the functions and `#[async_trait]` on the `impl`.
#[proc_macro_attribute]
pub fn observe(options: TokenStream, function: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as Options);
    let function = parse_macro_input!(function as ItemFn);
    match expand::expand(&options, function) {
        Ok(tokens) => tokens.into(),
        Err(error) => error.into_compile_error().into(),
    }
}
