//! A tree of budgets against a model that is too simple to be wrong.

use o11y_core::{Cost, Usage};
use o11y_events::{Ask, Budget, Limits, Reservation};
use proptest::prelude::*;

const TOKENS: [u64; 4] = [1_000, 700, 400, 400];
const CALLS: u64 = 12;
const MILLICENTS: u64 = 900;
/// The budget around each.
const OUTER: [Option<usize>; 4] = [None, Some(0), Some(1), Some(1)];

#[derive(Debug, Clone)]
enum Step {
    Reserve {
        at: usize,
        tokens: u64,
        cost: u64,
    },
    /// The call that began so many calls ago used so many hundredths of what it asked for.
    Settle {
        call: usize,
        share: u64,
    },
    Drop {
        call: usize,
    },
    Reset {
        at: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let reserve = (0..4_usize, 1..300_u64, 0..200_u64);
    prop_oneof![
        5 => reserve.prop_map(|(at, tokens, cost)| Step::Reserve { at, tokens, cost }),
        3 => (any::<usize>(), 0..=100_u64).prop_map(|(call, share)| Step::Settle { call, share }),
        2 => any::<usize>().prop_map(|call| Step::Drop { call }),
        1 => (0..4_usize).prop_map(|at| Step::Reset { at }),
    ]
}

/// One budget of the model: calls, tokens and money.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    spent: [u64; 3],
    reserved: [u64; 3],
}

fn chain(at: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(at), |at| OUTER[*at])
}

fn millicents(cost: u64) -> Cost {
    Cost::from_picodollars(cost * 10_000_000)
}

fn add(sums: &mut [u64; 3], more: [u64; 3]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

fn take(sums: &mut [u64; 3], less: [u64; 3]) {
    for (sum, less) in sums.iter_mut().zip(less) {
        *sum -= less; // panics below nothing
    }
}

fn fits(figures: &Figures, at: usize, ask: [u64; 3]) -> bool {
    let limits = [CALLS, TOKENS[at], MILLICENTS];
    (0..3)
        .all(|of| ask[of] == 0 || figures.spent[of] + figures.reserved[of] + ask[of] <= limits[of])
}

proptest! {
    #[test]
    fn sums_are_exact_nothing_leaks_and_no_limit_is_passed(steps in prop::collection::vec(step(), 1..120)) {
        let limits = |at: usize| Limits::new().tokens(TOKENS[at]).calls(CALLS).cost(millicents(MILLICENTS));
        let process = Budget::new("process", limits(0));
        let user = Budget::within(&process, "user", limits(1));
        let agents = [2, 3].map(|at| Budget::within(&user, "agent", limits(at)));
        let [one, other] = agents;
        let budgets = [process, user, one, other];
        let mut model = [Figures::default(); 4];
        let mut open: Vec<(usize, [u64; 3], Reservation)> = Vec::new();

        for step in steps {
            match step {
                Step::Reserve { at, tokens, cost } => {
                    let ask = [1, tokens, cost];
                    let expected = chain(at).all(|at| fits(&model[at], at, ask));
                    let answer = budgets[at].reserve(Ask::new().tokens(tokens).cost(millicents(cost)));
                    prop_assert_eq!(answer.is_ok(), expected);
                    if let Ok(reservation) = answer {
                        for at in chain(at) {
                            add(&mut model[at].reserved, ask);
                        }
                        open.push((at, ask, reservation));
                    }
                }
                Step::Settle { call, share } if !open.is_empty() => {
                    let (at, ask, reservation) = open.swap_remove(call % open.len());
                    let used = [1, ask[1] * share / 100, ask[2] * share / 100];
                    let output = used[1] / 3;
                    let usage = Usage::new().input(used[1] - output).output(output);
                    reservation.settle(usage, millicents(used[2]));
                    for at in chain(at) {
                        take(&mut model[at].reserved, ask);
                        add(&mut model[at].spent, used);
                    }
                }
                Step::Drop { call } if !open.is_empty() => {
                    let (at, ask, reservation) = open.swap_remove(call % open.len());
                    drop(reservation);
                    for at in chain(at) {
                        take(&mut model[at].reserved, ask);
                    }
                }
                Step::Reset { at } => {
                    budgets[at].reset();
                    model[at].spent = [0; 3];
                }
                Step::Settle { .. } | Step::Drop { .. } => {}
            }

            for (at, budget) in budgets.iter().enumerate() {
                let (spent, reserved) = (budget.spent(), budget.reserved());
                prop_assert_eq!(&[spent.calls, spent.tokens], &model[at].spent[..2]);
                prop_assert_eq!(&[reserved.calls, reserved.tokens], &model[at].reserved[..2]);
                prop_assert_eq!(spent.cost, millicents(model[at].spent[2]));
                prop_assert_eq!(reserved.cost, millicents(model[at].reserved[2]));
                prop_assert!(spent.tokens + reserved.tokens <= TOKENS[at]);
                prop_assert!(spent.calls + reserved.calls <= CALLS);
                prop_assert!(spent.cost + reserved.cost <= millicents(MILLICENTS));
            }
        }

        drop(open);
        for budget in &budgets {
            prop_assert_eq!(budget.reserved(), o11y_events::Tally::default());
            prop_assert_eq!(budget.snapshot().open, 0);
        }
    }
}
