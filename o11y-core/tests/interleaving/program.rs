//! A random program, and the tree that it is to leave.

use std::fmt::Write as _;

use proptest::{collection::vec, prelude::*};

/// What a root span does, step by step.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
}

/// One thing that a program does. The numbers name what is recorded, each only once.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Emits an event.
    Event(usize),
    /// Annotates the span around it.
    Annotate(usize),
    /// Opens a span around the steps.
    Span(How, usize, Vec<Step>),
    /// Takes all steps at once, on one task, or for a closure, on one thread after the other.
    AtOnce(Vec<Step>),
}

/// What a span is around.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum How {
    /// A closure.
    Closure,
    /// A closure that ends by a panic, which is caught right outside.
    PanickingClosure,
    /// A future.
    Future,
    /// A future that ends by a panic, which is caught right outside.
    PanickingFuture,
    /// A future that is dropped when all its steps are done, with two more spans open inside.
    Cancelled,
    /// A future that is a task.
    Task,
    /// A task that is aborted then, with two more spans open inside.
    Aborted,
    /// A closure on a thread of its own.
    Thread,
    /// A closure on a blocking thread of the runtime.
    Blocking,
    /// A closure that is a job of a thread pool, with steps that are jobs as well.
    Job,
    /// A span that is held by hand and dropped by another thread.
    ByHand,
}

/// What the names of the spans that are open inside of a cancelled one end with.
pub(crate) const OPEN: [&str; 2] = ["a", "b"];

/// How they are printed, to see that all are tried.
pub(crate) const KINDS: [&str; 14] = [
    "Event",
    "Annotate",
    "AtOnce",
    "(Closure",
    "PanickingClosure",
    "(Future",
    "PanickingFuture",
    "Cancelled",
    "Task",
    "Aborted",
    "Thread",
    "Blocking",
    "Job",
    "ByHand",
];

const ANYWHERE: [How; 10] = [
    How::Closure,
    How::PanickingClosure,
    How::Future,
    How::PanickingFuture,
    How::Cancelled,
    How::Task,
    How::Aborted,
    How::Thread,
    How::Blocking,
    How::ByHand,
];

/// A pool's thread that waits for a task, which waits for the pool, would wait for ever.
const IN_A_JOB: [How; 4] = [How::Closure, How::PanickingClosure, How::Job, How::ByHand];

pub(crate) fn programs() -> impl Strategy<Value = Program> {
    vec(step(), 1..6).prop_map(|mut steps| {
        number(&mut steps, &mut 0);
        Program { steps }
    })
}

fn leaf() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Event(0)), Just(Step::Annotate(0))]
}

fn step() -> impl Strategy<Value = Step> {
    let in_a_job = leaf().prop_recursive(3, 8, 3, |inner| {
        (prop::sample::select(&IN_A_JOB[..]), vec(inner, 0..4))
            .prop_map(|(how, steps)| Step::Span(how, 0, steps))
    });
    let job = vec(in_a_job, 0..4).prop_map(|steps| Step::Span(How::Job, 0, steps));
    prop_oneof![4 => leaf(), 1 => job].prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            8 => (prop::sample::select(&ANYWHERE[..]), vec(inner.clone(), 0..5))
                .prop_map(|(how, steps)| Step::Span(how, 0, steps)),
            2 => vec(inner, 2..5).prop_map(Step::AtOnce),
        ]
    })
}

fn number(steps: &mut [Step], next: &mut usize) {
    for step in steps {
        *next += 1;
        match step {
            Step::Event(number) | Step::Annotate(number) => *number = *next,
            Step::Span(_, its_number, steps) => {
                *its_number = *next;
                number(steps, next);
            }
            Step::AtOnce(steps) => number(steps, next),
        }
    }
}

/// Sorts by name as it does by number.
pub(crate) fn name(number: usize) -> String {
    format!("{number:04}")
}

impl Program {
    /// The tree that it is to leave.
    pub(crate) fn tree(&self) -> String {
        let mut tree = String::new();
        draw("span root", &self.steps, 0, &mut tree);
        draw_below(&self.steps, 2, &mut tree);
        tree
    }
}

fn draw(line: &str, steps: &[Step], depth: usize, out: &mut String) {
    write!(out, "{:depth$}{line}", "").unwrap();
    for annotation in annotations(steps) {
        write!(out, " {0}={annotation}", name(annotation)).unwrap();
    }
    out.push('\n');
}

fn draw_below(steps: &[Step], depth: usize, out: &mut String) {
    for step in steps {
        match step {
            Step::Annotate(_) => {}
            Step::Event(number) => writeln!(out, "{:depth$}event {}", "", name(*number)).unwrap(),
            Step::Span(how, number, steps) => {
                let (name, mark) = (name(*number), how.mark());
                draw(&format!("span {name}{mark}"), steps, depth, out);
                if matches!(how, How::Cancelled | How::Aborted) {
                    for side in OPEN {
                        draw(&format!("span {name}{side}{mark}"), &[], depth + 2, out);
                    }
                }
                draw_below(steps, depth + 2, out);
            }
            Step::AtOnce(steps) => draw_below(steps, depth, out),
        }
    }
}

/// What these steps say of the span that they are taken in.
fn annotations(steps: &[Step]) -> Vec<usize> {
    let said = steps.iter().flat_map(|step| match step {
        Step::Annotate(number) => vec![*number],
        Step::AtOnce(steps) => annotations(steps),
        Step::Event(_) | Step::Span(..) => Vec::new(),
    });
    said.collect()
}

impl How {
    fn mark(self) -> &'static str {
        match self {
            Self::PanickingClosure | Self::PanickingFuture => " [ERROR: panicked: on purpose]",
            Self::Cancelled | Self::Aborted => " [WARNING: cancelled]",
            _ => "",
        }
    }
}
