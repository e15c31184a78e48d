//! The substitution expression of a NAPTR: `!pattern!replacement!flags` with any delimiter (RFC 3402 §3.2).

use super::phrase::Phrase;
use super::scalar::put_counted;
use super::token::{Fault, Tokens};
use super::wire::{Unreadable, Wire};

pub(super) fn read(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    let token = tokens.next(label)?;
    let octets = token.octets()?;
    if !is_substitution(&octets) {
        return Err(token.fault(
            format!("the {label} \"{}\" is not a substitution", token.shown()),
            "write \"\", or \"!pattern!replacement!\" with balanced parentheses; \\\\1 stands for the first of them",
        ));
    }
    put_counted(label, &token, &octets, rdata)
}

pub(super) fn write(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let octets = wire.counted()?;
    if !is_substitution(octets) {
        return Err(Unreadable::Malformed);
    }
    out.string(octets);
    Ok(())
}

/// True for an empty expression, and for two delimited parts and flags; the pattern itself is not compiled.
fn is_substitution(octets: &[u8]) -> bool {
    let Some((&delimiter, rest)) = octets.split_first() else { return true };
    if delimiter.is_ascii_digit() || matches!(delimiter, b'i' | b'\\' | 0) {
        return false;
    }
    let Some((pattern, rest)) = until(rest, delimiter) else { return false };
    let Some((replacement, flags)) = until(rest, delimiter) else { return false };
    let Some(groups) = groups(pattern) else { return false };
    !pattern.is_empty() && last_reference(replacement) <= groups && flags.iter().all(|&flag| flag == b'i')
}

/// The text before and after the first unescaped delimiter.
fn until(text: &[u8], delimiter: u8) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = text.iter().position(|&octet| {
        let found = !escaped && octet == delimiter;
        escaped = !escaped && octet == b'\\';
        found
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Number of groups in the pattern; `None` if one is not closed. An unmatched `)` is literal (POSIX.1-2017
/// XBD 9.4.3), and brackets hide parentheses.
fn groups(pattern: &[u8]) -> Option<usize> {
    let (mut open, mut groups) = (0usize, 0usize);
    let mut rest = pattern;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        match octet {
            b'\\' => rest = rest.get(1..)?,
            b'[' => rest = after_bracket_expression(rest)?,
            b'(' => {
                open += 1;
                groups += 1;
            }
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    (open == 0).then_some(groups)
}

/// The text after the bracket expression that `text` is inside of (POSIX.1-2017 XBD 9.3.5). A `]` ends it unless it is
/// the first member, and `[:class:]`, `[.symbol.]` and `[=equivalent=]` have their own brackets. A backslash is a
/// member.
fn after_bracket_expression(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"^").unwrap_or(text);
    rest = rest.strip_prefix(b"]").unwrap_or(rest);
    loop {
        rest = match rest {
            [b']', after @ ..] => return Some(after),
            [b'[', mark @ (b':' | b'.' | b'='), inner @ ..] => {
                let end = inner.windows(2).position(|pair| pair == [*mark, b']'])?;
                inner.get(end + 2..)?
            }
            [_, after @ ..] => after,
            [] => return None,
        };
    }
}

/// The highest group that the replacement refers to; 0 for none.
fn last_reference(replacement: &[u8]) -> usize {
    let mut escaped = false;
    let mut highest = 0;
    for &octet in replacement {
        if escaped && octet.is_ascii_digit() {
            highest = highest.max(usize::from(octet - b'0'));
        }
        escaped = !escaped && octet == b'\\';
    }
    highest
}

#[cfg(test)]
mod tests {
    use super::is_substitution;

    #[test]
    fn substitutions() {
        for good in ["", "!a!b!", "!a!b!i", r"!(a)b!\1!i", r"/\/(x)/\1\//", "!^.*$!sip:info@example.com!", "![^](]!x!"]
            .into_iter()
            .chain([
                r"!^([[:alpha:](]+)$!sip:\1@x!",
                "![]()]!x!",
                "![^]()]!x!",
                "![[.(.]()]!x!",
                "![[=(=]]!x!",
                "![[]!x!",
            ])
            .chain(["!a)b!x!", "!)!x!", r"!(a))!\1!", "![a])!x!"])
            .chain([r"![\]!x!", "!^[+]?([0-9]{3})$!x!", "|a(b)|x|i"])
        {
            assert!(is_substitution(good.as_bytes()), "{good}");
        }
        for bad in [
            "!",
            "!a",
            "!a!b",
            "!a!b!x",
            r"!(a(b!\1!i",
            r"!ab!\1!i",
            "1a1b1",
            "iaibi",
            "!!b!",
            r"!a\!b!",
            "![[:alpha:]!x!",
            "![a!x!",
            "![]!x!",
            "![[:x]!x!",
        ] {
            assert!(!is_substitution(bad.as_bytes()), "{bad}");
        }
    }
}
