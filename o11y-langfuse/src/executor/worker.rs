//! The worker of an executor: the one thread that takes batches from the queue and calls the
//! processors in turn.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    builder::Settings, order::Orders, part::Part, shared::Shared, station::Station, taken::Taken,
};
use crate::{
    guard::guarded,
    retry::Backoff,
    schedule::{Decision, Schedule},
    stats::LossReason,
    wake::LONGEST_REST,
};

/// While a flush waits for what another thread is just handing over.
const HAND_OVER: Duration = Duration::from_millis(1);

/// How many parts a processor is given in a turn, which takes one batch of two parts or three
/// from the queue: so one that was away catches up, while the others wait no longer than this.
const PARTS_PER_TURN: u32 = 4;

/// Where the time comes from; tests bring their own.
pub(super) type Clock = Box<dyn FnMut() -> Instant + Send>;

pub(super) struct Worker {
    shared: Arc<Shared>,
    stations: Vec<Station>,
    orders: Orders,
    schedule: Schedule,
    is_immediate: bool,
    batch_size: usize,
    /// The number of the latest batch.
    batch: u64,
    clock: Clock,
    /// Between restarts.
    backoff: Backoff,
}

/// What the worker does after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Turn,
    /// Look again after this time; nobody will call.
    Poll(Duration),
    /// Look again after this time, or when called because a batch is due.
    Rest(Duration),
    End,
}

impl Worker {
    pub(super) fn new(
        settings: &Settings,
        shared: Arc<Shared>,
        stations: Vec<Station>,
        orders: Orders,
        mut clock: Clock,
    ) -> Self {
        let lane = &shared.lane;
        let linger = Some(settings.linger);
        Self {
            schedule: Schedule::new(
                lane.queue.room(),
                lane.trigger,
                lane.trigger_bytes,
                linger,
                clock(),
            ),
            is_immediate: settings.linger.is_zero(),
            batch_size: settings.batch_size.min(settings.queue_size),
            batch: 0,
            backoff: Backoff::new(settings.first_backoff, 0),
            shared,
            stations,
            orders,
            clock,
        }
    }

    /// Works until the end is asked for. After a panic of our own (of which none is known) the
    /// worker goes on where it was; at most the batch that it was just taking is lost.
    pub(super) fn run(mut self) {
        while guarded(|| self.work()).is_none() {
            self.shared.lane.ledger.lose_hand(LossReason::Unencodable);
            self.shared.note_restart();
            let wait = self.backoff.next(None);
            self.orders.wait(wait);
        }
    }

    fn work(&mut self) {
        loop {
            match self.turn() {
                Next::Turn => {}
                Next::Poll(pause) => self.orders.wait(pause),
                Next::Rest(pause) => self.rest(pause),
                Next::End => return self.finish(),
            }
        }
    }

    /// Takes a batch if one is due, and has every processor work on what is before it.
    pub(super) fn turn(&mut self) -> Next {
        self.orders.take();
        let now = (self.clock)();
        let decision = self.decide(now);
        if decision == Decision::Send {
            self.take_batch();
            self.schedule.sent();
        }
        if self.orders.ending.is_some() {
            self.stations.iter_mut().for_each(Station::hurry);
        }
        for place in 0..self.stations.len() {
            self.serve(place);
        }
        self.answer_flushes();
        self.next(decision)
    }

    fn decide(&mut self, now: Instant) -> Decision {
        let lane = &self.shared.lane;
        let waiting = lane.queue.len();
        let scheduled = self.schedule.decide(now, waiting, lane.queue.bytes());
        let is_pressing = self.orders.is_pressing();
        match waiting {
            1.. if is_pressing || self.is_immediate => Decision::Send,
            0 if is_pressing && lane.settled() < lane.accepted() => Decision::Poll(HAND_OVER),
            0 if self.is_immediate => Decision::Rest(LONGEST_REST),
            _ => scheduled,
        }
    }

    /// Passes on what waits, up to a batch: first its starts, then its ends. So the start of a span
    /// comes before its end, because it came into the queue before it.
    fn take_batch(&mut self) {
        let lane = &self.shared.lane;
        let mut taken = Taken::default();
        while taken.count() < self.batch_size {
            let Some(item) = lane.take() else {
                break;
            };
            taken.put(item);
        }
        let count = taken.count();
        self.batch += 1;
        let parts = taken.into_parts(self.batch);
        lane.queue.settle(parts.iter().map(Part::bytes).sum());
        // One step, so that a shutdown that gives up finds each of them in exactly one account.
        let mut entries = lane.ledger.open();
        if entries.is_closed() {
            return;
        }
        entries.in_hand -= count as u64;
        entries.delivered += count as u64;
        for part in &parts {
            for station in &mut self.stations {
                station.accept(part, &self.shared.books);
            }
        }
    }

    /// A processor's turn.
    fn serve(&mut self, place: usize) {
        let mut parts_left = PARTS_PER_TURN;
        while parts_left > 0 && !self.is_too_late() {
            let now = (self.clock)();
            let Some(station) = self.stations.get_mut(place) else {
                return;
            };
            let before = station.parts();
            if !station.is_due(now) || !station.call(now, &self.shared.books) {
                return;
            }
            // Progress within a part does not use up the turn.
            parts_left -= u32::from(station.parts() < before);
        }
    }

    /// Has the processors flush that are through with all that a flush waits for.
    fn answer_flushes(&mut self) {
        let now = (self.clock)();
        let (settled, batch) = (self.shared.lane.settled(), self.batch);
        let (stations, books) = (&mut self.stations, &self.shared.books);
        let tickets = std::mem::take(&mut self.orders.tickets);
        for mut ticket in tickets {
            if ticket.last_batch.is_none() && settled >= ticket.accepted {
                ticket.last_batch = Some(batch);
                ticket.flushed = vec![false; stations.len()];
            }
            if let Some(last) = ticket.last_batch {
                let left = ticket.deadline.saturating_duration_since(now);
                for (station, is_flushed) in stations.iter_mut().zip(&mut ticket.flushed) {
                    if !*is_flushed && station.is_through(last) {
                        *is_flushed = true;
                        ticket.failures.extend(station.flush(left, books).err());
                    }
                }
                if ticket.flushed.iter().all(|is_flushed| *is_flushed) {
                    ticket.answer();
                    continue;
                }
            }
            self.orders.tickets.push(ticket);
        }
    }

    fn next(&mut self, decision: Decision) -> Next {
        let now = (self.clock)();
        let calls: Vec<_> = self
            .stations
            .iter()
            .filter_map(|it| it.next_call(now))
            .collect();
        let is_empty = calls.is_empty() && self.shared.lane.queue.len() == 0;
        if self.orders.ending.is_some() && (is_empty || self.is_too_late()) {
            return Next::End;
        }
        let wait = calls
            .into_iter()
            .min()
            .map(|next| next.saturating_duration_since(now));
        let (pause, is_rest) = match decision {
            Decision::Send => return Next::Turn,
            Decision::Poll(pause) => (pause, false),
            Decision::Rest(pause) => (pause, true),
        };
        let pause = wait.map_or(pause, |wait| wait.min(pause)).min(LONGEST_REST);
        match pause {
            Duration::ZERO => Next::Turn,
            pause if is_rest => Next::Rest(pause),
            pause => Next::Poll(pause),
        }
    }

    /// Looks away. The order is the wake protocol's: say so first, then look once more.
    fn rest(&mut self, pause: Duration) {
        let lane = &self.shared.lane;
        lane.queue.wake.rest();
        if lane.may_rest() {
            self.orders.wait(pause);
        }
        lane.queue.wake.rise();
    }

    /// Whether the end leaves no time, or was given up on.
    fn is_too_late(&mut self) -> bool {
        let now = (self.clock)();
        self.shared.books.is_closed()
            || matches!(&self.orders.ending, Some(ending) if ending.deadline <= now)
    }

    /// The end: what still waits is lost under its reason, and whoever waits is answered.
    fn finish(&mut self) {
        self.shared.lane.discard(LossReason::ShutdownDeadline);
        self.shared.books.close();
        let now = (self.clock)();
        let left = self.orders.ending.as_ref().map(|ending| ending.deadline);
        let left = left.map_or(Duration::ZERO, |deadline| {
            deadline.saturating_duration_since(now)
        });
        let mut failures = Vec::new();
        for station in &mut self.stations {
            failures.extend(station.shutdown(left, &self.shared.books).err());
        }
        self.orders.take();
        for ticket in self.orders.tickets.drain(..) {
            ticket.answer();
        }
        if let Some(ending) = self.orders.ending.take() {
            let _unheard = ending.done.try_send(failures); // whoever asked may have stopped waiting
        }
    }
}
