//! Octets written as hexadecimal, base64 or base32hex: keys, signatures, digests, salts and hashes.

use super::codes::Codes;
use super::encoding::{base32_hex, base64, from_base32_hex, from_base64, from_hex, hex};
use super::phrase::Phrase;
use super::scalar::put_counted;
use super::token::{Fault, Token, Tokens};
use super::wire::{Unreadable, Wire};

type Done = Result<(), Fault>;

pub(super) fn read_hex(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let (joined, first) = tokens.join(label)?;
    rdata.extend_from_slice(&decode_hex(label, &first, &joined)?);
    Ok(())
}

pub(super) fn read_base64(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let (joined, first) = tokens.join(label)?;
    rdata.extend_from_slice(&decode_base64(label, &first, &joined)?);
    Ok(())
}

pub(super) fn read_base64_or_dash(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    if tokens.peek().is_some_and(|token| token.text == b"-" && !token.quoted) {
        tokens.take();
        return Ok(());
    }
    read_base64(label, tokens, rdata)
}

/// Decodes `text`; faults point at `token`.
pub(super) fn decode_hex(label: &str, token: &Token<'_>, text: &[u8]) -> Result<Vec<u8>, Fault> {
    from_hex(text).filter(|octets| !octets.is_empty()).ok_or_else(|| {
        let message = if text.iter().all(u8::is_ascii_hexdigit) {
            format!("the {label} has an odd number of hexadecimal digits")
        } else {
            format!("the {label} is not hexadecimal")
        };
        token.fault(message, "write two digits 0 to 9 or A to F per octet; blanks may stand between them")
    })
}

/// Decodes `text`; faults point at `token`.
pub(super) fn decode_base64(label: &str, token: &Token<'_>, text: &[u8]) -> Result<Vec<u8>, Fault> {
    from_base64(text).filter(|octets| !octets.is_empty()).ok_or_else(|| {
        token.fault(
            format!("the {label} is not base64"),
            "write base64 with its final = signs; its length is a multiple of four characters",
        )
    })
}

pub(super) fn write_hex(octets: &[u8], out: &mut Phrase) {
    out.groups(&hex(octets));
}

pub(super) fn write_base64(octets: &[u8], out: &mut Phrase) {
    out.groups(&base64(octets));
}

/// True if the flags at the start of a KEY say that no key follows (RFC 2535 §3.1.2).
pub(super) fn has_no_key(rdata: &[u8]) -> bool {
    rdata.first().is_some_and(|flags| flags & 0xC0 == 0xC0)
}

/// A digest after its type octet, with the lengths of known digest types.
#[derive(Debug)]
pub(super) struct Digest {
    what: &'static str,
    /// Type and length in octets.
    known: &'static [(u8, usize)],
    /// Minimum length of a digest of an unknown type, in octets.
    least: usize,
}

/// RFC 4034 §5.1, RFC 4509 §2, RFC 6605 §2.
pub(super) static DS: Digest = Digest { what: "digest", known: &[(1, 20), (2, 32), (4, 48)], least: 1 };
/// RFC 4255 §3.1, RFC 6594 §3.
pub(super) static SSHFP: Digest = Digest { what: "fingerprint", known: &[(1, 20), (2, 32)], least: 1 };
/// RFC 8976 §2.2.4.
pub(super) static ZONEMD: Digest = Digest { what: "digest", known: &[(1, 48), (2, 64)], least: 12 };

impl Digest {
    pub(super) fn read(&self, codes: &Codes, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
        let code =
            codes.read(&format!("{} type", self.what), tokens.next(&format!("{} type", self.what))?, 0xFF)? as u8;
        let (joined, first) = tokens.join(self.what)?;
        let digest = decode_hex(self.what, &first, &joined)?;
        if !self.fits(code, digest.len()) {
            let wanted = self.length(code).map_or(format!("at least {}", self.least), |len| len.to_string());
            return Err(first.fault(
                format!("the {} has {} octets; type {code} has {wanted}", self.what, digest.len()),
                format!("check that the {} is complete and has the right type", self.what),
            ));
        }
        rdata.push(code);
        rdata.extend_from_slice(&digest);
        Ok(())
    }

    pub(super) fn write(&self, wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
        let code = wire.u8()?;
        let digest = wire.rest()?;
        if !self.fits(code, digest.len()) {
            return Err(Unreadable::Malformed);
        }
        out.token(code);
        write_hex(digest, out);
        Ok(())
    }

    fn length(&self, code: u8) -> Option<usize> {
        self.known.iter().find(|&&(known, _)| known == code).map(|&(_, len)| len)
    }

    fn fits(&self, code: u8, len: usize) -> bool {
        self.length(code).map_or(len >= self.least, |wanted| len == wanted)
    }
}

pub(super) fn read_salt(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    let text = token.bare(label)?;
    let salt = if text == b"-" { Vec::new() } else { decode_hex(label, &token, text)? };
    put_counted(label, &token, &salt, rdata)
}

pub(super) fn write_salt(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    match wire.counted()? {
        [] => out.token('-'),
        salt => out.token(hex(salt)),
    }
    Ok(())
}

/// Shortest hash of an owner name, in octets: that of SHA-1, the only algorithm there is (RFC 5155 §11).
const LEAST_HASH: usize = 20;

pub(super) fn read_hash(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    let hash = from_base32_hex(token.bare(label)?).filter(|hash| hash.len() >= LEAST_HASH).ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is not a hash in base32hex", token.shown()),
            "write at least 32 characters 0 to 9 and A to V, without = signs",
        )
    })?;
    put_counted(label, &token, &hash, rdata)
}

pub(super) fn write_hash(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let hash = wire.counted()?;
    if hash.len() < LEAST_HASH {
        return Err(Unreadable::Malformed);
    }
    out.token(base32_hex(hash));
    Ok(())
}
