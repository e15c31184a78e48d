//! Token scopes: patterns of the resources that a token may change.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use gslb_core::live::overrides::covering::{Glob, is_covered};
use gslb_core::site::pattern::Pattern;

use crate::section::Section;

/// Most scopes per token.
pub const MAX_SCOPES: usize = 32;
/// Longest scope, in octets.
const MAX_OCTETS: usize = 256;

/// The kind of a scope or resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zone,
    DataCenter,
    Probe,
    Pool,
    Endpoint,
    Region,
    Policy,
    Service,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Zone,
        Self::DataCenter,
        Self::Probe,
        Self::Pool,
        Self::Endpoint,
        Self::Region,
        Self::Policy,
        Self::Service,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::DataCenter => "data-center",
            Self::Probe => "probe",
            Self::Pool => "pool",
            Self::Endpoint => "endpoint",
            Self::Region => "region",
            Self::Policy => "policy",
            Self::Service => "service",
        }
    }

    fn of(section: Section) -> Self {
        match section {
            Section::Zones => Self::Zone,
            Section::DataCenters => Self::DataCenter,
            Section::Probes => Self::Probe,
            Section::Pools => Self::Pool,
            Section::Regions => Self::Region,
            Section::Policies => Self::Policy,
            Section::Services => Self::Service,
        }
    }

    /// `name` in canonical form: DNS names compare without case and without the final dot.
    fn canonical(self, name: &str) -> String {
        match self {
            Self::Zone | Self::Service => name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(),
            _ => name.to_owned(),
        }
    }
}

/// A pattern of resources, such as `pool/fra*`, `service/*.shop.example.com` or `endpoint/fra/fra-?`.
#[derive(Debug, Clone)]
pub struct Scope {
    text: String,
    kind: Kind,
    glob: Glob,
}

/// Invalid scope text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a scope: write KIND/NAME with one of data-center, pool, service, zone, policy, region and probe, or \
     endpoint/POOL/NAME; * stands for any characters, ? for one"
)]
pub struct InvalidScope(String);

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let refused = || InvalidScope(text.chars().take(MAX_OCTETS).collect());
        let (word, name) = text.split_once('/').ok_or_else(refused)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == word).ok_or_else(refused)?;
        let is_plain = !name.contains(|letter: char| letter.is_control() || letter.is_whitespace());
        if text.len() > MAX_OCTETS || name.is_empty() || !is_plain {
            return Err(refused());
        }
        let glob = if kind == Kind::Endpoint {
            let (pool, endpoint) = name.split_once('/').ok_or_else(refused)?;
            if pool.is_empty() || endpoint.is_empty() || endpoint.contains('/') {
                return Err(refused());
            }
            Glob::new(pool).and(Glob::new(endpoint))
        } else {
            Glob::new(&kind.canonical(name))
        };
        Ok(Self { text: text.to_owned(), kind, glob })
    }
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Scope {}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// The scopes of a token. Without any, it may change everything that its role may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Arc<[Scope]>);

impl Scopes {
    /// Parses scopes.
    ///
    /// # Errors
    /// The first invalid scope.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, InvalidScope> {
        texts.iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<Scope>, _>>().map(|all| Self(all.into()))
    }

    /// True if nothing is restricted.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes as written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether everything that `resource` can match is in scope. If that is not certain, it is not.
    pub fn cover(&self, resource: &Resource) -> bool {
        if self.is_everything() {
            return true;
        }
        let Some(kind) = resource.kind else { return false };
        let by: Vec<Glob> = self.0.iter().filter_map(|scope| scope.over(kind)).collect();
        is_covered(&resource.glob, &by)
    }

    /// The `resources` that are out of scope, as text.
    pub fn outside<'r>(&self, resources: impl IntoIterator<Item = &'r Resource>) -> Vec<String> {
        let outside = resources.into_iter().filter(|resource| !self.cover(resource));
        outside.map(ToString::to_string).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.texts().join(" "))
    }
}

impl Scope {
    /// The names of `kind` that this covers: a pool scope also covers the pool's endpoints.
    fn over(&self, kind: Kind) -> Option<Glob> {
        match (self.kind, kind) {
            (own, kind) if own == kind => Some(self.glob.clone()),
            (Kind::Pool, Kind::Endpoint) => Some(self.glob.clone().and(Glob::new("*"))),
            _ => None,
        }
    }
}

/// A resource to change: an entry of the document, the target of an override, or something that no scope covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    text: String,
    kind: Option<Kind>,
    glob: Glob,
}

impl Resource {
    /// An entry of the document.
    pub fn entry(section: Section, name: &str) -> Self {
        Self::literal(Kind::of(section), name)
    }

    /// An endpoint.
    pub fn endpoint(pool: &str, endpoint: &str) -> Self {
        let text = format!("endpoint/{pool}/{endpoint}");
        Self { text, kind: Some(Kind::Endpoint), glob: Glob::literal(pool).and(Glob::literal(endpoint)) }
    }

    /// Everything that an override's target can match.
    pub fn target(target: &Pattern) -> Self {
        let (kind, glob) = match target {
            Pattern::DataCenter(name) => (Kind::DataCenter, Glob::new(name)),
            Pattern::Pool(name) => (Kind::Pool, Glob::new(name)),
            Pattern::Endpoint { pool, endpoint } => (Kind::Endpoint, Glob::new(pool).and(Glob::new(endpoint))),
        };
        Self { text: target.to_string(), kind: Some(kind), glob }
    }

    /// Something that only a token without scopes may change; `what` describes it.
    pub fn unscoped(what: impl Into<String>) -> Self {
        Self { text: what.into(), kind: None, glob: Glob::literal("") }
    }

    fn literal(kind: Kind, name: &str) -> Self {
        let text = format!("{}/{name}", kind.name());
        Self { text, kind: Some(kind), glob: Glob::literal(&kind.canonical(name)) }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(texts: &[&str]) -> Scopes {
        Scopes::parse(texts).unwrap()
    }

    fn targets(target: &str, by: &[&str]) -> bool {
        scopes(by).cover(&Resource::target(&target.parse().unwrap()))
    }

    #[test]
    fn a_target_is_in_scope_if_everything_it_can_match_is() {
        for (target, by) in [
            ("pool/fra", "pool/fra*"),
            ("pool/fra-?", "pool/fra*"),
            ("endpoint/fra/fra-1", "pool/fra"),
            ("endpoint/fra*/*", "pool/fra*"),
            ("endpoint/fra/fra-1", "endpoint/fra/*"),
            ("data-center/fra", "data-center/fra"),
        ] {
            assert!(targets(target, &[by]), "{target} by {by}");
        }
        for (target, by) in [
            ("pool/fra*", "pool/fra"),
            ("pool/*", "pool/fra*"),
            ("pool/fra", "data-center/fra"),
            ("data-center/fra", "pool/*"),
            ("pool/fra", "endpoint/fra/*"),
            ("endpoint/*/fra-1", "pool/fra"),
            ("endpoint/fra/*", "endpoint/fra/fra-?"),
            ("pool/fra", "service/*"),
        ] {
            assert!(!targets(target, &[by]), "{target} by {by}");
        }
        assert!(targets("pool/fra", &["service/*", "pool/fra"]));
    }

    #[test]
    fn dns_names_compare_as_in_the_dns() {
        let shop = scopes(&["service/*.Shop.example.com."]);
        let service = |name: &str| shop.cover(&Resource::entry(Section::Services, name));
        assert!(service("www.shop.example.com") && service("WWW.SHOP.EXAMPLE.COM.") && service("*.shop.example.com"));
        assert!(!service("shop.example.com") && !service("www.example.com") && !service(r"a\.shop.example.com"));
        assert!(!shop.cover(&Resource::entry(Section::Zones, "www.shop.example.com")));
    }

    #[test]
    fn invalid_scopes_are_refused() {
        for text in
            ["", "pool", "pool/", "pools/fra", "endpoint/fra", "endpoint/fra/", "endpoint/a/b/c", "pool/a b", "*"]
        {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
        assert!(format!("pool/{}", "a".repeat(300)).parse::<Scope>().is_err());
        assert!(Scopes::default().cover(&Resource::unscoped("the log level")));
        assert!(!scopes(&["pool/*"]).cover(&Resource::unscoped("the log level")));
    }
}
