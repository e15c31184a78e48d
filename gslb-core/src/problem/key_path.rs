//! The path of a value in the document, rendered only when a problem needs it.

use std::fmt;

/// A chain of steps from the root, each borrowed from the stack frame of the reader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// The root of the document.
    pub(crate) const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    /// The value of `key` in the table at this path.
    pub(crate) fn key<'b>(&'b self, key: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), step: Step::Key(key) }
    }

    /// The item at `index` in the array at this path.
    pub(crate) fn index<'b>(&'b self, index: usize) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for Path<'_> {
    /// As in TOML: `policies.eu-first.failover[1]`, `services."www.example.com".ttl`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(out)?;
            if !matches!(parent.step, Step::Root) && matches!(self.step, Step::Key(_)) {
                out.write_str(".")?;
            }
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Key(key) if is_bare(key) => out.write_str(key),
            Step::Key(key) => write!(out, "{key:?}"),
            Step::Index(index) => write!(out, "[{index}]"),
        }
    }
}

/// The path of nested keys, as text.
pub(crate) fn of_keys(keys: &[&str]) -> String {
    fn below(parent: &Path<'_>, keys: &[&str]) -> String {
        match keys {
            [] => parent.to_string(),
            [key, rest @ ..] => below(&parent.key(key), rest),
        }
    }
    below(&Path::ROOT, keys)
}

/// True for keys that need no quotes in TOML.
fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_dots_are_quoted_and_items_have_an_index() {
        let services = Path::ROOT.key("services");
        let service = services.key("www.example.com");
        let policy = service.key("policy");
        assert_eq!(policy.index(3).to_string(), r#"services."www.example.com".policy[3]"#);
        assert_eq!(Path::ROOT.to_string(), "");
    }
}
