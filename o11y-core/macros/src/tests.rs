//! What is wrong is said in words that help, and where it stands.

use proc_macro2::TokenStream;
use syn::ItemFn;

use crate::{expand::expand, options::Options};

/// What the compiler would show, for options and a function.
fn told(options: &str, function: &str) -> Result<TokenStream, String> {
    let options: Options = syn::parse_str(options).map_err(|error| error.to_string())?;
    let function: ItemFn = syn::parse_str(function).map_err(|error| error.to_string())?;
    expand(&options, function).map_err(|error| error.to_string())
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    for (options, function, message) in [
        (
            "capture",
            "fn f() {}",
            "`capture` is no option of `observe`; there are `name = \"…\"`",
        ),
        (
            "as_type = \"llm\"",
            "fn f() {}",
            "`llm` is not a type; there are `span`, `generation`",
        ),
        (
            "level = \"info\"",
            "fn f() {}",
            "`info` is not a level; there are `debug`, `default`",
        ),
        (
            "name = \"a\", name = \"b\"",
            "fn f() {}",
            "`name` is given twice",
        ),
        ("name", "fn f() {}", "expected `=`"),
        (
            "skip(secret)",
            "fn f(key: u8) {}",
            "`secret` is no argument of this function",
        ),
        (
            "skip(self)",
            "fn f(key: u8) {}",
            "`self` is no argument of this function",
        ),
        (
            "capture_input",
            "fn f((a, b): (u8, u8)) {}",
            "an argument needs a name to be noted under",
        ),
        ("", "const fn f() {}", "a `const fn` cannot be observed"),
    ] {
        let told = told(options, function).map_or_else(|message| message, |_| String::new());

        assert!(told.contains(message), "{options}: {told:?}");
    }
}

#[test]
fn each_kind_of_function_gets_its_own_opening() {
    for (function, opening) in [
        ("fn f() {}", "Context :: with_span ("),
        (
            "fn f() -> io::Result<()> { Ok(()) }",
            "Context :: try_with_span (",
        ),
        ("async fn f() -> u8 { 1 }", "Context :: with_span_async ("),
        (
            "async fn f() -> Result<u8, E> { Ok(1) }",
            "Context :: try_with_span_async (",
        ),
        (
            "fn f() -> Pin<Box<dyn Future<Output = u8> + Send>> { g() }",
            "Context :: with_span_async (",
        ),
        (
            "fn f() -> std::pin::Pin<Box<dyn Future<Output = Result<u8, E>>>> { g() }",
            "Context :: try_with_span_async (",
        ),
        (
            "fn f() -> impl Fn() -> Result<u8, E> { g() }",
            "Context :: with_span (",
        ),
    ] {
        let expanded = told("", function).map(|tokens| tokens.to_string());

        let expanded = expanded.unwrap_or_default();
        assert!(expanded.contains(opening), "{function}: {expanded}");
    }
}

#[test]
fn a_raw_name_is_shown_as_it_is_meant() {
    let expanded = told("", "fn r#move() {}").map(|tokens| tokens.to_string());

    assert!(expanded.unwrap_or_default().contains("new (\"move\")"));
}

#[test]
fn self_may_be_left_out_by_name_though_it_is_never_noted() {
    let expanded = told("skip(self, key)", "fn f(&self, key: u8, size: u8) {}");

    let expanded = expanded.unwrap_or_default().to_string();
    assert!(expanded.contains("\"size\"") && !expanded.contains("\"key\""));
}
