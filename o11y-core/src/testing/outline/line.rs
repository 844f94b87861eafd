//! The lines of an outline, and the numbers that stand for what differs from run to run.

use std::collections::HashMap;

use crate::{id::TraceId, record::Record};

/// A record and where it stands.
pub(super) struct Line<'a> {
    pub(super) record: &'a Record,
    pub(super) depth: usize,
    /// In which turn it is begun and ended if one goes through the tree, which decides between
    /// moments that the clock does not tell apart.
    pub(super) began: usize,
    pub(super) ended: usize,
}

/// The numbers of the moments at which each line began and ended.
pub(super) fn times(lines: &[Line<'_>]) -> Vec<[usize; 2]> {
    let mut moments: Vec<_> = (0..lines.len())
        .flat_map(|place| {
            let Line {
                record,
                began,
                ended,
                ..
            } = &lines[place];
            [
                (record.start, *began, place, 0),
                (record.end, *ended, place, 1),
            ]
        })
        .collect();
    moments.sort_unstable_by_key(|(moment, turn, ..)| (*moment, *turn));
    let mut times = vec![[0; 2]; lines.len()];
    for (number, (_, _, place, side)) in moments.into_iter().enumerate() {
        times[place][side] = number + 1;
    }
    times
}

/// What stands in the place of ids.
#[derive(Default)]
pub(super) struct Ids(Vec<(String, String)>);

impl Ids {
    pub(super) fn of(lines: &[Line<'_>]) -> Self {
        let mut traces: HashMap<TraceId, usize> = HashMap::new();
        let mut ids = Vec::new();
        for (number, line) in (1..).zip(lines) {
            let next = traces.len() + 1;
            let trace_id = line.record.trace_id();
            if *traces.entry(trace_id).or_insert(next) == next {
                ids.push((trace_id.to_string(), format!("trace {next}")));
            }
            ids.push((line.record.span_id().to_string(), format!("#{number}")));
        }
        Self(ids)
    }

    pub(super) fn instead(&self, text: &str) -> String {
        let replace = |text: String, (id, shown): &(String, String)| text.replace(id, shown);
        self.0.iter().fold(text.to_owned(), replace)
    }
}
