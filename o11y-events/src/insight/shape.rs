//! The shape of a trace: its tree, and what follows from the times in it.

use std::{cmp::Reverse, collections::HashMap};

use foldhash::fast::RandomState;

use super::open::Seen;

/// The tree of a trace and the figures of each span, all in nanoseconds.
///
/// A node that stands for the whole trace is above all spans that have no parent, so that a trace
/// without its root has a shape, too.
#[derive(Debug)]
pub(super) struct Shape {
    /// By place among the spans, and one for the whole at the end. In the order of their starts.
    pub(super) children: Vec<Vec<usize>>,
    pub(super) self_time: Vec<u64>,
    /// Of the self time, what lies on the critical path.
    pub(super) critical_time: Vec<u64>,
    pub(super) is_critical: Vec<bool>,
    pub(super) peak: usize,
    /// Spans whose parent is not known.
    pub(super) orphans: usize,
}

/// From when to when.
type Window = (u64, u64);

impl Shape {
    /// `root` is the place of the root, under which spans are put whose parent is missing.
    pub(super) fn of(spans: &[Seen], root: Option<usize>) -> Self {
        let whole = spans.len();
        let (children, orphans) = tree(spans, root);
        let mut shape = Self {
            children,
            self_time: vec![0; whole + 1],
            critical_time: vec![0; whole + 1],
            is_critical: vec![false; whole + 1],
            peak: 0,
            orphans,
        };
        let first = spans.iter().map(|span| span.start).min().unwrap_or(0);
        let last = spans.iter().map(|span| span.end).max().unwrap_or(0);
        let window = root
            .and_then(|root| spans.get(root))
            .map_or((first, last), window_of);
        shape.measure(spans, window);
        shape.walk_back(spans, window);
        shape
    }

    /// Self times, and how many ran at once.
    fn measure(&mut self, spans: &[Seen], window: Window) {
        // What is left of each window when those of the children are taken out, from the top down.
        let mut edges = Vec::new();
        let mut left = vec![(spans.len(), window)];
        while let Some((node, (start, end))) = left.pop() {
            let mut free = start;
            let mut own = Vec::new();
            for child in &self.children[node] {
                let (from, to) = clipped(&spans[*child], (start, end));
                left.push((*child, (from, to)));
                own.push((free, from));
                free = free.max(to);
            }
            own.push((free, end));
            for (from, to) in own.into_iter().filter(|(from, to)| from < to) {
                self.self_time[node] += to - from;
                if node < spans.len() {
                    edges.extend([(from, 1_isize), (to, -1)]);
                }
            }
        }
        edges.sort_unstable(); // ends before starts of the same moment
        let mut running = 0;
        for (_, step) in edges {
            running += step;
            self.peak = self.peak.max(usize::try_from(running).unwrap_or(0));
        }
    }

    /// The critical path, from the end backwards.
    fn walk_back(&mut self, spans: &[Seen], window: Window) {
        let mut left = vec![(spans.len(), window)];
        while let Some((node, (start, end))) = left.pop() {
            self.is_critical[node] = true;
            let windows = self.children[node]
                .iter()
                .map(|child| (*child, clipped(&spans[*child], (start, end))));
            let mut children: Vec<_> = windows.filter(|(_, (from, to))| from < to).collect();
            // The last to end first; of several the longest.
            children.sort_by_key(|(_, (from, to))| (Reverse(*to), *from));
            let mut now = end;
            for (child, (from, to)) in children {
                if from < now {
                    let to = to.min(now);
                    self.critical_time[node] += now - to;
                    left.push((child, (from, to)));
                    now = from;
                }
            }
            self.critical_time[node] += now - start;
        }
    }
}

fn tree(spans: &[Seen], root: Option<usize>) -> (Vec<Vec<usize>>, usize) {
    let places = spans
        .iter()
        .enumerate()
        .map(|(place, span)| (span.id, place));
    let places: HashMap<_, _, RandomState> = places.collect();
    let whole = spans.len();
    let mut children = vec![Vec::new(); whole + 1];
    let mut orphans = 0;
    for (place, span) in spans.iter().enumerate() {
        let parent = span.parent.and_then(|parent| places.get(&parent)).copied();
        let is_root = root == Some(place);
        orphans += usize::from(parent.is_none() && !is_root);
        let above = if is_root {
            whole
        } else {
            root.unwrap_or(whole)
        };
        children[parent.unwrap_or(above)].push(place);
    }
    for children in &mut children {
        children.sort_by_key(|child| (spans[*child].start, spans[*child].end));
    }
    (children, orphans)
}

fn window_of(span: &Seen) -> Window {
    (span.start, span.end)
}

/// The part of a span that lies within a window; nothing at its nearer end if there is none.
fn clipped(span: &Seen, (start, end): Window) -> Window {
    let from = span.start.clamp(start, end);
    (from, span.end.clamp(from, end))
}
