//! What telemetry takes from the program, beside the other libraries: measured, drawn, and kept from
//! growing.
//!
//! ```text
//! cargo run --release --manifest-path examples/bench/Cargo.toml            # all, into docs/
//! cargo run --release --manifest-path examples/bench/Cargo.toml -- --quick # a look, to the screen
//! cargo run --release --manifest-path examples/bench/Cargo.toml -- scale   # memory, rest, a million, rates, the end
//! cargo run --release --manifest-path examples/bench/Cargo.toml -- gate    # instruction counts
//! ```

mod baseline;
mod callgrind;
mod case;
mod contender;
mod encoding;
mod ending;
mod gate;
mod measure;
mod page;
mod plain;
mod plot;
mod probe;
mod rate;
mod scale;
mod sink;
mod tally;
mod workload;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => page::write(),
        ["--quick"] => page::show(),
        ["scale"] => page::show_scale(),
        ["gate"] => gate::check(),
        ["gate", "--update"] => gate::update(),
        ["count", ref names @ ..] => gate::count(names),
        // In processes of their own.
        ["probe", name, times] => probe::run(name, times.parse()?),
        ["case", library, case, host] => case::run(library, case, host),
        ["scale", case, library, size, host] => scale::run(case, library, size.parse()?, host),
        ["rate", library, compression, rate, ticks, host] => {
            rate::run(library, compression, rate.parse()?, ticks.parse()?, host)
        }
        ["ending", library, host] => ending::run(library, host),
        ["encoding", chunks] => encoding::run(chunks.parse()?),
        ["sink", behaviour] => sink::run(behaviour),
        _ => anyhow::bail!(
            "what is asked for is one of: nothing, --quick, scale, gate, gate --update, count <probes>"
        ),
    }
}
