//! Host identities: algorithm, identity tag, public key and rendezvous servers (RFC 8005 §5).

use super::blob::{decode_base64, decode_hex};
use super::encoding::{base64, hex};
use super::phrase::Phrase;
use super::scalar::read_name;
use super::token::{Fault, Token, Tokens};
use super::wire::{Unreadable, Wire};

/// On the wire the lengths come first, so everything is parsed before anything is written.
pub(super) fn read(tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    let algorithm = tokens.number("algorithm", 255)? as u8;
    let tag_token = tokens.next("host identity tag")?;
    let tag = decode_hex("host identity tag", &tag_token, tag_token.bare("host identity tag")?)?;
    let key_token = tokens.next("public key")?;
    let key = decode_base64("public key", &key_token, key_token.bare("public key")?)?;
    let tag_len = u8::try_from(tag.len()).map_err(|_| too_long("host identity tag", &tag_token, 255))?;
    let key_len = u16::try_from(key.len()).map_err(|_| too_long("public key", &key_token, 65_535))?;
    rdata.extend([tag_len, algorithm]);
    rdata.extend(key_len.to_be_bytes());
    rdata.extend(tag);
    rdata.extend(key);
    while tokens.peek().is_some() {
        read_name("rendezvous server", tokens, rdata)?;
    }
    Ok(())
}

fn too_long(label: &str, token: &Token<'_>, most: usize) -> Fault {
    token.fault(format!("the {label} is too long"), format!("write at most {most} octets"))
}

pub(super) fn write(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let [tag_len, algorithm] = wire.array()?;
    let key_len = wire.u16()?;
    if tag_len == 0 || key_len == 0 {
        return Err(Unreadable::Malformed);
    }
    out.token(algorithm);
    out.token(hex(wire.take(usize::from(tag_len))?));
    // The key is a single token, because names follow it.
    out.token(base64(wire.take(usize::from(key_len))?));
    while !wire.is_empty() {
        out.token(wire.name()?);
    }
    Ok(())
}
