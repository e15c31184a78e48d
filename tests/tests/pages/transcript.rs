//! Whether a command prints what the page shows.

/// True if `printed` matches the page. A line `...` matches any lines, and `...` within a line any text. Times and the
/// number of blanks do not matter. If nothing is shown, any output matches.
pub(crate) fn is_as_shown(shown: &[String], printed: &str) -> bool {
    let shown: Vec<String> = shown.iter().map(|line| plain(line)).collect();
    let printed: Vec<String> = printed.lines().map(plain).collect();
    let printed = &printed[..printed.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1)];
    shown.is_empty() || lines_match(&shown, printed)
}

fn lines_match(shown: &[String], printed: &[String]) -> bool {
    match (shown, printed) {
        ([], printed) => printed.is_empty(),
        ([any, rest @ ..], printed) if any == "..." => (0..=printed.len()).any(|at| lines_match(rest, &printed[at..])),
        ([line, rest @ ..], [first, others @ ..]) => line_matches(line, first) && lines_match(rest, others),
        (_, []) => false,
    }
}

/// The parts between `...` are in the line, in their order.
fn line_matches(shown: &str, printed: &str) -> bool {
    let shown = shown.replace(" ...", "...").replace("... ", "...");
    let mut parts = shown.split("...");
    let (first, mut last) = (parts.next().unwrap_or_default(), None);
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    last.map_or(rest.is_empty(), |last| rest.is_empty() || last.is_empty() || printed.ends_with(last))
}

/// A line with single blanks, and with every time replaced by the same one.
fn plain(line: &str) -> String {
    line.split_whitespace().map(without_time).collect::<Vec<_>>().join(" ")
}

/// `2026-11-22T13:10:46.084Z`, alone or in a word.
fn without_time(word: &str) -> String {
    let is_time = |text: &str| {
        let shape: String = text.chars().map(|next| if next.is_ascii_digit() { '0' } else { next }).collect();
        shape.starts_with("0000-00-00T00:00:00")
    };
    let start = (0..word.len()).find(|at| word.get(*at..).is_some_and(is_time));
    let Some(start) = start else { return word.to_owned() };
    let rest = &word[start..];
    let end = rest.find('Z').map_or(rest.len(), |at| at + 1);
    format!("{}TIME{}", &word[..start], &rest[end..])
}

#[test]
fn elisions_match_anything_and_the_rest_is_compared() {
    let shown = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (page, printed, expected) in [
        ("a  b", "a b\n", true),
        ("a", "a\nb\n", false),
        ("a\n...", "a\nb\n", true),
        ("...\nb", "a\nb\n\n", true),
        ("a\n...\nc", "a\nb\nb\nc", true),
        ("a\n...\nc", "a\nb", false),
        ("id: ..., ok", "id: 17, ok", true),
        ("id: ..., ok", "id: 17, not", false),
        ("id: ...", "id: 17, ok", true),
        ("id ... name ... ok", "id name 17 ok", true),
        ("since 2026-11-22T13:10:46.084Z x", "since 2027-01-01T00:00:00Z x", true),
        ("", "anything", true),
    ] {
        assert_eq!(is_as_shown(&shown(page), printed), expected, "{page:?} and {printed:?}");
    }
}
