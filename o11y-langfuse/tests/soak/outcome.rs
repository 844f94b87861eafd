//! What the server has seen in the end, compared with what the exporter says.

use std::collections::{BTreeMap, BTreeSet};

use o11y_langfuse::{
    LossReason, Stats,
    local::{Receiver, Request},
};

use crate::{law::Lane, plan::Plan, play::Report};

pub(crate) struct Outcome<'a> {
    plan: &'a Plan,
    requests: Vec<Request>,
    /// How often each span was stored, by its id.
    stored: BTreeMap<String, usize>,
    /// The numbers of the spans of each thread, as they were first stored.
    order: BTreeMap<String, Vec<usize>>,
    names: usize,
    /// How often each score was stored, by its name.
    scores: BTreeMap<String, usize>,
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(plan: &'a Plan, receiver: &Receiver) -> Self {
        let mut stored: BTreeMap<String, usize> = BTreeMap::new();
        let mut order: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut names = BTreeSet::new();
        for one in receiver.observations() {
            let times = stored.entry(one.id).or_default();
            *times += 1;
            names.insert(one.name.clone());
            if *times == 1 {
                let (thread, number) = one.name.split_once(' ').unwrap();
                let numbers = order.entry(thread.to_owned()).or_default();
                numbers.push(number.parse().unwrap());
            }
        }
        let mut scores: BTreeMap<String, usize> = BTreeMap::new();
        for score in receiver.scores() {
            let name = score["body"]["name"].as_str().unwrap();
            *scores.entry(name.to_owned()).or_default() += 1;
        }
        Self {
            plan,
            requests: receiver.requests(),
            stored,
            order,
            names: names.len(),
            scores,
        }
    }

    pub(crate) fn check(&self, stats: &Stats, handed_over: [u64; 2]) -> Report {
        let name = &self.plan.name;
        let (spans, scores) = (Lane::spans(stats), Lane::scores(stats));
        assert_eq!(
            [spans.accepted, scores.accepted],
            handed_over,
            "{name}: {stats}"
        );
        assert_eq!([spans.waiting, scores.waiting], [0, 0], "{name}: {stats}");
        // What was cut at the end, and that can only be the last request, may be stored or not.
        let cut = [spans, scores].map(|lane| lane.lost.get(LossReason::ShutdownDeadline));
        let is_cut = cut != [0, 0];
        if self.plan.is_calm {
            assert_eq!(
                [spans.delivered, scores.delivered],
                handed_over,
                "{name}: {stats}"
            );
            let sent = stats.requests + stats.scores().requests;
            assert_eq!(sent, self.requests.len() as u64, "{name}: {stats}");
        }

        let in_doubt = self.check_spans(&spans, is_cut);
        self.check_scores(&scores, is_cut);
        self.check_order();
        self.check_requests();
        Report {
            spans_delivered: spans.delivered,
            spans_lost: spans.lost.total(),
            spans_in_doubt: in_doubt,
            scores_delivered: scores.delivered,
            scores_lost: scores.lost.total(),
            requests: self.requests.len() as u64,
            ..Report::default()
        }
    }

    fn is_in_doubt(&self, number: usize, is_cut: bool) -> bool {
        self.plan.is_in_doubt(number) || is_cut && number + 1 == self.requests.len()
    }

    /// Delivered is what was stored, as far as anybody can know, and nothing twice that is known.
    fn check_spans(&self, lane: &Lane, is_cut: bool) -> u64 {
        let name = &self.plan.name;
        assert_eq!(
            self.stored.len(),
            self.names,
            "{name}: an id was given twice"
        );
        let mut known = BTreeSet::new();
        let mut doubtful = BTreeMap::<&String, usize>::new();
        for (number, request) in self.requests.iter().enumerate() {
            for id in &request.observation_ids {
                assert!(!known.contains(id), "{name}: sent again after it was taken");
            }
            if self.is_in_doubt(number, is_cut) {
                for id in &request.observation_ids {
                    *doubtful.entry(id).or_default() += 1;
                }
            } else if request.status == Some(200) {
                known.extend(&request.observation_ids);
            }
        }
        for (id, times) in &self.stored {
            let certain = usize::from(known.contains(id));
            let possible = certain + doubtful.get(id).copied().unwrap_or_default();
            assert!(*times <= possible, "{name}: {id} is there {times} times");
        }
        let (known, stored) = (known.len() as u64, self.stored.len() as u64);
        let in_doubt = stored - known;
        assert!(
            known <= lane.delivered && lane.delivered <= stored,
            "{name}: {known} are known, {stored} stored: {lane:?}"
        );
        in_doubt
    }

    fn check_scores(&self, lane: &Lane, is_cut: bool) {
        let name = &self.plan.name;
        let is_of_scores = |request: &Request| !request.path.ends_with("/traces");
        let mut requests = self.requests.iter().enumerate();
        let is_doubtful = requests
            .any(|(number, request)| is_of_scores(request) && self.is_in_doubt(number, is_cut));
        let stored = self.scores.len() as u64;
        if is_doubtful {
            assert!(
                lane.delivered <= stored,
                "{name}: {stored} stored: {lane:?}"
            );
        } else {
            assert_eq!(lane.delivered, stored, "{name}: {lane:?}");
            let twice = self.scores.iter().find(|(_, times)| **times > 1);
            assert_eq!(twice, None, "{name}");
        }
    }

    /// What one thread handed over arrives in that order.
    fn check_order(&self) {
        for (thread, numbers) in &self.order {
            assert!(
                numbers.is_sorted(),
                "{}: of thread {thread}: {numbers:?}",
                self.plan.name
            );
        }
    }

    /// No request is larger than was asked for, and a repeated one is the same.
    fn check_requests(&self) {
        let name = &self.plan.name;
        let mut last: Option<&Request> = None;
        for request in &self.requests {
            let spans = request.observation_ids.len();
            if request.path.ends_with("/traces") {
                assert!(
                    spans >= 1 && spans <= self.plan.cap(),
                    "{name}: {spans} spans"
                );
                let is_within = request.body_bytes <= self.plan.request_bytes;
                assert!(
                    is_within || spans == 1,
                    "{name}: {} bytes",
                    request.body_bytes
                );
                if let Some(last) = last
                    && last.observation_ids == request.observation_ids
                {
                    assert_eq!(last.body_digest, request.body_digest, "{name}: other bytes");
                }
                last = Some(request);
            }
        }
    }
}
