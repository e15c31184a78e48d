//! Each kind of field between its text form and its wire form.

use super::codes::{self, DIGEST};
use super::kind::Kind;
use super::phrase::Phrase;
use super::token::{Fault, Tokens};
use super::wire::{Unreadable, Wire};
use super::{address, apl, bitmap, blob, encoding, gateway, hip, loc, naptr, scalar, svcb, time, wks};

impl Kind {
    /// Reads the field from `tokens` and appends its wire form to `rdata`, which has all fields before it.
    pub(crate) fn read(self, label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Kind::Domain => scalar::read_name(label, tokens, rdata),
            Kind::U8 => scalar::read_u8(label, tokens, rdata),
            Kind::U16 => scalar::read_u16(label, tokens, rdata),
            Kind::U32 => scalar::read_u32(label, tokens, rdata),
            Kind::Code8(codes) => scalar::read_code8(codes, label, tokens, rdata),
            Kind::Code16(codes) => put16(codes.read(label, tokens.next(label)?, u16::MAX)?, rdata),
            Kind::KeyFlags => put16(codes::read_key_flags(label, tokens.next(label)?)?, rdata),
            Kind::TypeCode => put16(bitmap::read_type(tokens.next(label)?)?, rdata),
            Kind::Seconds => time::read_seconds(label, tokens, rdata),
            Kind::Moment => time::read_moment(label, tokens, rdata),
            Kind::Ipv4 => address::read_ipv4(label, tokens, rdata),
            Kind::Ipv6 => address::read_ipv6(label, tokens, rdata),
            Kind::Groups => address::read_groups(label, tokens, rdata),
            Kind::Eui48 => address::read_eui(6, label, tokens, rdata),
            Kind::Eui64 => address::read_eui(8, label, tokens, rdata),
            Kind::Text => scalar::read_text(label, tokens, rdata),
            Kind::TextOrNothing if tokens.peek().is_none() => Ok(()),
            Kind::TextOrNothing => scalar::read_text(label, tokens, rdata),
            Kind::Texts => scalar::read_texts(label, tokens, rdata),
            Kind::TextToEnd => scalar::read_to_end(false, label, tokens, rdata),
            Kind::QuotedToEnd => scalar::read_to_end(true, label, tokens, rdata),
            Kind::Tag => scalar::read_tag(label, tokens, rdata),
            Kind::Hex => blob::read_hex(label, tokens, rdata),
            Kind::Base64OrNothing if tokens.peek().is_none() => Ok(()),
            Kind::Base64 | Kind::Base64OrNothing => blob::read_base64(label, tokens, rdata),
            Kind::Base64OrDash => blob::read_base64_or_dash(label, tokens, rdata),
            Kind::KeyOrNothing if blob::has_no_key(rdata) => Ok(()),
            Kind::IpsecKey if tokens.peek().is_none() && gateway::has_no_key(rdata) => Ok(()),
            Kind::KeyOrNothing | Kind::IpsecKey => blob::read_base64(label, tokens, rdata),
            Kind::DsDigest => blob::DS.read(&DIGEST, tokens, rdata),
            Kind::SshDigest => blob::SSHFP.read(&DIGEST, tokens, rdata),
            Kind::ZoneDigest => blob::ZONEMD.read(&DIGEST, tokens, rdata),
            Kind::Salt => blob::read_salt(label, tokens, rdata),
            Kind::HashedName => blob::read_hash(label, tokens, rdata),
            Kind::Types => bitmap::read(true, label, tokens, rdata),
            Kind::TypesOrNothing => bitmap::read(false, label, tokens, rdata),
            Kind::LowTypes => bitmap::read_low(tokens, rdata),
            Kind::Services => wks::read(tokens, rdata),
            Kind::PsdnAddress => address::read_psdn(label, tokens, rdata),
            Kind::Nsap => address::read_nsap(label, tokens, rdata),
            Kind::AtmAddress => address::read_atm(label, tokens, rdata),
            Kind::Location => loc::read(tokens, rdata),
            Kind::Regexp => naptr::read(label, tokens, rdata),
            Kind::A6 => gateway::read_a6(tokens, rdata),
            Kind::Prefixes => apl::read(tokens, rdata),
            Kind::IpsecGateway => gateway::read_ipseckey(tokens, rdata),
            Kind::AmtRelay => gateway::read_amtrelay(tokens, rdata),
            Kind::HostIdentity => hip::read(tokens, rdata),
            Kind::SvcParams => svcb::read(tokens, rdata),
        }
    }

    /// Takes the field from `wire` and writes its text; `whole` is the rdata from its start.
    pub(crate) fn write(self, wire: &mut Wire<'_>, whole: &[u8], out: &mut Phrase) -> Result<(), Unreadable> {
        match self {
            Kind::Domain => out.token(wire.name()?),
            Kind::U8 => out.token(wire.u8()?),
            Kind::U16 | Kind::KeyFlags => out.token(wire.u16()?),
            Kind::U32 | Kind::Seconds => out.token(wire.u32()?),
            Kind::Code8(codes) => codes.write(u16::from(wire.u8()?), out),
            Kind::Code16(codes) => codes.write(wire.u16()?, out),
            Kind::TypeCode => out.token(super::type_to_text(wire.u16()?)),
            Kind::Moment => out.token(time::Moment(wire.u32()?)),
            Kind::Ipv4 => out.token(std::net::Ipv4Addr::from(wire.array::<4>()?)),
            Kind::Ipv6 => out.token(std::net::Ipv6Addr::from(wire.array::<16>()?)),
            Kind::Groups => address::write_groups(wire.array()?, out),
            Kind::Eui48 => address::write_eui(wire.take(6)?, out),
            Kind::Eui64 => address::write_eui(wire.take(8)?, out),
            Kind::TextOrNothing if wire.is_empty() => {}
            Kind::Text | Kind::TextOrNothing => out.string(wire.counted()?),
            Kind::Texts => scalar::write_texts(wire, out)?,
            Kind::TextToEnd | Kind::QuotedToEnd => out.string(std::mem::take(&mut wire.0)),
            Kind::Tag => scalar::write_tag(wire, out)?,
            Kind::Hex => blob::write_hex(wire.rest()?, out),
            Kind::Base64OrNothing if wire.is_empty() => {}
            Kind::IpsecKey if wire.is_empty() && gateway::has_no_key(whole) => {}
            Kind::Base64OrDash if wire.is_empty() => out.token('-'),
            Kind::KeyOrNothing if blob::has_no_key(whole) => {}
            // A single token of any length, as in dig.
            Kind::Base64OrDash => out.token(encoding::base64(wire.rest()?)),
            Kind::Base64 | Kind::Base64OrNothing | Kind::KeyOrNothing | Kind::IpsecKey => {
                blob::write_base64(wire.rest()?, out);
            }
            Kind::DsDigest => blob::DS.write(wire, out)?,
            Kind::SshDigest => blob::SSHFP.write(wire, out)?,
            Kind::ZoneDigest => blob::ZONEMD.write(wire, out)?,
            Kind::Salt => blob::write_salt(wire, out)?,
            Kind::HashedName => blob::write_hash(wire, out)?,
            Kind::Types => bitmap::write(true, wire, out)?,
            Kind::TypesOrNothing => bitmap::write(false, wire, out)?,
            Kind::LowTypes => bitmap::write_low(wire, out)?,
            Kind::Services => wks::write(wire, out)?,
            Kind::PsdnAddress => address::write_psdn(wire, out)?,
            Kind::Nsap => address::write_nsap(wire, out)?,
            Kind::AtmAddress => address::write_atm(wire, out)?,
            Kind::Location => loc::write(wire, out)?,
            Kind::Regexp => naptr::write(wire, out)?,
            Kind::A6 => gateway::write_a6(wire, out)?,
            Kind::Prefixes => apl::write(wire, out)?,
            Kind::IpsecGateway => gateway::write_ipseckey(wire, out)?,
            Kind::AmtRelay => gateway::write_amtrelay(wire, out)?,
            Kind::HostIdentity => hip::write(wire, out)?,
            Kind::SvcParams => svcb::write(wire, out)?,
        }
        Ok(())
    }
}

fn put16(value: u16, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    rdata.extend_from_slice(&value.to_be_bytes());
    Ok(())
}
