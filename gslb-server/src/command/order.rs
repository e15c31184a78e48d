//! Connection options may stand anywhere: those before or inside a command are moved behind it.

use std::ffi::{OsStr, OsString};

use clap::Command;

/// Options that take a value, in their long form.
const VALUED: [&str; 5] = ["--server", "--token", "--token-file", "--ca", "--output"];
/// The short form of `--output`.
const OUTPUT: &str = "-o";
/// Options that take none.
const PLAIN: [&str; 2] = ["--quiet", "-q"];

/// The command line `words` with connection options moved behind the subcommand of `program`. Unknown options stay
/// where they are, for the parser to report.
pub fn ordered(program: &Command, words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter();
    let (mut kept, mut moved) = (Vec::from_iter(words.next()), Vec::new());
    let mut command = program;
    let mut rest = Vec::new();
    while command.has_subcommands() {
        let Some(word) = words.next() else { break };
        if PLAIN.iter().any(|plain| word == *plain) || holds_value(&word) {
            moved.push(word);
        } else if VALUED.iter().any(|valued| word == *valued) || word == OUTPUT {
            moved.push(word);
            moved.extend(words.next());
        } else if let Some(next) = word.to_str().and_then(|word| command.find_subcommand(word)) {
            kept.push(word);
            command = next;
        } else {
            rest.push(word);
            break;
        }
    }
    rest.extend(words);
    if kept.len() < 2 {
        // There is no subcommand to move them behind.
        return [kept, moved, rest].concat();
    }
    let end = rest.iter().position(|word| word == "--").unwrap_or(rest.len());
    let behind = rest.split_off(end);
    [kept, rest, moved, behind].concat()
}

/// Whether `word` is an option together with its value: `--server=URL`, `-ojson`.
fn holds_value(word: &OsStr) -> bool {
    let word = word.as_encoded_bytes();
    let short = word.starts_with(OUTPUT.as_bytes()) && word.len() > OUTPUT.len();
    let has_value = |name: &&str| word.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    short || VALUED.iter().any(has_value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Subcommand as _;

    fn reordered(words: &str) -> String {
        let program = super::super::Command::augment_subcommands(Command::new("gslb"));
        let words = words.split(' ').map(OsString::from);
        ordered(&program, words).into_iter().map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_may_stand_before_or_inside_a_command() {
        for (words, expected) in [
            ("gslb -o json status --down", "gslb status --down -o json"),
            (
                "gslb --server http://a --token-file=f -q get pools fra",
                "gslb get pools fra --server http://a --token-file=f -q",
            ),
            ("gslb token -ojson list", "gslb token list -ojson"),
            ("gslb -q force --ca f down pool/a -r x", "gslb force down pool/a -r x -q --ca f"),
            ("gslb --server s put pools a -- -odd", "gslb put pools a --server s -- -odd"),
            ("gslb overrides -o json", "gslb overrides -o json"),
            ("gslb overrides -o json delete x", "gslb overrides delete x -o json"),
            ("gslb status -o json", "gslb status -o json"),
            ("gslb --bad status", "gslb --bad status"),
            ("gslb -o json", "gslb -o json"),
            ("gslb --server", "gslb --server"),
            ("gslb", "gslb"),
        ] {
            assert_eq!(reordered(words), expected);
        }
    }
}
