//! The pages of `docs/`: each is in the book, its programs are compiled, and what it lists is complete.

use std::{fs, path::Path};

use o11y_langfuse::LossReason;

/// The text of a file, by its path from the root of the repository.
fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap()
}

/// The paths of all pages from `docs/`, the decisions among them.
fn pages() -> Vec<String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut pages = Vec::new();
    for folder in ["", "adr/"] {
        for entry in fs::read_dir(docs.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") && name != "SUMMARY.md" {
                pages.push(format!("{folder}{name}"));
            }
        }
    }
    pages
}

fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("## {heading}\n")).unwrap();
    rest.split_once("\n## ")
        .map_or(rest, |(section, _)| section)
}

#[test]
fn every_page_is_in_the_book_and_every_decision_in_their_list() {
    let (summary, decisions) = (text("docs/SUMMARY.md"), text("docs/decisions.md"));

    for page in pages() {
        let link = format!("({page})");
        assert!(
            summary.contains(&link),
            "docs/SUMMARY.md does not name {page}"
        );
        assert!(
            !page.starts_with("adr/") || decisions.contains(&link),
            "docs/decisions.md does not name {page}"
        );
    }
}

#[test]
fn every_program_in_a_page_is_compiled() {
    let compiled = text("examples/src/lib.rs");

    for page in pages() {
        let has_programs = text(&format!("docs/{page}")).contains("\n```rust");
        assert!(
            !has_programs || compiled.contains(&format!("\"../../docs/{page}\"")),
            "examples/src/lib.rs does not include docs/{page}"
        );
    }
}

#[test]
fn the_page_on_operating_explains_every_reason_for_a_loss() {
    let page = text("docs/operating.md");
    let rows = section(&page, "Why something was lost");

    let explained: Vec<_> = rows
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();

    assert_eq!(explained, LossReason::ALL.map(LossReason::as_str));
}
