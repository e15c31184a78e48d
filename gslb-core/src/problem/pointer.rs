//! Converts paths of problems to JSON pointers (RFC 6901).

use std::iter::Peekable;
use std::str::Chars;

/// The pointer for `path`, in the format of [`super::key_path::Path`].
pub(crate) fn pointer_of(path: &str) -> String {
    let mut pointer = String::with_capacity(path.len() + 1);
    let mut letters = path.chars().peekable();
    while let Some(&letter) = letters.peek() {
        pointer.push('/');
        match letter {
            '"' => quoted(&mut letters, &mut pointer),
            _ => bare(&mut letters, &mut pointer),
        }
        // A dot or bracket separates two steps; the bracket after an index is followed by either.
        while letters.next_if(|&next| matches!(next, '.' | '[' | ']')).is_some() {}
    }
    pointer
}

fn bare(letters: &mut Peekable<Chars<'_>>, pointer: &mut String) {
    while let Some(letter) = letters.next_if(|&next| !matches!(next, '.' | '[' | ']')) {
        push(letter, pointer);
    }
}

/// A quoted key, with Rust escapes.
fn quoted(letters: &mut Peekable<Chars<'_>>, pointer: &mut String) {
    letters.next();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return,
            '\\' => push(escaped(letters), pointer),
            _ => push(letter, pointer),
        }
    }
}

/// The character of an escape whose backslash has been read.
fn escaped(letters: &mut Peekable<Chars<'_>>) -> char {
    match letters.next() {
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('0') => '\0',
        Some('u') => {
            let digits: String = letters.by_ref().skip(1).take_while(|&digit| digit != '}').collect();
            u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        Some(letter) => letter,
        None => char::REPLACEMENT_CHARACTER,
    }
}

/// RFC 6901 §3: `~` and `/` are written as `~0` and `~1`.
fn push(letter: char, pointer: &mut String) {
    match letter {
        '~' => pointer.push_str("~0"),
        '/' => pointer.push_str("~1"),
        _ => pointer.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::super::key_path::Path;
    use super::*;

    #[test]
    fn every_key_and_index_is_a_step() {
        let services = Path::ROOT.key("services");
        let service = services.key("www.example.com");
        let policy = service.key("policy");
        assert_eq!(pointer_of(&policy.index(3).key("geo").to_string()), "/services/www.example.com/policy/3/geo");
        assert_eq!(pointer_of(&policy.index(3).index(0).to_string()), "/services/www.example.com/policy/3/0");
        assert_eq!(pointer_of(&Path::ROOT.to_string()), "");
    }

    #[test]
    fn unusual_keys_round_trip() {
        for key in ["", ".", "a.b[0]", "\"", "\\", "a\"b\\n", "\n\t\r\0", "\u{1}\u{7f}\u{200b}\u{feff}", "ü/~", "'"] {
            let expected = format!("/zones/{}/file", key.replace('~', "~0").replace('/', "~1"));
            let zones = Path::ROOT.key("zones");
            assert_eq!(pointer_of(&zones.key(key).key("file").to_string()), expected, "{key:?}");
        }
    }
}
