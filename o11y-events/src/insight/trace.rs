//! What there is to say of one trace.

use std::{collections::HashMap, fmt, iter, time::Duration};

use foldhash::fast::RandomState;
use o11y_core::TraceId;

use super::{
    call_site::CallSite,
    duration,
    open::{Gone, Seen},
    shape::Shape,
    span::SpanInsight,
    sum,
};
use crate::{
    figure::{Percent, Time, nanos, share},
    table::{Table, one_line},
};

/// Where the time of one trace went, see [`TraceInsights`](crate::TraceInsights). Prints as an
/// indented tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceInsight {
    /// Which trace.
    pub trace_id: TraceId,
    /// The name of its root, or of the topmost span that began first.
    pub name: String,
    /// From the beginning to the end of the root, or of everything that was seen.
    pub duration: Duration,
    /// All spans, each before its children, those in the order in which they began.
    pub spans: Vec<SpanInsight>,
    /// How many spans were in their self time at one moment.
    pub peak_concurrency: usize,
    /// What was tried again.
    pub retries: Vec<RetryPattern>,
    /// Whether the root has ended, or the span that was called from another process.
    pub is_complete: bool,
    /// Spans whose parent was not seen; they stand below the root.
    pub orphan_spans: usize,
    /// Spans for which there was no room.
    pub left_out_spans: u64,
    /// Spans that ended after the root, and are not among the spans.
    pub late_spans: u64,
}

/// Something that failed and was tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPattern {
    /// The name of what was tried.
    pub name: String,
    /// The name of the span in which it was; empty at the top.
    pub parent: String,
    /// How often it was tried, the first time included.
    pub attempts: u64,
    /// Whether the last attempt succeeded.
    pub recovered: bool,
    /// How long the failed attempts took.
    pub wasted: Duration,
}

impl TraceInsight {
    /// The span with most time of its own on the critical path.
    #[must_use]
    pub fn bottleneck(&self) -> Option<&SpanInsight> {
        // The first of several: `max_by_key` would take the last.
        let spans = self.spans.iter().rev();
        spans
            .filter(|span| span.is_critical)
            .max_by_key(|span| span.critical_time)
    }

    /// The spans of the critical path, each before its children.
    pub fn critical_path(&self) -> impl Iterator<Item = &SpanInsight> {
        self.spans.iter().filter(|span| span.is_critical)
    }

    /// How many spans failed.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.spans.iter().filter(|span| span.failed).count()
    }

    /// The spans of this trace by name, most self time first.
    #[must_use]
    pub fn call_sites(&self) -> Vec<CallSite> {
        CallSite::of(&self.spans)
    }

    pub(super) fn of(trace: &Gone) -> Self {
        let spans = &trace.spans;
        let root = trace.is_complete.then(|| spans.len().saturating_sub(1));
        let shape = Shape::of(spans, root);
        let (retries, is_retry) = retries(spans, &shape);
        let begin = match root.and_then(|root| spans.get(root)) {
            Some(root) => root.start,
            None => spans.iter().map(|span| span.start).min().unwrap_or(0),
        };
        let whole = spans.len();
        let mut ordered = Vec::with_capacity(whole);
        let mut left: Vec<_> = shape.children[whole]
            .iter()
            .rev()
            .map(|top| (*top, 0))
            .collect();
        while let Some((place, depth)) = left.pop() {
            let span = &spans[place];
            ordered.push(SpanInsight {
                id: span.id,
                parent_id: span.parent,
                name: span.name.clone().into(),
                observation: span.observation,
                depth,
                start: duration(begin, span.start),
                duration: duration(span.start, span.end),
                self_time: Duration::from_nanos(shape.self_time[place]),
                critical_time: Duration::from_nanos(shape.critical_time[place]),
                is_critical: shape.is_critical[place],
                failed: span.failed,
                is_retry: is_retry[place],
            });
            left.extend(
                shape.children[place]
                    .iter()
                    .rev()
                    .map(|child| (*child, depth + 1)),
            );
        }
        let critical: u64 = shape.critical_time.iter().sum();
        Self {
            trace_id: trace.id,
            name: ordered
                .first()
                .map_or_else(String::new, |top| top.name.clone()),
            duration: Duration::from_nanos(critical),
            spans: ordered,
            peak_concurrency: shape.peak,
            retries,
            is_complete: trace.is_complete,
            orphan_spans: shape.orphans,
            left_out_spans: trace.left_out,
            late_spans: 0,
        }
    }
}

/// What was tried again, and which spans are such tries.
fn retries(spans: &[Seen], shape: &Shape) -> (Vec<RetryPattern>, Vec<bool>) {
    let mut patterns = Vec::new();
    let mut is_retry = vec![false; spans.len()];
    for (parent, children) in shape.children.iter().enumerate() {
        let parent = spans.get(parent).map_or("", |parent| &*parent.name);
        // By name: the end of the last failed one, and the pattern that it belongs to by then.
        let mut failed = HashMap::<&str, (u64, RetryPattern), RandomState>::default();
        for place in children {
            let span = &spans[*place];
            let took = duration(span.start, span.end);
            let retried = match failed.remove(&*span.name) {
                Some((end, pattern)) if end <= span.start => Some(pattern),
                // It runs beside the failed one, which may still be tried again.
                Some(beside) => {
                    failed.insert(&span.name, beside);
                    continue;
                }
                None => None,
            };
            is_retry[*place] = retried.is_some();
            if retried.is_none() && !span.failed {
                continue;
            }
            let mut pattern = retried.unwrap_or_else(|| RetryPattern {
                name: span.name.clone().into(),
                parent: parent.to_owned(),
                attempts: 0,
                recovered: false,
                wasted: Duration::ZERO,
            });
            pattern.attempts += 1;
            if span.failed {
                pattern.wasted = sum(pattern.wasted, took);
                failed.insert(&span.name, (span.end, pattern));
            } else {
                pattern.recovered = true;
                patterns.push(pattern);
            }
        }
        let given_up = failed.into_values().map(|(_, pattern)| pattern);
        let mut given_up: Vec<_> = given_up.filter(|pattern| pattern.attempts > 1).collect();
        given_up.sort_by(|left, right| left.name.cmp(&right.name));
        patterns.append(&mut given_up);
    }
    (patterns, is_retry)
}

impl fmt::Display for TraceInsight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, spans) = (one_line(&self.name), self.spans.len());
        write!(
            f,
            "{name}: {} in {}",
            Time(self.duration),
            counted(spans, "span")
        )?;
        write!(
            f,
            ", {} at once, {} failed",
            self.peak_concurrency,
            self.errors()
        )?;
        if let Some(span) = self.bottleneck() {
            let part = share(nanos(span.critical_time), nanos(self.duration)).unwrap_or(0.0);
            write!(
                f,
                "; {} of it in {} itself",
                Percent(part),
                one_line(&span.name)
            )?;
        }
        writeln!(f)?;
        let mut table = Table::new(["span", "start", "took", "self", "critical"]);
        for span in &self.spans {
            let indent: String = iter::repeat_n("  ", span.depth.min(40)).collect();
            let failed = if span.failed { " (failed)" } else { "" };
            let critical = span
                .is_critical
                .then(|| Time(span.critical_time).to_string());
            table.row([
                format!("{indent}{}{failed}", span.name),
                Time(span.start).to_string(),
                Time(span.duration).to_string(),
                Time(span.self_time).to_string(),
                critical.unwrap_or_default(),
            ]);
        }
        table.fmt(f)?;
        for retry in &self.retries {
            writeln!(f, "{retry}")?;
        }
        let missing = [
            (self.orphan_spans as u64, "without their parent"),
            (self.left_out_spans, "left out"),
            (self.late_spans, "too late"),
        ];
        for (count, what) in missing.into_iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "spans {what}: {count}")?;
        }
        if self.is_complete {
            Ok(())
        } else {
            writeln!(f, "its root was not seen")
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

/// `search in answer: 3 attempts, recovered, 1.20 s wasted`.
impl fmt::Display for RetryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.recovered {
            "recovered"
        } else {
            "given up"
        };
        f.write_str(&one_line(&self.name))?;
        if !self.parent.is_empty() {
            write!(f, " in {}", one_line(&self.parent))?;
        }
        write!(
            f,
            ": {} attempts, {end}, {} wasted",
            self.attempts,
            Time(self.wasted)
        )
    }
}
