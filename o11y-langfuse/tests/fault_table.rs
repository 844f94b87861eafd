//! Every fault, with every size of batch, at every moment of the end: exactly what is counted, what
//! arrives, and how long it takes. Twenty spans each time.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    thread,
    time::{Duration, Instant},
};

use o11y_core::{Context, EventBus};
use o11y_langfuse::{
    Langfuse, LossReason, Stats, Telemetry,
    local::{Fault, Receiver},
};

const SPANS: u64 = 20;
const BATCH_SIZES: [u64; 3] = [1, 7, 20];

/// More than anything here takes: reaching it is a failure, not a measurement.
const LONG: Duration = Duration::from_secs(20);

/// What a busy machine may add to any time: half of what a request takes that nobody cuts.
const SLACK: Duration = Duration::from_secs(5);

/// Half of the first wait is chance.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Given to an end that comes before the server does.
const SHORT: Duration = Duration::from_millis(120);

/// What a fault at the first request, and at none after it, comes to.
#[derive(Clone, Copy)]
enum Single {
    /// As if there were none.
    Harmless,
    /// The request is sent again.
    Again,
    /// The request is sent again although the server has it.
    Twice,
    /// The request is sent again in halves, and what is alone is lost.
    Halved(LossReason),
    /// What the request carried is lost.
    Lost(LossReason),
}

fn table() -> Vec<(Fault, Single)> {
    use LossReason::{Rejected, TooLarge, Unauthorized};
    let after = |status, after: &str| Fault::RetryAfter {
        status,
        after: after.to_owned(),
    };
    vec![
        (Fault::Healthy, Single::Harmless),
        (Fault::TruncatedAnswer, Single::Harmless),
        (Fault::GarbageBody, Single::Harmless),
        (Fault::Status(408), Single::Again),
        (Fault::Status(429), Single::Again),
        (Fault::Status(500), Single::Again),
        (Fault::Status(502), Single::Again),
        (Fault::Status(503), Single::Again),
        (Fault::Status(504), Single::Again),
        (after(429, "0"), Single::Again),
        (after(503, "Sun, 06 Nov 1994 08:49:37 GMT"), Single::Again),
        (after(503, "soon"), Single::Again),
        (Fault::ResetBeforeAnswer, Single::Again),
        (Fault::CloseBeforeAnswer, Single::Again),
        (Fault::Garbage, Single::Again),
        (Fault::ResetAfterStoring, Single::Twice),
        (Fault::Status(400), Single::Halved(Rejected)),
        (Fault::Status(422), Single::Halved(Rejected)),
        (Fault::Status(413), Single::Halved(TooLarge)),
        (Fault::Status(401), Single::Lost(Unauthorized)),
        (Fault::Status(403), Single::Lost(Unauthorized)),
        (Fault::Status(404), Single::Lost(Rejected)),
        (Fault::Redirect(307), Single::Lost(Rejected)),
    ]
}

/// What is to be seen in the end.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    delivered: u64,
    lost: String,
    requests: u64,
    retries: u64,
    arrived: u64,
}

impl Seen {
    fn of(stats: &Stats, receiver: &Receiver) -> Self {
        assert!(stats.is_balanced(), "{stats}");
        assert_eq!((stats.accepted, stats.waiting), (SPANS, 0), "{stats}");
        let requests = receiver.requests().len() as u64;
        // One that is cut at the deadline may have come without being counted, or the other way round.
        let in_doubt = u64::from(stats.lost.get(LossReason::ShutdownDeadline) > 0);
        assert!(requests.abs_diff(stats.requests) <= in_doubt, "{stats}");
        Self {
            delivered: stats.delivered,
            lost: stats.lost.to_string(),
            requests,
            retries: stats.retries,
            arrived: receiver.observation_count() as u64,
        }
    }

    /// After one fault at the first of the requests.
    fn expected(single: Single, batch: u64) -> Self {
        let requests = SPANS.div_ceil(batch);
        let harmless = Self {
            delivered: SPANS,
            lost: "none".to_owned(),
            requests,
            retries: 0,
            arrived: SPANS,
        };
        match single {
            Single::Harmless => harmless,
            Single::Again => Self {
                requests: requests + 1,
                retries: 1,
                ..harmless
            },
            Single::Twice => Self {
                requests: requests + 1,
                retries: 1,
                arrived: SPANS + batch,
                ..harmless
            },
            Single::Halved(_) if batch > 1 => Self {
                requests: requests + 2,
                ..harmless
            },
            Single::Halved(reason) | Single::Lost(reason) => Self {
                delivered: SPANS - batch,
                lost: format!("{batch} {reason}"),
                arrived: SPANS - batch,
                ..harmless
            },
        }
    }
}

struct Case {
    name: String,
    telemetry: Telemetry,
    receiver: Receiver,
}

impl Case {
    /// Hands the spans over, of which whole batches leave by themselves.
    fn begin(name: String, batch: u64, prepare: impl FnOnce(&Receiver)) -> Self {
        let receiver = Receiver::start().unwrap();
        prepare(&receiver);
        let telemetry = Langfuse::builder()
            .public_key(receiver.public_key())
            .secret_key(receiver.secret_key())
            .host(receiver.base_url())
            .batch_size(batch.try_into().unwrap())
            .export_interval(Duration::ZERO)
            .spawn_scoped()
            .unwrap();
        telemetry.scope(&EventBus::new()).run(|| {
            for number in 0..SPANS {
                Context::with_span(format!("span {number}"), |_span| ());
            }
        });
        Self {
            name,
            telemetry,
            receiver,
        }
    }

    fn seen(&self) -> Seen {
        Seen::of(&self.telemetry.stats(), &self.receiver)
    }
}

/// Runs every row with every size of batch; rows side by side, because they mostly wait.
fn for_each_case(check: impl Fn(Fault, Single, u64) + Sync) {
    thread::scope(|scope| {
        for (fault, single) in table() {
            let check = &check;
            scope.spawn(move || {
                for batch in BATCH_SIZES {
                    check(fault.clone(), single, batch);
                }
            });
        }
    });
}

#[test]
fn a_fault_before_the_end_has_its_exact_outcome_at_every_batch_size() {
    for_each_case(|fault, single, batch| {
        let name = format!("{fault:?}, batches of {batch}");
        let start = Instant::now();
        let case = Case::begin(name, batch, |receiver| receiver.script([fault]));

        let flushed = case.telemetry.flush(LONG);
        let took = start.elapsed();
        let ended = case.telemetry.shutdown(LONG);

        let expected = Seen::expected(single, batch);
        assert_eq!(case.seen(), expected, "{}", case.name);
        // A batch may have been lost before anybody asked.
        assert!(flushed.is_ok() || expected.lost != "none", "{}", case.name);
        assert!(ended.is_ok(), "{}: {ended:?}", case.name);
        let waits = if expected.retries > 0 {
            FIRST_WAIT
        } else {
            Duration::ZERO
        };
        assert!(took >= waits, "{}: {took:?}", case.name);
        assert!(took < 2 * FIRST_WAIT + SLACK, "{}: {took:?}", case.name);
    });
}

#[test]
fn a_fault_while_the_end_is_waited_for_has_the_same_outcome() {
    for_each_case(|fault, single, batch| {
        let name = format!("{fault:?}, batches of {batch}");
        let case = Case::begin(name, batch, |receiver| receiver.script([fault]));
        assert!(case.receiver.wait_for_requests(1, LONG), "{}", case.name);

        let start = Instant::now();
        let ended = case.telemetry.shutdown(LONG);
        let took = start.elapsed();

        let expected = Seen::expected(single, batch);
        assert_eq!(case.seen(), expected, "{}", case.name);
        assert!(ended.is_ok() || expected.lost != "none", "{}", case.name);
        assert!(took < 2 * FIRST_WAIT + SLACK, "{}: {took:?}", case.name);
    });
}

/// The fault stays, and the end does not wait for it to go.
#[test]
fn a_fault_that_outlasts_the_end_costs_everything_under_its_reason_within_the_deadline() {
    for_each_case(|fault, single, batch| {
        let name = format!("{fault:?} for good, batches of {batch}");
        let is_failure = fault == Fault::Status(500);
        let case = Case::begin(name, batch, |receiver| receiver.always(fault));

        let (delivered, lost, timeout) = match single {
            Single::Harmless => (SPANS, "none".to_owned(), LONG),
            Single::Again | Single::Twice => (0, format!("{SPANS} shutdown_deadline"), SHORT),
            Single::Halved(reason) | Single::Lost(reason) => (0, format!("{SPANS} {reason}"), LONG),
        };
        let start = Instant::now();
        let ended = case.telemetry.shutdown(timeout);
        let took = start.elapsed();

        let seen = case.seen();
        // Before the end and during it there may have been time for the eight attempts at which a
        // request is given up that the server fails on.
        let given_up = case
            .telemetry
            .stats()
            .lost
            .get(LossReason::RetriesExhausted);
        let expected = match SPANS - given_up {
            SPANS => lost.clone(),
            0 => format!("{SPANS} retries_exhausted"),
            rest => format!("{rest} shutdown_deadline, {given_up} retries_exhausted"),
        };
        assert!(
            given_up == 0 || is_failure && seen.retries >= 7,
            "{}",
            case.name
        );
        assert_eq!(
            (seen.delivered, &seen.lost),
            (delivered, &expected),
            "{}",
            case.name
        );
        assert_eq!(ended.is_ok(), lost == "none", "{}: {ended:?}", case.name);
        match single {
            Single::Harmless => assert_eq!(seen.arrived, SPANS, "{}", case.name),
            // Every attempt is stored, that of a probe, too, and the last perhaps after the end.
            Single::Twice => {
                let sent = || {
                    let requests = case.receiver.requests();
                    let sent = requests.iter().map(|request| request.observation_ids.len());
                    sent.sum::<usize>()
                };
                let is_stored = case.receiver.wait_for_observations(sent(), LONG);
                assert!(is_stored, "{}", case.name);
                let arrived = case.receiver.observation_count();
                assert!(arrived <= sent(), "{}: {arrived}", case.name);
            }
            _ => assert_eq!(seen.arrived, 0, "{}", case.name),
        }
        assert!(took < SHORT + SLACK, "{}: {took:?}", case.name);
    });
}

/// A server that takes the request and says nothing: what it held is stored in the end, and stays
/// counted as lost.
#[test]
fn a_stall_is_cut_at_the_deadline_at_every_batch_size() {
    for batch in BATCH_SIZES {
        let name = format!("a stall, batches of {batch}");
        let case = Case::begin(name, batch, |receiver| receiver.always(Fault::Stall));
        assert!(case.receiver.wait_for_requests(1, LONG), "{}", case.name);

        let start = Instant::now();
        let ended = case.telemetry.shutdown(SHORT);
        let took = start.elapsed();

        assert!(
            took >= SHORT && took < SHORT + SLACK,
            "{}: {took:?}",
            case.name
        );
        assert!(ended.is_err(), "{}", case.name);
        let seen = case.seen();
        assert_eq!(
            seen.lost,
            format!("{SPANS} shutdown_deadline"),
            "{}",
            case.name
        );
        assert_eq!(
            (seen.delivered, seen.requests, seen.arrived),
            (0, 1, 0),
            "{}",
            case.name
        );
        case.receiver.release();
        let stored = usize::try_from(batch).unwrap();
        assert!(
            case.receiver.wait_for_observations(stored, LONG),
            "{}",
            case.name
        );
        assert_eq!(case.seen().lost, seen.lost, "{}", case.name);
    }
}

/// A wait that the server asks for and the end does not allow is not begun.
#[test]
fn a_wait_beyond_the_deadline_is_not_waited_for() {
    for batch in BATCH_SIZES {
        let far = Fault::RetryAfter {
            status: 429,
            after: "120".to_owned(),
        };
        let name = format!("{far:?}, batches of {batch}");
        let case = Case::begin(name, batch, |receiver| receiver.always(far));
        assert!(case.receiver.wait_for_requests(1, LONG), "{}", case.name);

        let start = Instant::now();
        let ended = case.telemetry.shutdown(LONG);

        assert!(ended.is_err(), "{}", case.name);
        assert!(
            start.elapsed() < SLACK,
            "{}: {:?}",
            case.name,
            start.elapsed()
        );
        let seen = case.seen();
        assert_eq!(
            seen.lost,
            format!("{SPANS} shutdown_deadline"),
            "{}",
            case.name
        );
        assert_eq!((seen.delivered, seen.arrived), (0, 0), "{}", case.name);
    }
}
