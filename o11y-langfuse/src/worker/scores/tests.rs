//! Scores on the worker, with a transport that judges each of them: no network and no waiting.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossbeam_channel::{Sender, unbounded};
use o11y_core::{Score, TraceId};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    score::QUEUE_SIZE,
    stats::ScoreStats,
    verdict::Answer,
    worker::tests::{LONG, Rig, status},
};

/// Answers each request with the next status of a script, then with 207. A 207 finds fault with
/// the scores named `bad`, as the next status of another script says.
struct Judge {
    statuses: VecDeque<u16>,
    of_bad: VecDeque<u16>,
    seen: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Transport for Judge {
    fn send(&mut self, request: Request<'_>, _deadline: Instant) -> Reply {
        let body: Json = serde_json::from_slice(request.bytes).unwrap();
        let events = body["batch"].as_array().cloned().unwrap_or_default();
        let ids = events.iter().map(|event| event["id"].to_string());
        self.seen.lock().unwrap().push(ids.collect());
        match self.statuses.pop_front() {
            None | Some(207) => {}
            Some(0) => return Answer::Nothing.into(),
            Some(code) => return status(code).into(),
        }
        let code = self.of_bad.pop_front().unwrap_or(201);
        let bad = events
            .iter()
            .filter(|event| event["body"]["name"] == "bad" && code != 201);
        let errors: Vec<_> = bad
            .map(|event| json!({ "id": event["id"], "status": code }))
            .collect();
        Reply {
            body: json!({ "errors": errors }).to_string().into_bytes(),
            ..status(207).into()
        }
    }
}

/// Gives so many good scores and a bad one, and returns what became of them and what each request
/// carried.
fn judged(good: usize, statuses: &[u16], of_bad: &[u16]) -> (ScoreStats, Vec<Vec<String>>) {
    let seen = Arc::default();
    let rig = Rig::over(Judge {
        statuses: statuses.iter().copied().collect(),
        of_bad: of_bad.iter().copied().collect(),
        seen: Arc::clone(&seen),
    });
    for name in std::iter::repeat_n("good", good).chain(["bad"]) {
        let score = Score::numeric(name, 1.0).trace(TraceId::random()).id("i");
        rig.shared.scores.queue.push(Envelope::new(&score, None));
    }
    rig.flush();
    let stats = rig.end(LONG).stats();
    assert!(stats.is_balanced(), "{stats}");
    (*stats.scores(), std::mem::take(&mut *seen.lock().unwrap()))
}

#[test]
fn a_score_that_the_server_fails_on_is_given_up_after_eight_attempts_alone() {
    let (stats, seen) = judged(3, &[], &[500; 20]);

    assert_eq!(stats.delivered, 3);
    assert_eq!(stats.lost.get(LossReason::RetriesExhausted), 1);
    assert_eq!((stats.requests, stats.retries), (8, 7));
    assert_eq!(seen[0].len(), 4);
    assert!(seen[1..].iter().all(|ids| ids[..] == seen[0][3..]));
}

#[test]
fn refused_keys_are_not_tried_with_every_score_in_hand() {
    // No batches here, and no right to anything else.
    let (stats, seen) = judged(5, &[404, 401], &[]);

    assert_eq!(stats.lost.get(LossReason::Unauthorized), 6);
    assert_eq!((stats.waiting, seen.len()), (0, 2));
}

#[test]
fn a_server_that_is_busy_with_a_score_gets_it_for_as_long_as_it_takes() {
    let (stats, seen) = judged(0, &[], &[429; 50]);

    assert_eq!((stats.delivered, stats.requests), (1, 51));
    assert!(seen.iter().all(|ids| *ids == seen[0]));
}

#[test]
fn failures_at_the_request_and_at_a_score_in_it_count_together() {
    let (stats, _seen) = judged(1, &[500, 500, 500, 500], &[500; 20]);

    assert_eq!(stats.delivered, 1);
    assert_eq!(stats.lost.get(LossReason::RetriesExhausted), 1);
    assert_eq!(stats.requests, 8);
}

#[test]
fn an_absent_server_is_tried_for_ever_with_the_same_score() {
    let (stats, seen) = judged(0, &[0; 100], &[]);

    assert_eq!((stats.delivered, stats.requests), (1, 101));
    assert!(seen.iter().all(|ids| *ids == seen[0]));
}

#[test]
fn a_server_that_is_away_for_long_is_probed_with_the_oldest_score_and_then_gets_all() {
    let (stats, seen) = judged(6, &[503; 34], &[]);

    let all = &seen[0];
    assert_eq!(all.len(), 7);
    assert!(seen[..4].iter().all(|ids| ids == all));
    assert!(seen[4..35].iter().all(|ids| *ids == all[..1]), "{seen:?}");
    assert_eq!(seen[35..], [all[1..4].to_vec(), all[4..].to_vec()]);
    assert_eq!((stats.delivered, stats.retries), (7, 36));
}

#[test]
fn every_number_of_scores_outlives_an_absence() {
    for good in 0..7 {
        let (stats, seen) = judged(good, &[0; 20], &[]);

        assert_eq!(stats.delivered, good as u64 + 1, "{seen:?}");
    }
}

#[test]
fn a_server_that_counts_requests_is_sent_no_more_of_them_for_scores() {
    let (stats, seen) = judged(7, &[429; 20], &[]);

    assert_eq!((stats.delivered, stats.requests), (8, 21));
    assert!(seen.iter().all(|ids| *ids == seen[0]));
}

#[test]
fn no_request_carries_more_than_a_hundred_scores_or_its_share_of_bytes() {
    let rig = Rig::over(Judge {
        statuses: VecDeque::new(),
        of_bad: VecDeque::new(),
        seen: Arc::default(),
    });
    let lane = &rig.shared.scores;
    let mut scores = Scores {
        cap: BATCH_SIZE,
        ..Scores::new(&crate::worker::tests::config(), lane, 1, Instant::now())
    };
    let push = |comment: String| {
        let score = Score::numeric("n", 1.0).session("s").comment(comment);
        Envelope::new(&score, None)
    };

    let held = Lane::new([1_000, usize::MAX], [1_000, usize::MAX]);
    (0..250).for_each(|_| held.queue.push(push(String::new())));
    scores.fill(&held);
    assert_eq!(scores.parts.pop().unwrap().scores.len(), 100);

    let held = Lane::new([1_000, usize::MAX], [1_000, usize::MAX]);
    (0..4).for_each(|_| held.queue.push(push("x".repeat(400_000))));
    scores.content = 0;
    scores.fill(&held);
    let parts: Vec<_> = scores.parts.iter().map(|part| part.scores.len()).collect();
    assert_eq!(parts, [1, 2], "the third goes by itself, after the two");
}

/// Asks for so long a wait that whatever comes later finds the score in hand.
struct Busy {
    has_asked: Sender<()>,
}

impl Transport for Busy {
    fn send(&mut self, _request: Request<'_>, _deadline: Instant) -> Reply {
        self.has_asked.send(()).unwrap();
        Answer::Status {
            status: 429,
            retry_after: Some("300".to_owned()),
        }
        .into()
    }
}

#[test]
fn a_flush_waits_for_a_score_in_hand_whatever_is_pushed_out_meanwhile() {
    let (has_asked, asked) = unbounded();
    let rig = Rig::over(Busy { has_asked });
    let push = || {
        let score = Score::numeric("n", 1.0).session("s");
        rig.shared.scores.queue.push(Envelope::new(&score, None));
    };
    push();
    let flushed = rig.ask();
    asked.recv().unwrap();

    (0..QUEUE_SIZE + 10).for_each(|_| push());
    let later = rig.ask();
    rig.settle_down();

    assert!(flushed.try_recv().is_err());
    assert!(later.try_recv().is_err());
    let stats = rig.end(Duration::ZERO).stats();
    assert_eq!(stats.scores().lost.get(LossReason::QueueFull), 10);
    assert!(stats.is_balanced(), "{stats}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the server answers, every score is accounted for, and none that was taken is sent
    /// again.
    #[test]
    fn any_script_of_answers_settles_every_score(
        statuses in proptest::collection::vec(
            proptest::sample::select(
                &[0, 200, 207, 400, 401, 404, 408, 410, 413, 422, 429, 500, 503][..],
            ),
            0..30,
        ),
        of_bad in proptest::collection::vec(
            proptest::sample::select(&[201, 400, 401, 413, 429, 500, 503][..]),
            0..20,
        ),
        good in 0_usize..150,
    ) {
        let (stats, seen) = judged(good, &statuses, &of_bad);

        prop_assert_eq!(stats.accepted, good as u64 + 1);
        prop_assert_eq!(stats.waiting, 0);
        prop_assert_eq!(stats.requests, seen.len() as u64);
    }
}
