//! The part of the document that the arguments of `gslb get`, `put`, `patch` and `delete` name.

use std::iter;

use clap::Args;
use gslb_api::document::Section;
use gslb_api::escape;

use super::target::Target;

/// The document, or one of its collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    Collection(Section),
}

impl Kind {
    /// All of them, in the order of the reference.
    fn all() -> impl Iterator<Item = Self> {
        iter::once(Self::Document).chain(Section::ALL.map(Self::Collection))
    }

    /// Its name as an argument, and its segment in a path of the API.
    fn segment(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Collection(section) => section.segment(),
        }
    }
}

/// Arguments that name a part of the document.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// document, a collection like pools, or a target like pool/fra
    #[arg(value_name = "WHAT", value_parser = parse)]
    what: Selected,
    /// Name of the resource, after a collection
    name: Option<String>,
}

impl Selection {
    /// The part that both arguments name.
    ///
    /// # Errors
    /// Both have a name, or a name follows `document`.
    pub(super) fn selected(&self) -> Result<Selected, String> {
        let Some(name) = &self.name else { return Ok(self.what.clone()) };
        match &self.what {
            Selected { kind: Kind::Document, .. } => Err(format!("there is one document: leave {name:?} out")),
            Selected { name: Some(first), .. } => Err(format!(
                "{first} already names the resource: omit {name}, or write a collection, like pools {name}"
            )),
            what => Ok(Selected { name: Some(name.clone()), ..what.clone() }),
        }
    }

    /// The path of a resource that can be written.
    ///
    /// # Errors
    /// It is the document, a whole collection, or an endpoint.
    pub(super) fn entry(&self) -> Result<String, String> {
        let selected = self.selected()?;
        match selected.kind {
            Kind::Document => Err("a document is replaced as a whole by `gslb apply FILE`".to_owned()),
            _ => selected.writable(),
        }
    }

    /// Like [`entry`](Self::entry), or the path of the document.
    ///
    /// # Errors
    /// It is a whole collection or an endpoint.
    pub(super) fn document_or_entry(&self) -> Result<String, String> {
        self.selected()?.writable()
    }
}

impl Selected {
    /// Its path in the API; of an endpoint, that of its pool.
    pub(super) fn path(&self) -> String {
        let kind = self.kind.segment();
        match &self.name {
            Some(name) => format!("/api/v1/{kind}/{}", escape(name)),
            None => format!("/api/v1/{kind}"),
        }
    }

    /// Its path, if it can be written by itself.
    fn writable(&self) -> Result<String, String> {
        match self {
            Selected { endpoint: Some(_), name, .. } => {
                Err(format!("an endpoint is written with its pool: name pool/{}", name.as_deref().unwrap_or("NAME")))
            }
            Selected { kind: Kind::Document, .. } | Selected { name: Some(_), .. } => Ok(self.path()),
            _ => Err("a name is missing: write a target, like pool/fra, or a collection and a name, like pools fra"
                .to_owned()),
        }
    }
}

/// A part of the document, as an argument names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) kind: Kind,
    pub(super) name: Option<String>,
    /// An endpoint within the pool of that name.
    pub(super) endpoint: Option<String>,
}

/// Reads the name of a collection, or a target as other commands take it.
fn parse(text: &str) -> Result<Selected, String> {
    let Some((word, name)) = text.split_once('/') else {
        let listed = || Kind::all().map(Kind::segment).collect::<Vec<_>>().join(", ");
        let kind = Kind::all().find(|kind| kind.segment() == text);
        let kind = kind.ok_or_else(|| format!("expected one of {}, or KIND/NAME", listed()))?;
        return Ok(Selected { kind, name: None, endpoint: None });
    };
    if let Ok(Target::Endpoint { pool, name }) = text.parse() {
        return Ok(Selected { kind: Kind::Collection(Section::Pools), name: Some(pool), endpoint: Some(name) });
    }
    let matches = |section: &Section| section.singular().replace(' ', "-") == word && !name.is_empty();
    match Section::ALL.into_iter().find(matches) {
        Some(section) => Ok(Selected { kind: Kind::Collection(section), name: Some(name.to_owned()), endpoint: None }),
        None => Err("expected KIND/NAME, like pool/fra, service/www.example.com or endpoint/fra/fra-1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_a_collection_or_a_target() {
        let of = |text: &str| parse(text).map(|it| (it.kind, it.name, it.endpoint));
        assert_eq!(of("pools"), Ok((Kind::Collection(Section::Pools), None, None)));
        assert_eq!(of("document"), Ok((Kind::Document, None, None)));
        for section in Section::ALL {
            let selected = parse(&format!("{}/a", section.singular().replace(' ', "-"))).unwrap();
            assert_eq!(selected.path(), format!("/api/v1/{}/a", section.segment()));
        }
        assert_eq!(
            of("endpoint/a/b"),
            Ok((Kind::Collection(Section::Pools), Some("a".to_owned()), Some("b".to_owned())))
        );
        for invalid in ["pool", "pools/a", "pool/", "endpoint/a", "document/a", ""] {
            assert!(of(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn what_is_written_is_named_once() {
        let selection =
            |what: &str, name: Option<&str>| Selection { what: parse(what).unwrap(), name: name.map(str::to_owned) };
        for (what, name) in [("pools", Some("fra")), ("pool/fra", None)] {
            assert_eq!(selection(what, name).entry().unwrap(), "/api/v1/pools/fra");
        }
        assert_eq!(selection("document", None).document_or_entry().unwrap(), "/api/v1/document");
        for (what, name, message) in [
            ("document", None, "gslb apply"),
            ("document", Some("a"), "one document"),
            ("pools", None, "a name is missing"),
            ("pool/fra", Some("ams"), "fra already names"),
            ("endpoint/fra/fra-1", None, "pool/fra"),
        ] {
            let error = selection(what, name).entry().unwrap_err();
            assert!(error.contains(message), "{what} {name:?}: {error}");
        }
    }

    #[test]
    fn names_are_escaped_as_a_segment_of_a_path() {
        assert_eq!(escape("www.example.com"), "www.example.com");
        assert_eq!(escape("*.a/b c?é"), "%2A.a%2Fb%20c%3F%C3%A9");
    }
}
