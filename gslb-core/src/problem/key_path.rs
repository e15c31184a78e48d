//! The path of a value in a document: the keys and indices that lead to it, rendered only for output.

use std::fmt;

/// A chain of steps from the root, each borrowed from the stack frame of the reader.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a>(Option<(&'a Path<'a>, Step<&'a str>)>);

/// Keys and indices from the root of a document. Empty for the document as a whole, and for what has no path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct KeyPath(Box<[Step<Box<str>>]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step<K> {
    Key(K),
    Index(usize),
}

impl<'a> Path<'a> {
    /// The root of the document.
    pub const ROOT: Path<'static> = Path(None);

    /// The value of `key` in the table at this path.
    pub fn key<'b>(&'b self, key: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path(Some((self, Step::Key(key))))
    }

    /// The item at `index` in the array at this path.
    pub fn index<'b>(&'b self, index: usize) -> Path<'b>
    where
        'a: 'b,
    {
        Path(Some((self, Step::Index(index))))
    }
}

impl KeyPath {
    /// The value of `key` in the table at this path.
    pub fn key(&self, key: &str) -> KeyPath {
        self.with(Step::Key(key.into()))
    }

    /// The item at `index` in the array at this path.
    pub fn index(&self, index: usize) -> KeyPath {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step<Box<str>>) -> KeyPath {
        KeyPath(self.0.iter().cloned().chain([step]).collect())
    }

    /// True for the document as a whole, and for what has no path.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a JSON pointer (RFC 6901): `/policies/eu-first/failover/1`.
    pub fn pointer(&self) -> String {
        self.0.iter().fold(String::new(), |above, step| match step {
            Step::Key(key) => format!("{above}/{}", key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("{above}/{index}"),
        })
    }
}

impl From<&Path<'_>> for KeyPath {
    fn from(mut path: &Path<'_>) -> Self {
        let mut steps = Vec::new();
        while let Some((above, step)) = &path.0 {
            steps.push(match *step {
                Step::Key(key) => Step::Key(key.into()),
                Step::Index(index) => Step::Index(index),
            });
            path = above;
        }
        steps.reverse();
        KeyPath(steps.into())
    }
}

impl<const N: usize> From<[&str; N]> for KeyPath {
    /// The path of nested keys.
    fn from(keys: [&str; N]) -> Self {
        KeyPath(keys.map(|key| Step::Key(key.into())).into())
    }
}

impl fmt::Display for KeyPath {
    /// As in TOML: `policies.eu-first.failover[1]`, `services."www.example.com".ttl`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(out, "[{index}]")?,
                Step::Key(key) => {
                    out.write_str(if number > 0 { "." } else { "" })?;
                    if is_bare(key) { out.write_str(key)? } else { write!(out, "{key:?}")? }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        KeyPath::from(self).fmt(out)
    }
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

    #[test]
    fn every_key_and_index_is_a_step_of_the_pointer() {
        let services = Path::ROOT.key("services");
        let service = services.key("www.example.com");
        let policy = service.key("policy");
        let pointer = |path: &Path<'_>| KeyPath::from(path).pointer();
        assert_eq!(pointer(&policy.index(3).key("geo")), "/services/www.example.com/policy/3/geo");
        assert_eq!(pointer(&policy.index(3).index(0)), "/services/www.example.com/policy/3/0");
        assert_eq!(pointer(&Path::ROOT), "");
    }

    #[test]
    fn unusual_keys_have_a_pointer() {
        for key in ["", ".", "a.b[0]", "\"", "\\", "a\"b\\n", "\n\t\r\0", "\u{1}\u{7f}\u{200b}\u{feff}", "ü/~", "'"] {
            let expected = format!("/zones/{}/file", key.replace('~', "~0").replace('/', "~1"));
            assert_eq!(KeyPath::from(["zones", key, "file"]).pointer(), expected, "{key:?}");
        }
    }
}
