//! An application that is observed if its user wants it. Only `telemetry.rs` knows whether it is.
//!
//! ```text
//! cargo run -p optional
//! cargo run -p optional --features observability
//! ```

mod telemetry;

fn main() -> anyhow::Result<()> {
    let telemetry = telemetry::start()?;
    for mood in ["tired", "grumpy"] {
        println!("{}", brewing::brew(mood)?);
    }
    telemetry.report()
}
