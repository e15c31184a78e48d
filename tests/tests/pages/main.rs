//! README and docs/: every command works as a reader would type it, every link leads somewhere, and the language is
//! plain.
//!
//! Each page runs in its own network namespace, so it can use the default ports. `GSLB_TEST_PAGES=write` writes the
//! output of the commands into the pages.

mod language;
mod links;
mod page;
mod reader;
mod terminal;
mod transcript;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Every page below docs/, and README.md first.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![Path::new(ROOT).join("README.md")];
    let mut folders = vec![Path::new(ROOT).join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "md") {
                pages.push(entry);
            }
        }
    }
    pages[1..].sort();
    pages
}

/// The path of a page in the repository.
fn name(page: &Path) -> String {
    page.strip_prefix(ROOT).unwrap_or(page).display().to_string()
}
