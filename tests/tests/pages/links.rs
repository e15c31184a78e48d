//! Links of pages lead to files and headings that exist, and so do the paths that pages for developers name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{ROOT, name, pages};

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let root = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "deploy/zabbix/README.md"];
    let mut broken = Vec::new();
    for page in pages().into_iter().chain(root.map(|name| Path::new(ROOT).join(name))) {
        let text = fs::read_to_string(&page).unwrap();
        for link in prose(&text).split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let has_heading = || anchor.is_empty() || headings(&target).contains(&anchor.to_owned());
            if !target.exists() || !has_heading() {
                broken.push(format!("{}: {link}", name(&page)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_path_in_the_pages_for_developers_exists() {
    let mut known = BTreeSet::new();
    for top in ["benches", "deploy", "docs", "fuzz", "geoip", "gslb-api", "gslb-core", "gslb-server", "tests"] {
        known.insert(format!("/{top}"));
        collect(&Path::new(ROOT).join(top), &mut known);
    }
    let mut missing = Vec::new();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/internals.md"] {
        let text = prose(&fs::read_to_string(Path::new(ROOT).join(page)).unwrap());
        for path in text.split('`').skip(1).step_by(2).filter(|span| is_path(span)) {
            let path = path.split('#').next().unwrap_or_default();
            let ending = format!("/{}", path.trim_end_matches('/'));
            if !known.iter().any(|known| known.ends_with(&ending)) {
                missing.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// `steer/draw.rs`, `gslb-api/src/traffic/` and the like; a single word is a module or a name of something else.
fn is_path(span: &str) -> bool {
    let is_source = span.ends_with(".rs") || span.contains('/') && (span.ends_with(".md") || span.ends_with('/'));
    is_source && !span.starts_with('/') && !span.contains([' ', '*', '<'])
}

fn collect(folder: &Path, known: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        known.insert(format!("/{}", name(&entry.path())));
        if entry.file_type().unwrap().is_dir() && entry.file_name() != "target" {
            collect(&entry.path(), known);
        }
    }
}

/// A page without its code blocks.
pub(crate) fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        is_code = is_code != is_fence;
        if !is_code && !is_fence {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The anchors that GitHub gives to the headings of a page.
fn headings(page: &Path) -> Vec<String> {
    let text = prose(&fs::read_to_string(page).unwrap_or_default());
    let titles =
        text.lines().filter_map(|line| line.strip_prefix('#')).map(|title| title.trim_start_matches('#').trim());
    titles
        .map(|title| {
            let kept = title.to_lowercase().replace(' ', "-");
            kept.chars().filter(|next| next.is_alphanumeric() || "-_".contains(*next)).collect()
        })
        .collect()
}
