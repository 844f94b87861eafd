//! Observations grouped to traces.

use std::{cmp::Ordering, collections::HashMap, fmt, time::Duration};

use super::{
    forest::{Forest, Mark},
    observation::Observation,
    tree::Tree,
};

/// The observations of one trace. Its `Display` is its [`tree`](Self::tree).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// The id in lower-case hexadecimal digits.
    pub id: String,
    /// The name that the observations give it, or else that of its latest root.
    pub name: Option<String>,
    /// All observations in order of arrival.
    pub observations: Vec<Observation>,
}

impl Trace {
    /// Groups observations, in order of first arrival.
    pub(crate) fn group(observations: Vec<Observation>) -> Vec<Self> {
        let mut places = HashMap::new();
        let mut traces: Vec<Self> = Vec::new();

        for observation in observations {
            let place = *places
                .entry(observation.trace_id.clone())
                .or_insert(traces.len());
            if place == traces.len() {
                let id = observation.trace_id.clone();
                traces.push(Self {
                    id,
                    name: None,
                    observations: Vec::new(),
                });
            }
            traces[place].observations.push(observation);
        }
        for trace in &mut traces {
            trace.name = trace
                .latest(|observation| observation.trace_name.clone())
                .or_else(|| {
                    trace.latest(|observation| {
                        observation.is_root().then(|| observation.name.clone())
                    })
                });
        }
        traces
    }

    /// What the latest observation that says something says: Langfuse keeps no record of a trace
    /// and reads its fields in this way.
    fn latest<'a, T>(&'a self, field: impl Fn(&'a Observation) -> Option<T>) -> Option<T> {
        self.observations.iter().rev().find_map(field)
    }

    /// The user.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.latest(|observation| observation.user_id.as_deref())
    }

    /// The session.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.latest(|observation| observation.session_id.as_deref())
    }

    /// The tags: those of the latest observation that has any, not the union of all.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        self.latest(|observation| Some(observation.tags.as_slice()).filter(|tags| !tags.is_empty()))
            .unwrap_or_default()
    }

    /// The observations at the top: those without a parent, and an application's root whose
    /// parent is not here. Sorted by start, then by arrival.
    #[must_use]
    pub fn roots(&self) -> Vec<&Observation> {
        let forest = Forest::grow(&self.observations, by_start);
        forest
            .branches()
            .filter(|branch| branch.depth == 0 && branch.mark.is_none())
            .map(|branch| branch.observation)
            .collect()
    }

    /// The observations with this parent, sorted by start, then by arrival.
    #[must_use]
    pub fn children(&self, id: &str) -> Vec<&Observation> {
        let mut children: Vec<_> = self
            .observations
            .iter()
            .filter(|observation| observation.parent_id.as_deref() == Some(id))
            .collect();
        children.sort_by(|left, right| by_start(left, right));
        children
    }

    /// The trace as a drawing for people.
    #[must_use]
    pub fn tree(&self) -> Tree<'_> {
        Tree::new(self)
    }

    /// The trace as text without times and ids, for comparison in tests: a line of type and name
    /// for each observation, ` [ERROR]` behind what failed, two spaces for each level, sorted by
    /// start and then by name.
    #[must_use]
    pub fn outline(&self) -> String {
        let forest = Forest::grow(&self.observations, |left, right| {
            by_start(left, right).then_with(|| left.name.cmp(&right.name))
        });
        let lines = forest.branches().map(|branch| {
            let Observation {
                kind, name, level, ..
            } = branch.observation;
            let error = if level == "ERROR" { " [ERROR]" } else { "" };
            format!(
                "{:indent$}{kind} {name}{error}\n",
                "",
                indent = branch.depth * 2
            )
        });
        lines.collect()
    }

    /// From the first start to the last end.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let start = self
            .observations
            .iter()
            .map(|observation| observation.start_unix_nanos)
            .min();
        let end = self
            .observations
            .iter()
            .map(|observation| observation.end_unix_nanos)
            .max();
        Duration::from_nanos(end.unwrap_or(0).saturating_sub(start.unwrap_or(0)))
    }

    /// All tokens of all observations.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.observations.iter().fold(0, |sum, observation| {
            sum.saturating_add(observation.total_tokens())
        })
    }

    /// The cost of all observations in US dollars, as far as it was sent.
    #[must_use]
    pub fn total_cost(&self) -> f64 {
        // A sum that starts from nothing would be -0.0.
        self.observations
            .iter()
            .filter_map(Observation::total_cost)
            .fold(0.0, |sum, cost| sum + cost)
    }

    /// How many observations are generations.
    #[must_use]
    pub fn generation_count(&self) -> usize {
        self.observations
            .iter()
            .filter(|observation| observation.kind == "generation")
            .count()
    }

    /// How many observations name a parent that has not arrived.
    #[must_use]
    pub fn orphan_count(&self) -> usize {
        let forest = Forest::grow(&self.observations, by_start);
        forest
            .branches()
            .filter(|branch| branch.mark == Some(Mark::Orphan))
            .count()
    }
}

/// The order of siblings; sorting is stable, so what began at the same time stays as it arrived.
pub(crate) fn by_start(left: &Observation, right: &Observation) -> Ordering {
    left.start_unix_nanos.cmp(&right.start_unix_nanos)
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree().fmt(f)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An observation of the trace `t`.
    pub(crate) fn observation(id: &str, parent: &str, name: &str, start: u64) -> Observation {
        Observation {
            trace_id: "t".to_owned(),
            id: id.to_owned(),
            parent_id: (!parent.is_empty()).then(|| parent.to_owned()),
            name: name.to_owned(),
            kind: "span".to_owned(),
            level: "DEFAULT".to_owned(),
            start_unix_nanos: start,
            end_unix_nanos: start + 10,
            ..Observation::default()
        }
    }

    pub(crate) fn trace(observations: Vec<Observation>) -> Trace {
        Trace::group(observations).remove(0)
    }

    #[test]
    fn observations_are_grouped_in_order_of_first_arrival() {
        let mut other = observation("2", "", "other", 0);
        other.trace_id = "u".to_owned();

        let traces = Trace::group(vec![
            observation("1", "", "first", 5),
            other,
            observation("3", "1", "second", 6),
        ]);

        assert_eq!(
            traces
                .iter()
                .map(|trace| trace.id.as_str())
                .collect::<Vec<_>>(),
            ["t", "u"]
        );
        assert_eq!(traces[0].observations.len(), 2);
    }

    #[test]
    fn the_name_is_the_latest_given_or_that_of_the_root() {
        let mut named = observation("2", "1", "child", 0);
        named.trace_name = Some("given".to_owned());

        assert_eq!(
            trace(vec![named, observation("1", "", "root", 0)])
                .name
                .unwrap(),
            "given"
        );
        assert_eq!(
            trace(vec![observation("1", "", "root", 0)]).name.unwrap(),
            "root"
        );
        assert_eq!(trace(vec![observation("1", "0", "child", 0)]).name, None);
    }

    #[test]
    fn the_outline_sorts_children_by_start_and_then_by_name() {
        let mut failed = observation("4", "1", "b", 2);
        failed.level = "ERROR".to_owned();

        let trace = trace(vec![
            failed,
            observation("3", "1", "z", 1),
            observation("5", "3", "inner", 1),
            observation("2", "1", "a", 2),
            observation("1", "", "root", 0),
        ]);

        assert_eq!(
            trace.outline(),
            "span root\n  span z\n    span inner\n  span a\n  span b [ERROR]\n"
        );
        assert_eq!(trace.roots()[0].name, "root");
        let names: Vec<_> = trace
            .children("1")
            .iter()
            .map(|child| child.name.as_str())
            .collect();
        assert_eq!(names, ["z", "b", "a"]);
    }

    #[test]
    fn an_application_root_below_a_foreign_parent_is_a_root_and_no_orphan() {
        let mut app = observation("1", "foreign", "app", 0);
        app.app_root = true;

        let trace = trace(vec![app, observation("2", "gone", "orphan", 0)]);

        assert_eq!(trace.roots().len(), 1);
        assert_eq!(trace.roots()[0].name, "app");
        assert_eq!(trace.orphan_count(), 1);
    }

    #[test]
    fn sums_are_over_all_observations() {
        let mut first = observation("1", "", "a", 100);
        first.usage.insert("input".to_owned(), 3);
        first.cost.insert("total".to_owned(), 0.5);
        first.kind = "generation".to_owned();
        let mut second = observation("2", "1", "b", 200);
        second.usage.insert("total".to_owned(), 4);

        let trace = trace(vec![first, second]);

        assert_eq!(trace.duration(), Duration::from_nanos(110));
        assert_eq!(trace.total_tokens(), 7);
        assert!((trace.total_cost() - 0.5).abs() < f64::EPSILON);
        assert_eq!(trace.generation_count(), 1);
    }
}
