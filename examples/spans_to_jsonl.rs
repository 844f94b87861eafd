//! How do I keep my spans in a file, the open ones too?
//!
//! A processor that appends a line of JSON when a span starts and one when it ends, so that after a
//! crash the file shows what was being done. It works offline:
//!
//! ```text
//! cargo run --example spans_to_jsonl [FILE]
//! ```

use std::{
    env,
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use o11y_core::{
    Anchor, Context, Generation, Observability, ObservationType, Record, SpanSpec, Usage,
};
use o11y_langfuse::{Executor, ProcessError, Processor};
use serde_json::{Map, Value, json};

/// Appends to a file. It runs on the executor's thread alone, so it needs no lock.
struct Jsonl {
    file: BufWriter<File>,
    /// Places the clock's ticks in time, the same for all spans.
    anchor: Anchor,
}

impl Jsonl {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(File::create(path)?),
            anchor: Anchor::now(),
        })
    }

    fn write(&mut self, spans: &[Record], line: impl Fn(&Record, &Anchor) -> Value) -> Written {
        for (index, span) in spans.iter().enumerate() {
            // A disk that is full may have room later, and the spans before this one are written.
            writeln!(self.file, "{}", line(span, &self.anchor))
                .map_err(|error| ProcessError::retry(None, error).at(index))?;
        }
        // What cannot be written now stays in the buffer, so nothing need be given again: the index
        // is behind the last span.
        let flushed = self.file.flush();
        flushed.map_err(|error| ProcessError::retry(None, error).at(spans.len()))
    }
}

type Written = Result<(), ProcessError>;

impl Processor for Jsonl {
    fn name(&self) -> &str {
        "jsonl"
    }

    fn wants_starts(&self) -> bool {
        true
    }

    fn on_spans_start(&mut self, spans: &[Record]) -> Written {
        self.write(spans, |span, anchor| {
            json!({
                "started": span.name(),
                "span": span.span_id().to_string(),
                "parent": span.parent_id().map(|id| id.to_string()),
                "trace": span.trace_id().to_string(),
                "at_ns": span.start_unix_nanos(anchor),
            })
        })
    }

    fn on_spans_end(&mut self, spans: &[Record]) -> Written {
        self.write(spans, |span, _anchor| {
            json!({
                "ended": span.name(),
                "span": span.span_id().to_string(),
                "type": span.observation().as_str(),
                "took_us": span.duration().as_micros() as u64,
                "attributes": attributes(span),
            })
        })
    }

    fn flush(&mut self, _timeout: Duration) -> Written {
        let flushed = self.file.flush();
        let synced = flushed.and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(|error| ProcessError::retry(None, error))
    }
}

fn attributes(span: &Record) -> Map<String, Value> {
    let pairs = span.attributes().iter();
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_string().into()))
        .collect()
}

/// What is observed: an agent that looks something up and asks a model.
fn answer(question: &str) -> anyhow::Result<String> {
    let spec = SpanSpec::new("answer")
        .observation(ObservationType::Agent)
        .input(question);
    Context::try_with_span(spec, |span| {
        let found = Context::with_span(
            SpanSpec::new("look_up").observation(ObservationType::Retriever),
            |_span| "arabica grows high, robusta low",
        );
        let call = Generation::new("scripted", "barista-1").input(found);
        let answer = Context::generation_blocking(call, |call| -> anyhow::Result<_> {
            call.set_usage(Usage::new().input(12).output(5));
            Ok("On a hill.".to_owned())
        })?;
        span.set_output(&answer);
        Ok(answer)
    })
}

fn main() -> anyhow::Result<()> {
    let path = env::args_os().nth(1).map_or_else(
        || env::temp_dir().join(format!("spans-{}.jsonl", std::process::id())),
        PathBuf::from,
    );
    let executor = Executor::builder()
        .processor(Jsonl::create(&path)?)
        .linger(Duration::from_millis(100))
        .spawn()?;
    Observability::enable(executor.sink());

    println!("{}", answer("Where does coffee grow?")?);
    // A span that is still open now is in the file already, as one that started.
    let open = Context::start_span("brew");
    executor.flush(Duration::from_secs(5))?;

    let text = fs::read_to_string(&path)?;
    println!("\n{}:\n{text}", path.display());
    anyhow::ensure!(text.lines().count() == 7, "three pairs and a lone start");
    drop(open);
    executor.shutdown(Duration::from_secs(5))?;
    println!("{}", executor.stats());
    anyhow::ensure!(executor.stats().processors[0].processed == 8);
    Ok(())
}
