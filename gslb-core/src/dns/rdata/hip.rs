//! Host identities: algorithm, identity tag, public key and rendezvous servers (RFC 8005 §5).

use super::blob::{decode_base64, decode_hex};
use super::encoding::{base64, hex};
use super::phrase::Phrase;
use super::scalar::read_name;
use super::wire::{Unreadable, Wire};
use super::word::{Fault, Word, Words};

/// On the wire the lengths come first, so everything is parsed before anything is written.
pub(super) fn read(words: &mut Words<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    let algorithm = words.number("algorithm", 255)? as u8;
    let tag_word = words.next("host identity tag")?;
    let tag = decode_hex("host identity tag", &tag_word, tag_word.bare("host identity tag")?)?;
    let key_word = words.next("public key")?;
    let key = decode_base64("public key", &key_word, key_word.bare("public key")?)?;
    let tag_len = u8::try_from(tag.len()).map_err(|_| too_long("host identity tag", &tag_word, 255))?;
    let key_len = u16::try_from(key.len()).map_err(|_| too_long("public key", &key_word, 65_535))?;
    rdata.extend([tag_len, algorithm]);
    rdata.extend(key_len.to_be_bytes());
    rdata.extend(tag);
    rdata.extend(key);
    while words.peek().is_some() {
        read_name("rendezvous server", words, rdata)?;
    }
    Ok(())
}

fn too_long(label: &str, word: &Word<'_>, most: usize) -> Fault {
    word.fault(format!("the {label} is too long"), format!("write at most {most} octets"))
}

pub(super) fn write(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let [tag_len, algorithm] = wire.array()?;
    let key_len = wire.u16()?;
    if tag_len == 0 || key_len == 0 {
        return Err(Unreadable::Malformed);
    }
    out.word(algorithm);
    out.word(hex(wire.take(usize::from(tag_len))?));
    // The key is a single word, because names follow it.
    out.word(base64(wire.take(usize::from(key_len))?));
    while !wire.is_empty() {
        out.word(wire.name()?);
    }
    Ok(())
}
