//! The tables of `docs/delivery.md`, compared with the code: only tests are here.

use std::{collections::BTreeMap, time::SystemTime};

use crate::{
    config, desk, retry, schedule, transport,
    verdict::{Answer, MAX_SERVER_FAILURES, Verdict, judge},
    worker::PROBE_AFTER,
};

const PAGE: &str = include_str!("../../docs/delivery.md");

/// The rows of the table under a heading, without its head.
pub(crate) fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = PAGE.split_once(&format!("## {heading}\n")).unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap_or((rest, ""));
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    lines.map(cells).collect()
}

#[test]
fn the_page_states_every_default_as_it_is() {
    let stated: BTreeMap<_, _> = rows("Defaults")
        .iter()
        .map(|row| (row[0], row[1].replace(',', "")))
        .collect();

    let time = |time: std::time::Duration| match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    };
    let actual = BTreeMap::from([
        (
            "spans that make a batch due",
            config::DEFAULT_TRIGGER.to_string(),
        ),
        (
            "bytes of a request",
            config::DEFAULT_REQUEST_BYTES.to_string(),
        ),
        (
            "time until a lone span leaves",
            time(config::DEFAULT_EXPORT_INTERVAL),
        ),
        (
            "spans that may wait",
            config::DEFAULT_QUEUE_SIZE.to_string(),
        ),
        (
            "bytes of content that may wait",
            config::DEFAULT_QUEUE_BYTES.to_string(),
        ),
        ("time for a request", time(config::DEFAULT_TIMEOUT)),
        ("first wait before a retry", time(retry::FIRST)),
        ("longest wait before a retry", time(retry::LONGEST)),
        ("longest `Retry-After`", time(retry::LONGEST_ASKED_FOR)),
        (
            "attempts at a request that the server fails on",
            MAX_SERVER_FAILURES.to_string(),
        ),
        ("attempts before a probe", PROBE_AFTER.to_string()),
        ("pause after refused keys", time(schedule::REFUSED)),
        (
            "time for a shutdown that is given none",
            time(config::DEFAULT_SHUTDOWN_TIMEOUT),
        ),
        (
            "time for the guard's drop",
            time(config::DEFAULT_DROP_GRACE),
        ),
        (
            "time for a request that is cut to say so",
            time(desk::GRACE),
        ),
        ("life of an idle connection", time(transport::MAX_IDLE)),
    ]);
    assert_eq!(stated, actual);
}

#[test]
fn the_page_states_what_each_answer_means() {
    let rows = rows("What each answer means");
    let row_of = |status: u16| {
        let code = status.to_string();
        let named = rows.iter().find(|row| row[0].contains(&code));
        let class = format!("{}xx", status / 100);
        let classed = || rows.iter().find(|row| row[0].contains(&class));
        named.or_else(classed).or(rows.last()).unwrap()
    };

    for status in 200..600 {
        let answer = Answer::Status {
            status,
            retry_after: None,
        };
        let verdict = |failures| judge(&answer, failures, SystemTime::UNIX_EPOCH);
        let row = row_of(status);

        let (done, end) = match (verdict(0), verdict(MAX_SERVER_FAILURES)) {
            (Verdict::Delivered, _) => ("delivered".to_owned(), None),
            (Verdict::Retry { .. }, Verdict::Lose(reason)) => ("sent again".into(), Some(reason)),
            (Verdict::Retry { .. }, _) => ("sent again".into(), None),
            (Verdict::Halve(reason), _) => ("halved".into(), Some(reason)),
            (Verdict::Lose(reason), _) => (format!("lost as `{reason}`"), None),
        };

        assert!(row[1].starts_with(&done), "{status}: {done}: {row:?}");
        if let Some(reason) = end {
            assert!(row[5].contains(&format!("`{reason}`")), "{status}: {row:?}");
        }
    }
}
