//! A domain name in wire form with its original case. Labels may contain any octet; comparison ignores case.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// Maximum length of a name in wire form, in octets, including the root's zero octet (RFC 1035 §3.1).
pub const MAX_NAME: usize = 255;
/// Maximum length of a label, in octets (RFC 1035 §3.1).
pub const MAX_LABEL: usize = 63;

/// An absolute domain name in uncompressed wire form, with its original case.
///
/// Equality, order and hash ignore ASCII case (RFC 4343). The order is the canonical one of RFC 4034 §6.1:
/// by label from the root, octet by octet.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// Why octets or text are not a valid domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// More than [`MAX_NAME`] octets in wire form.
    #[error("name is longer than 255 octets")]
    TooLong,
    /// A label of more than [`MAX_LABEL`] octets.
    #[error("label is longer than 63 octets")]
    LabelTooLong,
    /// Two dots in a row, or a dot at the start.
    #[error("name has an empty label")]
    EmptyLabel,
    /// A backslash followed by neither a character nor three decimal digits up to 255.
    #[error("escape is neither \\DDD (000 to 255) nor a backslash and a character")]
    BadEscape,
    /// Empty text.
    #[error("name is empty; the root is written as \".\"")]
    Empty,
    /// Octets that end inside a label, contain a compression pointer, or continue after the root.
    #[error("octets are not an uncompressed name")]
    BadWire,
}

impl Name {
    /// Its text without the final dot, as in documents; the root is `.`.
    pub fn to_written(&self) -> String {
        let text = self.to_string();
        match text.strip_suffix('.') {
            Some("") | None => text,
            Some(written) => written.to_owned(),
        }
    }

    /// The root, `.`.
    pub fn root() -> Name {
        Name(Box::new([0]))
    }

    /// Reads exactly one uncompressed name from `octets`.
    pub fn from_wire(octets: &[u8]) -> Result<Name, NameError> {
        let len = wire_length(octets)?;
        if len == octets.len() { Ok(Name(octets.into())) } else { Err(NameError::BadWire) }
    }

    /// Builds a name from labels, leftmost first, without the root's empty label.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Result<Name, NameError> {
        let mut octets = Vec::with_capacity(64);
        for label in labels {
            push_label(&mut octets, label)?;
        }
        octets.push(0);
        if octets.len() > MAX_NAME { Err(NameError::TooLong) } else { Ok(Name(octets.into())) }
    }

    /// Reads presentation form (RFC 1035 §5.1); a name without a final dot is completed by `origin`.
    pub fn parse(text: &[u8], origin: &Name) -> Result<Name, NameError> {
        match text {
            b"" => return Err(NameError::Empty),
            b"." => return Ok(Name::root()),
            b"@" => return Ok(origin.clone()),
            _ => {}
        }
        let mut octets = Vec::with_capacity(text.len() + 2 + origin.0.len());
        let mut label = Vec::with_capacity(MAX_LABEL);
        let mut rest = text;
        let mut absolute = false;
        while let Some((&first, tail)) = rest.split_first() {
            rest = tail;
            match first {
                b'.' => {
                    push_label(&mut octets, &label)?;
                    label.clear();
                    absolute = rest.is_empty();
                }
                b'\\' => {
                    let (octet, used) = unescape(rest)?;
                    label.push(octet);
                    rest = rest.get(used..).unwrap_or_default();
                }
                other => label.push(other),
            }
        }
        if !absolute {
            push_label(&mut octets, &label)?;
        }
        octets.extend_from_slice(if absolute { &[0] } else { &origin.0 });
        if octets.len() > MAX_NAME { Err(NameError::TooLong) } else { Ok(Name(octets.into())) }
    }

    /// The name in uncompressed wire form, root octet included.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Length in wire form, in octets: 1 for the root, at most [`MAX_NAME`].
    pub fn wire_len(&self) -> usize {
        self.0.len()
    }

    /// Labels from the left, without the root's.
    pub fn labels(&self) -> Labels<'_> {
        Labels(&self.0)
    }

    /// Number of labels, without the root's.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// True for `.`.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// True if the leftmost label is `*` (RFC 4592 §2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(&[1, b'*'])
    }

    /// The name without its leftmost label; `None` for the root.
    pub fn parent(&self) -> Option<Name> {
        let first = usize::from(*self.0.first()?);
        if first == 0 { None } else { self.0.get(1 + first..).map(|rest| Name(rest.into())) }
    }

    /// True if this name is `ancestor` or lies below it.
    pub fn is_at_or_below(&self, ancestor: &Name) -> bool {
        let (own, theirs) = (self.label_count(), ancestor.label_count());
        own >= theirs && self.labels().skip(own - theirs).zip(ancestor.labels()).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }

    /// This name with one more label at the left.
    pub fn child(&self, label: &[u8]) -> Result<Name, NameError> {
        let mut octets = Vec::with_capacity(self.0.len() + label.len() + 1);
        push_label(&mut octets, label)?;
        octets.extend_from_slice(&self.0);
        if octets.len() > MAX_NAME { Err(NameError::TooLong) } else { Ok(Name(octets.into())) }
    }

    /// The same name in lowercase.
    pub fn to_lowercase(&self) -> Name {
        // Length octets are at most 63, below 'A', so lowercasing does not change them.
        Name(self.0.to_ascii_lowercase().into())
    }
}

/// Labels of a name from the left; see [`Name::labels`].
#[derive(Debug, Clone)]
pub struct Labels<'a>(&'a [u8]);

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&len, rest) = self.0.split_first()?;
        if len == 0 {
            return None;
        }
        let (label, tail) = rest.split_at_checked(usize::from(len))?;
        self.0 = tail;
        Some(label)
    }
}

/// Length of the uncompressed name at the start of `octets`, root octet included.
pub fn wire_length(octets: &[u8]) -> Result<usize, NameError> {
    let mut at = 0;
    loop {
        let len = usize::from(*octets.get(at).ok_or(NameError::BadWire)?);
        at += 1 + len;
        match len {
            0 if at <= MAX_NAME => return Ok(at),
            1..=MAX_LABEL if at < MAX_NAME => {}
            0..=MAX_LABEL => return Err(NameError::TooLong),
            _ => return Err(NameError::BadWire),
        }
    }
}

fn push_label(octets: &mut Vec<u8>, label: &[u8]) -> Result<(), NameError> {
    match label.len() {
        0 => Err(NameError::EmptyLabel),
        len @ 1..=MAX_LABEL => {
            octets.push(len as u8);
            octets.extend_from_slice(label);
            Ok(())
        }
        _ => Err(NameError::LabelTooLong),
    }
}

/// Parses what follows a backslash; returns the octet and the number of octets of text.
pub fn unescape(text: &[u8]) -> Result<(u8, usize), NameError> {
    match text {
        [a, b, c, ..] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() => {
            let value = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
            u8::try_from(value).map(|octet| (octet, 3)).map_err(|_| NameError::BadEscape)
        }
        [digit, ..] if digit.is_ascii_digit() => Err(NameError::BadEscape),
        [other, ..] => Ok((*other, 1)),
        [] => Err(NameError::BadEscape),
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Parses presentation form; the final dot is optional.
    fn from_str(text: &str) -> Result<Name, NameError> {
        if text == "@" {
            return Name::from_labels([b"@".as_slice()]);
        }
        Name::parse(text.as_bytes(), &Name::root())
    }
}

impl fmt::Display for Name {
    /// Presentation form with a final dot; special and non-printable octets are escaped (RFC 4343 §2.1).
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return out.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(out, "\\{}", octet as char)?,
                    b'!'..=b'~' => write!(out, "{}", octet as char)?,
                    _ => write!(out, "\\{octet:03}")?,
                }
            }
            out.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut lower = [0; MAX_NAME];
        for (to, from) in lower.iter_mut().zip(&self.0) {
            *to = from.to_ascii_lowercase();
        }
        // A name is never longer than that.
        state.write(lower.get(..self.0.len()).unwrap_or(&lower));
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> std::cmp::Ordering {
        let lowered = |label: &[u8]| label.to_ascii_lowercase();
        let (mut a, mut b): (Vec<_>, Vec<_>) = (self.labels().collect(), other.labels().collect());
        a.reverse();
        b.reverse();
        a.into_iter().map(lowered).cmp(b.into_iter().map(lowered))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn text_and_wire_round_trip_with_any_octet() {
        for text in [".", "example.com.", r"a\.b.example.", r"\000\255\032x.", r"\@.\$.\;.\(."] {
            assert_eq!(name(text).to_string(), text);
            assert_eq!(Name::from_wire(name(text).as_wire()).unwrap(), name(text));
        }
        assert_eq!(name(r"a\.b.example").label_count(), 2, "an escaped dot does not separate labels");
    }

    #[test]
    fn case_is_preserved_and_ignored_in_comparisons() {
        assert_eq!(name("WwW.Example.COM"), name("www.example.com"));
        assert_eq!(name("WwW.Example.COM").to_string(), "WwW.Example.COM.");
    }

    #[test]
    fn limits_are_those_of_rfc_1035() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(name(&longest).wire_len(), 255);
        assert_eq!(format!("{longest}a").parse::<Name>(), Err(NameError::TooLong));
        assert_eq!(format!("{label}a").parse::<Name>(), Err(NameError::LabelTooLong));
        assert_eq!("a..b".parse::<Name>(), Err(NameError::EmptyLabel));
        assert_eq!(".a".parse::<Name>(), Err(NameError::EmptyLabel));
        assert_eq!("".parse::<Name>(), Err(NameError::Empty));
        assert_eq!(r"a\256".parse::<Name>(), Err(NameError::BadEscape));
        assert_eq!(r"a\25".parse::<Name>(), Err(NameError::BadEscape));
        assert_eq!("a\\".parse::<Name>(), Err(NameError::BadEscape));
        assert_eq!(Name::from_wire(&[0xC0, 0]), Err(NameError::BadWire));
        assert_eq!(Name::from_wire(&[1, b'a', 0, 0]), Err(NameError::BadWire));
    }

    #[test]
    fn ancestry_compares_labels_not_text() {
        assert!(name("a.example.com").is_at_or_below(&name("example.com")));
        assert!(name("example.com").is_at_or_below(&name("EXAMPLE.com")));
        assert!(!name("badexample.com").is_at_or_below(&name("example.com")));
        assert!(name("x.").is_at_or_below(&Name::root()));
    }
}
