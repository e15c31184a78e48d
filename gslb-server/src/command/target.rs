//! Targets as every command spells them: `data-center/NAME`, `pool/NAME`, `endpoint/POOL/NAME`, `service/NAME`.

use std::fmt;
use std::str::FromStr;

/// The target of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    DataCenter(String),
    Pool(String),
    Endpoint { pool: String, name: String },
    Service(String),
}

/// Text that is not a target.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected data-center/NAME, pool/NAME, endpoint/POOL/NAME or service/NAME")]
pub(super) struct InvalidTarget;

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let (kind, name) = text.split_once('/').filter(|(_, name)| !name.is_empty()).ok_or(InvalidTarget)?;
        match kind {
            "data-center" => Ok(Self::DataCenter(plain(name)?)),
            "pool" => Ok(Self::Pool(plain(name)?)),
            "service" => Ok(Self::Service(name.to_owned())),
            "endpoint" => {
                let (pool, name) = name.split_once('/').ok_or(InvalidTarget)?;
                Ok(Self::Endpoint { pool: plain(pool)?, name: plain(name)? })
            }
            _ => Err(InvalidTarget),
        }
    }
}

/// A name of the document, which has no slash.
fn plain(name: &str) -> Result<String, InvalidTarget> {
    if name.is_empty() || name.contains('/') { Err(InvalidTarget) } else { Ok(name.to_owned()) }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataCenter(name) => write!(out, "data-center/{name}"),
            Self::Pool(name) => write!(out, "pool/{name}"),
            Self::Endpoint { pool, name } => write!(out, "endpoint/{pool}/{name}"),
            Self::Service(name) => write!(out, "service/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_target_is_read_and_written_alike() {
        for text in ["data-center/fra", "pool/fra", "endpoint/fra/fra-1", "service/www.example.com"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for invalid in
            ["", "fra", "pool", "pool/", "pool/a/b", "endpoint/fra", "endpoint/a/", "endpoint//b", "pools/fra"]
        {
            assert_eq!(invalid.parse::<Target>(), Err(InvalidTarget), "{invalid}");
        }
    }
}
