//! Reads `regions`.

use std::collections::{HashMap, HashSet};

use geoip::{Continent, CountryCode};
use ipnet::{IpNet, Ipv4Net};

use super::country;
use super::names::Section;
use crate::notation::{Entry, Item, Problems, shortened};
use crate::site::model::{Matcher, Region, RegionId};

const KINDS: [&str; 5] = ["continent", "country", "subdivision", "asn", "prefix"];
const EXAMPLE: &str = r#"["continent:EU", "country:TR"]"#;

/// The problem with a matcher, and how to fix it.
struct InvalidMatcher {
    message: String,
    help: String,
}

/// Returns one region per entry, even an invalid one, so that positions in the section are indices.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems) -> Vec<Region> {
    section.items().map(|(entry, item)| region(entry, &item, problems)).collect()
}

fn region(entry: &Entry, item: &Item<'_, '_>, problems: &mut Problems) -> Region {
    if &*entry.key == "default" {
        let message = "a region cannot be named `default`: that key of a geo policy is for all other clients";
        problems.error(entry.at, &item.path, message, "give the region another name");
    }
    let mut region = Region { name: (&*entry.key).into(), matchers: Vec::new(), location: problems.location(entry.at) };
    let Some(fields) = item.fields(&["match"], &format!("{{ match = {EXAMPLE} }}"), problems) else { return region };
    let Some(list) = fields.require("match", EXAMPLE, problems) else { return region };
    let nodes = list.list(EXAMPLE, problems).unwrap_or_default();
    region.matchers.reserve_exact(nodes.len());
    // The index of each matcher in the list.
    let mut indices = Vec::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        let item = Item { node, path: list.path.index(index) };
        let Some(text) = item.string("\"continent:EU\"", problems) else { continue };
        match matcher(text, problems) {
            Err(invalid) => item.error(problems, invalid.message, invalid.help),
            Ok(matcher) => {
                region.matchers.push(matcher);
                indices.push(index);
            }
        }
    }
    for repeated in take_repeated(&mut region.matchers) {
        let Some((index, node)) = indices.get(repeated).and_then(|&index| Some((index, nodes.get(index)?))) else {
            continue;
        };
        let item = Item { node, path: list.path.index(index) };
        let Some(text) = item.string("\"continent:EU\"", problems) else { continue };
        item.warning(problems, format!("`{text}` is listed twice"), "remove it");
    }
    region
}

/// Removes repeated matchers, and returns their indices.
fn take_repeated(matchers: &mut Vec<Matcher>) -> Vec<usize> {
    let numbered = matchers.iter().cloned().zip(0usize..).collect();
    let mut repeated: Vec<usize> =
        groups(numbered).flat_map(|group| group.into_iter().skip(1).map(|(_, index)| index)).collect();
    repeated.sort_unstable();
    let mut gone = repeated.iter().peekable();
    let mut index = 0;
    matchers.retain(|_| {
        index += 1;
        gone.next_if_eq(&&(index - 1)).is_none()
    });
    repeated
}

fn matcher(text: &str, problems: &mut Problems) -> Result<Matcher, InvalidMatcher> {
    let Some((kind, value)) = text.split_once(':') else {
        let help = "write a kind and a value, such as continent:EU, country:TR, subdivision:US-CA, asn:3320 or \
                    prefix:203.0.113.0/24";
        return Err(invalid(format!("{} has no kind", shortened(text)), help));
    };
    match kind {
        "continent" => continent(value),
        "country" => country_code(value).map(Matcher::Country),
        "subdivision" => subdivision(value),
        "asn" => asn(value),
        "prefix" => prefix(value),
        _ => {
            let help = problems.suggestion(kind, KINDS.into_iter());
            Err(invalid(format!("{} is not a matcher kind", shortened(kind)), help))
        }
    }
}

fn invalid(message: impl Into<String>, help: impl Into<String>) -> InvalidMatcher {
    InvalidMatcher { message: message.into(), help: help.into() }
}

fn continent(value: &str) -> Result<Matcher, InvalidMatcher> {
    value.parse::<Continent>().map(Matcher::Continent).map_err(|_| {
        let codes: Vec<&str> = Continent::ALL.iter().map(|continent| continent.code()).collect();
        invalid(format!("{} is not a continent code", shortened(value)), format!("one of {}", codes.join(", ")))
    })
}

fn country_code(value: &str) -> Result<CountryCode, InvalidMatcher> {
    value.parse::<CountryCode>().ok().filter(|&code| country::exists(code)).ok_or_else(|| {
        let message = format!("{} is not a country code", shortened(value));
        invalid(message, "write a two-letter ISO 3166-1 code, such as country:TR")
    })
}

fn subdivision(value: &str) -> Result<Matcher, InvalidMatcher> {
    let (country, part) = value.split_once('-').unwrap_or((value, ""));
    let well_formed = (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_alphanumeric());
    if !well_formed {
        let message = format!("{} is not a subdivision code", shortened(value));
        return Err(invalid(message, "write an ISO 3166-2 code, such as subdivision:US-CA"));
    }
    country_code(country)?;
    Ok(Matcher::Subdivision(value.to_ascii_uppercase().into()))
}

fn asn(value: &str) -> Result<Matcher, InvalidMatcher> {
    let plain = value.bytes().all(|octet| octet.is_ascii_digit());
    if let Some(number) = value.parse().ok().filter(|&number: &u32| plain && number > 0) {
        return Ok(Matcher::Asn(number));
    }
    let digits = value.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let help = match digits.parse::<u32>() {
        Ok(number) if number > 0 => format!("write asn:{number}"),
        _ => "write a number from 1 to 4294967295, such as asn:3320".to_owned(),
    };
    Err(invalid(format!("{} is not an AS number", shortened(value)), help))
}

fn prefix(value: &str) -> Result<Matcher, InvalidMatcher> {
    let Ok(written) = value.parse::<IpNet>() else {
        let help = match value.parse::<std::net::IpAddr>() {
            Ok(address) => format!("add the length: prefix:{}", IpNet::from(address)),
            Err(_) => {
                "write a network and its length, such as prefix:203.0.113.0/24 or prefix:2001:db8::/32".to_owned()
            }
        };
        return Err(invalid(format!("{} is not a prefix", shortened(value)), help));
    };
    if written.trunc() != written {
        let message = format!("{value} has host bits set");
        return Err(invalid(message, format!("the network is prefix:{}", written.trunc())));
    }
    Ok(Matcher::Prefix(unmapped(written)))
}

/// Converts an IPv4-mapped prefix to IPv4; lookups use that.
fn unmapped(prefix: IpNet) -> IpNet {
    let IpNet::V6(mapped) = prefix else { return prefix };
    let inner = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    inner.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(prefix, IpNet::V4)
}

/// The matchers that appear in several regions, by region: no geo policy may use two regions that share one.
pub(super) fn contested(regions: &[Region]) -> HashMap<RegionId, Vec<&Matcher>> {
    // No region has a matcher twice, so a repeated matcher is in two regions.
    let all = regions.iter().flat_map(|region| &region.matchers).map(|matcher| (matcher.clone(), ())).collect();
    let shared: HashSet<Matcher> = groups(all).filter_map(|group| Some(group.into_iter().next()?.0)).collect();
    if shared.is_empty() {
        return HashMap::new();
    }
    let by_region = regions.iter().zip(0..).map(|(region, number)| {
        let matchers: Vec<&Matcher> = region.matchers.iter().filter(|matcher| shared.contains(*matcher)).collect();
        (RegionId(number), matchers)
    });
    by_region.filter(|(_, matchers)| !matchers.is_empty()).collect()
}

/// Groups of two or more equal matchers, in their order.
///
/// By sorting: a million matchers are usually almost sorted, and a hash table of them fits into no cache.
fn groups<T>(mut numbered: Vec<(Matcher, T)>) -> impl Iterator<Item = Vec<(Matcher, T)>> {
    numbered.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut rest = numbered.into_iter().peekable();
    std::iter::from_fn(move || {
        loop {
            let first = rest.next()?;
            if rest.peek().is_some_and(|next| next.0 == first.0) {
                let mut group = vec![first];
                while let Some(next) = rest.next_if(|next| next.0 == group[0].0) {
                    group.push(next);
                }
                return Some(group);
            }
        }
    })
}
