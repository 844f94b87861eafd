//! Runs tests one after another on the main thread, for those that fork or end their process.
#![allow(
    clippy::allow_attributes,
    reason = "each test binary uses its own part"
)]
#![expect(clippy::print_stdout, reason = "this stands in for the test harness")]

/// A test and the sentence that it proves.
pub(crate) type Test = (&'static str, fn());

/// Runs those whose sentence has the command line's word in it; a panic ends the program.
pub(crate) fn run(tests: &[Test]) {
    let word = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let is_listing = std::env::args().any(|word| word == "--list");
    for (name, test) in tests {
        if is_listing {
            println!("{name}: test");
        } else if word.as_ref().is_none_or(|word| name.contains(word)) {
            println!("test {name} ...");
            test();
        }
    }
}
