//! Where the secrets of DNS cookies come from: chance, gslb.toml, a file, or a credential of systemd.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use gslb_core::respond::Secrets;
use gslb_core::respond::cookies::Secret;
use ring::hmac;

use super::random::RandomSecret;
use crate::files::reader::{self, Kind};

/// Shortest master secret in octets.
const MIN_MASTER_OCTETS: usize = 16;
/// Most secrets at once: each one that does not match costs a hash.
pub const MAX_SECRETS: usize = 4;
/// Where systemd puts credentials (systemd.exec(5), `LoadCredential=`).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Where the secrets come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// A random master secret of this process.
    #[default]
    Random,
    /// A master secret in a file, from which each day's secret is derived.
    Master(SecretFile),
    /// Secrets in gslb.toml, as other name servers use them.
    Shared(SecretList),
    /// The same in a file, one per line.
    SharedFile(SecretFile),
}

/// A file with secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFile {
    /// Its path.
    Path(PathBuf),
    /// Its name as a credential of systemd.
    Credential(String),
}

/// Secrets: the first one signs, all verify. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretList(Vec<Secret>);

impl fmt::Debug for SecretList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecretList of {}", self.0.len())
    }
}

impl SecretList {
    /// The list, if it has 1 to [`MAX_SECRETS`] secrets.
    pub fn new(secrets: Vec<Secret>) -> Option<Self> {
        (1..=MAX_SECRETS).contains(&secrets.len()).then_some(Self(secrets))
    }
}

impl SecretFile {
    /// Its path.
    ///
    /// # Errors
    /// If it is a credential, and systemd has passed none.
    fn path(&self) -> Result<PathBuf, String> {
        match self {
            Self::Path(path) => Ok(path.clone()),
            Self::Credential(name) => match env::var_os(CREDENTIALS_DIRECTORY) {
                Some(directory) => Ok(Path::new(&directory).join(name)),
                None => Err(format!(
                    "{CREDENTIALS_DIRECTORY} is not set, so there is no credential {name:?}: add \
                     `LoadCredential={name}:/path` to the unit of gslb, or use {{ file = \"...\" }}"
                )),
            },
        }
    }
}

/// What the secrets of a day are made of.
pub(super) enum Master {
    /// Each day's secret is HMAC-SHA-256 of the day.
    Daily(hmac::Key),
    /// The secrets themselves.
    Shared(SecretList),
}

impl Master {
    /// The secrets of `today`, counted since the epoch, and of its neighbors.
    pub(super) fn secrets(&self, today: u32) -> Secrets {
        match self {
            Self::Daily(master) => Secrets::daily(today, |day| {
                let tag = hmac::sign(master, &day.to_be_bytes());
                let mut secret = Secret::default();
                secret.iter_mut().zip(tag.as_ref()).for_each(|(place, octet)| *place = *octet);
                secret
            }),
            Self::Shared(list) => Secrets::shared(&list.0),
        }
    }
}

impl Origin {
    /// The file that has the secrets; `None` if they are in no file.
    ///
    /// # Errors
    /// As [`SecretFile::path`].
    pub(super) fn file(&self) -> Result<Option<PathBuf>, String> {
        match self {
            Self::Random | Self::Shared(_) => Ok(None),
            Self::Master(file) | Self::SharedFile(file) => file.path().map(Some),
        }
    }

    /// Reads the secrets; `random` is the one to use without any.
    ///
    /// # Errors
    /// Why they cannot be used, without quoting them.
    pub(super) fn read(&self, random: &RandomSecret) -> Result<Master, String> {
        let read = |file: &SecretFile| {
            let path = file.path()?;
            let read = reader::read(&path, Kind::Secret).map_err(|cause| format!("{}: {cause}", path.display()));
            read.map(|octets| (path, octets))
        };
        match self {
            Self::Random => Ok(random.master()),
            Self::Shared(list) => Ok(Master::Shared(list.clone())),
            Self::Master(file) => {
                let (path, octets) = read(file)?;
                let master = octets.trim_ascii();
                if master.len() < MIN_MASTER_OCTETS {
                    return Err(format!(
                        "{} has {} bytes of secret, which is fewer than {MIN_MASTER_OCTETS}: write one with `openssl \
                         rand -hex 32`",
                        path.display(),
                        master.len()
                    ));
                }
                Ok(Master::Daily(hmac::Key::new(hmac::HMAC_SHA256, master)))
            }
            Self::SharedFile(file) => {
                let (path, octets) = read(file)?;
                list(&octets).map(Master::Shared).map_err(|why| format!("{}{why}", path.display()))
            }
        }
    }
}

/// The secrets in a file: one per line, apart from empty lines and comments.
fn list(octets: &[u8]) -> Result<SecretList, String> {
    let text = std::str::from_utf8(octets).map_err(|_| ": it is not UTF-8 text".to_owned())?;
    let mut secrets = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            let secret = parse_secret(line).ok_or_else(|| {
                format!(
                    ":{}: not a secret: write 32 hexadecimal digits, such as those of `openssl rand -hex 16`",
                    number + 1
                )
            })?;
            secrets.push(secret);
        }
    }
    let count = secrets.len();
    SecretList::new(secrets).ok_or_else(|| format!(" has {count} secrets: write 1 to {MAX_SECRETS}, one per line"))
}

/// A secret of 32 hexadecimal digits.
pub(crate) fn parse_secret(text: &str) -> Option<Secret> {
    let mut secret = Secret::default();
    if text.len() != 2 * secret.len() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (at, octet) in secret.iter_mut().enumerate() {
        *octet = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_secret_per_line() {
        let text = b"# active\ne5e973e5a6b2a43f48e7dc849e37bfcf\n\n  445536BCD2513298075A5D379663C962  \r\n";
        assert_eq!(list(text).unwrap().0.len(), 2);
        for (bad, why) in [
            (&b""[..], " has 0 secrets"),
            (b"# nothing\n", " has 0 secrets"),
            (b"\n0123\n", ":2: not a secret"),
            (b"+5e973e5a6b2a43f48e7dc849e37bfcf", ":1: not a secret"),
            (b"\xff\xfe", ": it is not UTF-8 text"),
        ] {
            let error = list(bad).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
        let five = "e5e973e5a6b2a43f48e7dc849e37bfcf\n".repeat(5);
        assert!(list(five.as_bytes()).unwrap_err().starts_with(" has 5 secrets"));
    }

    #[test]
    fn no_message_and_no_debug_output_has_a_secret() {
        let error = list(b"e5e973e5a6b2a43f48e7dc849e37bfcZ\n").unwrap_err();
        assert!(!error.contains("e5e9"), "{error}");
        let shared = Origin::Shared(SecretList::new(vec![[0xE5; 16]]).unwrap());
        assert_eq!(format!("{shared:?}"), "Shared(SecretList of 1)");
    }
}
