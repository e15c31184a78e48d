//! The `[dns.cookies]` table: DNS cookies and where their secrets come from.

use std::path::Path;

use gslb_core::notation::{Fields, Item, Problems, Value};

use super::value::{path, table};
use crate::dns::cookies::{MAX_SECRETS, Origin, SecretFile, SecretList, parse_secret};

/// The `[dns.cookies]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookies {
    /// `enabled`: whether COOKIE options are answered. Default true.
    pub enabled: bool,
    /// `secret` or `secrets`: where the secrets come from. Default: a random one.
    pub origin: Origin,
}

impl Default for Cookies {
    fn default() -> Self {
        Self { enabled: true, origin: Origin::Random }
    }
}

impl Cookies {
    pub(super) fn take_from(&mut self, dns: &Fields<'_, '_>, problems: &mut Problems) {
        let Some(cookies) = table(dns, "cookies", &["enabled", "secret", "secrets"], problems) else { return };
        cookies.set("enabled", &mut self.enabled, problems, |item, problems| item.boolean(problems));
        let (secret, secrets) = (cookies.get("secret"), cookies.get("secrets"));
        if let (Some(_), Some(secrets)) = (&secret, &secrets) {
            let help = "keep `secret` for a fleet of gslb, or `secrets` to share them with other name servers";
            secrets.error(problems, "`secret` and `secrets` exclude each other", help);
            return;
        }
        if let Some(origin) = secret.and_then(|item| secret_file(&item, problems)).map(Origin::Master) {
            self.origin = origin;
        }
        if let Some(origin) = secrets.and_then(|item| shared(&item, problems)) {
            self.origin = origin;
        }
    }

    /// Makes a relative path relative to `folder`.
    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Origin::Master(SecretFile::Path(path)) | Origin::SharedFile(SecretFile::Path(path)) = &mut self.origin {
            *path = folder.join(&*path);
        }
    }
}

const FILE: &str = "{ file = \"cookie.key\" }";

/// The secrets themselves, or the file that has them.
fn shared(item: &Item<'_, '_>, problems: &mut Problems) -> Option<Origin> {
    if !matches!(item.node.value, Value::Array(_)) {
        return secret_file(item, problems).map(Origin::SharedFile);
    }
    let example = "[\"32 hexadecimal digits\"]";
    let secrets = item.list_of(example, problems, |item, problems| {
        let secret = item.string("\"32 hexadecimal digits\"", problems).map(parse_secret)?;
        if secret.is_none() {
            // The text may be a secret of another form.
            item.error(
                problems,
                "not a secret",
                "write 32 hexadecimal digits, such as those of `openssl rand -hex 16`",
            );
        }
        secret
    })?;
    let count = secrets.len();
    let list = SecretList::new(secrets);
    if list.is_none() {
        item.error(problems, format!("{count} secrets are too many"), format!("write at most {MAX_SECRETS}"));
    }
    list.map(Origin::Shared)
}

/// A table with `file` or `credential`.
fn secret_file(item: &Item<'_, '_>, problems: &mut Problems) -> Option<SecretFile> {
    if let Value::String(_) = item.node.value {
        // It may be the secret.
        item.error(problems, "a secret does not belong into this file", format!("write {FILE}"));
        return None;
    }
    let place = item.fields(&["file", "credential"], FILE, problems)?;
    match (place.get("file"), place.get("credential")) {
        (Some(file), None) => path(&file, problems).map(SecretFile::Path),
        (None, Some(credential)) => credential_name(&credential, problems).map(SecretFile::Credential),
        _ => {
            item.error(problems, "expected either `file` or `credential`", format!("write {FILE}"));
            None
        }
    }
}

/// The name of a credential, which is a file name (systemd.exec(5)).
fn credential_name(item: &Item<'_, '_>, problems: &mut Problems) -> Option<String> {
    let name = item.string("\"cookie\"", problems)?;
    let is_file_name = !name.is_empty() && name.len() <= 255 && !name.contains('/') && ![".", ".."].contains(&name);
    if !is_file_name {
        item.error(problems, "not the name of a credential", "write the name in `LoadCredential=`, such as \"cookie\"");
    }
    is_file_name.then(|| name.to_owned())
}
