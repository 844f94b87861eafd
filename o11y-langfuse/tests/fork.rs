//! A process forks: what waits is the parent's, the child hangs nowhere and has a worker of its own.
#![expect(
    clippy::unwrap_used,
    clippy::exit,
    clippy::mem_forget,
    reason = "tests; a child must neither run its parent's tests nor end its parent's threads"
)]

#[cfg(unix)]
#[path = "support/in_turn.rs"]
mod in_turn;
#[cfg(unix)]
#[path = "support/rig.rs"]
mod rig;

#[cfg(unix)]
fn main() {
    unix::main();
}

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
mod unix {
    use std::{
        collections::BTreeSet,
        io::{Read as _, Write as _},
        os::unix::net::UnixStream,
        process::Command,
        sync::atomic::{AtomicBool, Ordering},
        time::{Duration, Instant},
    };

    use fork::{Fork, fork};
    use o11y_core::{Anchor, Context, Event, EventBus, Observability, Score, events, score};
    use o11y_langfuse::{Stats, local::Fault};

    use super::{
        in_turn,
        rig::{LONG, Rig, make},
    };

    /// Far below every time-out: whoever needs longer was waiting for somebody.
    const AT_ONCE: Duration = Duration::from_secs(8);

    pub(super) fn main() {
        in_turn::run(&[
            (
                "a_child_delivers_its_own_spans_and_none_of_its_parents",
                a_child_delivers_its_own_spans_and_none_of_its_parents,
            ),
            (
                "a_batch_that_is_due_in_a_child_leaves_by_itself",
                a_batch_that_is_due_in_a_child_leaves_by_itself,
            ),
            (
                "a_child_that_ends_at_once_waits_for_nobody_and_sends_nothing",
                a_child_that_ends_at_once_waits_for_nobody_and_sends_nothing,
            ),
            (
                "a_fork_in_the_middle_of_a_request_holds_the_child_up_nowhere",
                a_fork_in_the_middle_of_a_request_holds_the_child_up_nowhere,
            ),
            (
                "a_grandchild_has_a_worker_of_its_own_as_well",
                a_grandchild_has_a_worker_of_its_own_as_well,
            ),
            (
                "a_fork_at_any_moment_holds_the_child_up_nowhere",
                a_fork_at_any_moment_holds_the_child_up_nowhere,
            ),
            (
                "a_span_that_is_open_at_the_fork_is_sent_by_whoever_ends_it_under_one_id",
                a_span_that_is_open_at_the_fork_is_sent_by_whoever_ends_it_under_one_id,
            ),
            (
                "a_child_of_a_process_that_was_shut_down_stays_shut_down",
                a_child_of_a_process_that_was_shut_down_stays_shut_down,
            ),
        ]);
    }

    /// Runs `child` in a forked process, and drops its guard there. What it says is returned once it
    /// has ended.
    fn in_child(rig: Rig, child: impl FnOnce(&Rig) -> String) -> (Rig, String) {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        match fork().unwrap() {
            Fork::Child => {
                drop(ours);
                let mut said = child(&rig);
                let took = end(rig);
                if took > AT_ONCE {
                    said.push_str(" but its end took too long");
                }
                theirs.write_all(said.as_bytes()).unwrap();
                std::process::exit(0);
            }
            Fork::Parent(_) => {
                drop(theirs);
                ours.set_read_timeout(Some(LONG)).unwrap();
                let mut said = String::new();
                ours.read_to_string(&mut said).unwrap();
                (rig, said)
            }
        }
    }

    /// The threads of the receiver are the parent's, so a child leaves it alone.
    fn end(rig: Rig) -> Duration {
        let Rig {
            telemetry,
            receiver,
            turn,
        } = rig;
        std::mem::forget((receiver, turn));
        let start = Instant::now();
        drop(telemetry);
        start.elapsed()
    }

    /// A millisecond after its parent's last span a child is noticed by its first.
    fn let_a_moment_pass() {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(3) {
            std::thread::yield_now();
        }
    }

    fn figures(stats: &Stats) -> (u64, u64, u64) {
        assert!(stats.is_balanced(), "{stats}");
        (stats.accepted, stats.delivered, stats.waiting)
    }

    /// Every observation came once.
    fn assert_once(rig: &Rig, count: usize) {
        let observations = rig.receiver.observations();
        let ids: BTreeSet<_> = observations.iter().map(|one| one.id.clone()).collect();
        assert_eq!((observations.len(), ids.len()), (count, count));
    }

    fn a_child_delivers_its_own_spans_and_none_of_its_parents() {
        let rig = Rig::new(|builder| builder);
        make(3);

        let (rig, said) = in_child(rig, |rig| {
            let_a_moment_pass();
            make(2);
            let flushed = rig.telemetry.flush(LONG);
            let figures = figures(&rig.telemetry.stats());
            format!("{flushed:?} {figures:?}")
        });

        assert_eq!(said, "Ok(()) (2, 2, 0)");
        assert_eq!(rig.receiver.observation_count(), 2);
        rig.telemetry.flush(LONG).unwrap();
        assert_eq!(figures(&rig.telemetry.stats()), (3, 3, 0));
        assert_once(&rig, 5);
    }

    fn a_batch_that_is_due_in_a_child_leaves_by_itself() {
        let rig = Rig::new(|builder| builder.batch_size(10));

        let (rig, said) = in_child(rig, |rig| {
            let_a_moment_pass();
            make(10);
            let start = Instant::now();
            while rig.telemetry.stats().delivered < 10 && start.elapsed() < LONG {
                std::thread::yield_now();
            }
            let figures = figures(&rig.telemetry.stats());
            format!("{figures:?}")
        });

        assert_eq!(said, "(10, 10, 0)");
        assert_once(&rig, 10);
    }

    fn a_child_that_ends_at_once_waits_for_nobody_and_sends_nothing() {
        let rig = Rig::new(|builder| builder);
        make(3);

        let (rig, said) = in_child(rig, |_rig| String::new());

        assert_eq!(said, "");
        assert_eq!(rig.receiver.observation_count(), 0);
        rig.telemetry.shutdown(LONG).unwrap();
        assert_once(&rig, 3);
    }

    fn a_fork_in_the_middle_of_a_request_holds_the_child_up_nowhere() {
        let rig = Rig::new(|builder| builder);
        rig.receiver.script([Fault::Stall]);
        make(3);
        let flushed = rig.telemetry.flush(Duration::from_millis(20));
        assert!(flushed.is_err());
        assert!(rig.receiver.wait_for_requests(1, LONG));

        let (rig, said) = in_child(rig, |rig| {
            let start = Instant::now();
            let flushed = rig.telemetry.flush(LONG);
            make(1); // noticed, because the flush has noticed the fork
            let ended = rig.telemetry.shutdown(LONG);
            let again = rig.telemetry.shutdown(LONG);
            let figures = figures(&rig.telemetry.stats());
            let at_once = start.elapsed() < AT_ONCE;
            format!("{flushed:?} {ended:?} {again:?} {figures:?} {at_once}")
        });

        assert_eq!(said, "Ok(()) Ok(()) Ok(()) (1, 1, 0) true");
        rig.receiver.release();
        rig.telemetry.flush(LONG).unwrap();
        assert_eq!(figures(&rig.telemetry.stats()), (3, 3, 0));
        assert_once(&rig, 4);
    }

    fn a_grandchild_has_a_worker_of_its_own_as_well() {
        let rig = Rig::new(|builder| builder);
        make(1);

        let (rig, said) = in_child(rig, |rig| {
            rig.telemetry.flush(LONG).unwrap();
            make(1);
            let said = in_grandchild(rig);
            let ended = rig.telemetry.shutdown(LONG);
            format!("{said} {ended:?} {:?}", figures(&rig.telemetry.stats()))
        });

        assert_eq!(said, "Ok(()) (1, 1, 0) Ok(()) (1, 1, 0)");
        rig.telemetry.flush(LONG).unwrap();
        assert_once(&rig, 3);
    }

    fn in_grandchild(rig: &Rig) -> String {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        if let Fork::Child = fork().unwrap() {
            rig.telemetry.flush(LONG).unwrap();
            make(1);
            let ended = rig.telemetry.shutdown(LONG);
            write!(theirs, "{ended:?} {:?}", figures(&rig.telemetry.stats())).unwrap();
            std::process::exit(0);
        }
        drop(theirs);
        let mut said = String::new();
        ours.read_to_string(&mut said).unwrap();
        said
    }

    /// Forks while other threads of the parent are in and out of everything that is shared. Each
    /// lock among that would sooner or later be copied closed.
    fn a_fork_at_any_moment_holds_the_child_up_nowhere() {
        const FORKS: usize = 60;
        let rig = Rig::new(|builder| builder.batch_size(2));
        let is_over = AtomicBool::new(false);
        let busy = |work: &dyn Fn()| {
            while !is_over.load(Ordering::Relaxed) {
                work();
            }
        };

        std::thread::scope(|scope| {
            scope.spawn(|| busy(&|| make(3)));
            scope.spawn(|| busy(&|| drop(Anchor::now())));
            scope.spawn(|| busy(&|| drop(events().subscribe("a.b", |_event: &Event| ()))));
            scope.spawn(|| {
                busy(&|| {
                    Observability::disable("busy");
                    _ = rig.telemetry.stats();
                    drop(rig.telemetry.sink());
                });
            });
            for number in 0..FORKS {
                let said = in_busy_child(&rig);
                if said != "Ok(()) Ok(()) true" {
                    is_over.store(true, Ordering::Relaxed);
                    panic!("child {number}: {said:?}");
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }

    /// A child that uses everything once, and what it says; nothing if it hangs.
    fn in_busy_child(rig: &Rig) -> String {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let forked = fork().unwrap();
        if let Fork::Child = forked {
            let start = Instant::now();
            let bus = EventBus::new();
            let heard = events().subscribe("a.*", |_event: &Event| ());
            let scope = rig.telemetry.scope(&bus);
            scope.run(|| {
                make(1);
                score(Score::numeric("judged", 1.0).session("s")).unwrap();
            });
            drop(heard);
            let flushed = rig.telemetry.flush(AT_ONCE);
            let ended = rig.telemetry.shutdown(AT_ONCE);
            drop(Observability::disabled_reason());
            let is_in_time = start.elapsed() < AT_ONCE;
            write!(theirs, "{flushed:?} {ended:?} {is_in_time}").unwrap();
            std::process::exit(0);
        }
        drop(theirs);
        ours.set_read_timeout(Some(3 * AT_ONCE)).unwrap();
        let mut said = String::new();
        match ours.read_to_string(&mut said) {
            Ok(_) => said,
            Err(error) => {
                // Whoever waits for this program's output would wait for the child's as well.
                if let Fork::Parent(child) = forked {
                    let kill = Command::new("kill")
                        .arg("-9")
                        .arg(child.to_string())
                        .status();
                    drop(kill);
                }
                format!("nothing: {error}")
            }
        }
    }

    /// The one thing that is sent twice, as the page on delivery says.
    fn a_span_that_is_open_at_the_fork_is_sent_by_whoever_ends_it_under_one_id() {
        let rig = Rig::new(|builder| builder);
        let open = Context::start_span("open");

        let (rig, said) = in_child(rig, move |rig| {
            let_a_moment_pass();
            drop(open); // the parent's copy ends with this closure there
            format!("{:?}", rig.telemetry.flush(LONG))
        });

        assert_eq!(said, "Ok(())");
        rig.telemetry.flush(LONG).unwrap();
        let observations = rig.receiver.observations();
        assert_eq!(observations.len(), 2);
        assert_eq!(observations[0].id, observations[1].id);
    }

    fn a_child_of_a_process_that_was_shut_down_stays_shut_down() {
        let rig = Rig::new(|builder| builder);
        rig.telemetry.shutdown(LONG).unwrap();

        let (rig, said) = in_child(rig, |rig| {
            make(2);
            let flushed = rig.telemetry.flush(LONG);
            format!("{flushed:?} {:?}", figures(&rig.telemetry.stats()))
        });

        assert_eq!(said, "Ok(()) (0, 0, 0)");
        assert_once(&rig, 0);
    }
}
