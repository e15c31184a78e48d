//! The language of the pages: plain American English, so that nothing has to be read twice.

use std::fs;
use std::path::Path;

use crate::links::prose;
use crate::{ROOT, name, pages};

/// Translated or archaic wording, and what to write instead.
const INSTEAD: [(&str, &str); 22] = [
    ("told", "reported, shown, logged"),
    ("tells", "shows, says, reports"),
    ("anew", "again"),
    ("whoever", "anyone who"),
    ("meanwhile", "in the meantime, or say what happens at the same time"),
    ("is to be had", "is available"),
    ("to be had", "available"),
    ("let go", "release, close"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("mends", "fixes"),
    ("licence", "license"),
    ("colour", "color"),
    ("neighbour", "neighbor"),
    ("kilometres", "kilometers"),
    ("is meant", "means, is intended"),
    ("let in", "authorized"),
    ("who asks", "the client, the caller"),
    ("heed", "follow"),
    ("at rest", "stable, unchanged"),
    ("as it stands", "as is, without changes"),
    ("falls silent", "is not answered"),
];

#[test]
fn the_pages_are_in_plain_english() {
    let root = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    let mut found = Vec::new();
    for page in pages().into_iter().chain(root.map(|name| Path::new(ROOT).join(name))) {
        let text = prose(&fs::read_to_string(&page).unwrap());
        // Names in backquotes are not words.
        let words: String = text.split('`').step_by(2).collect::<Vec<_>>().join(" ").to_lowercase();
        let words: String = words.chars().map(|next| if next.is_alphanumeric() { next } else { ' ' }).collect();
        let words = format!(" {} ", words.split_whitespace().collect::<Vec<_>>().join(" "));
        for (word, instead) in INSTEAD {
            if words.contains(&format!(" {word} ")) {
                found.push(format!("{}: {word:?}; write {instead}", name(&page)));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
