//! From raw records to checked places, each distinct record decoded once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use maxminddb::{MaxMindDbError, Reader};

use crate::countries::country;
use crate::schema::{Keys, Named, Record, Value};
use crate::tree::Network;
use crate::{Continent, Coordinate, CountryCode, Fault, OddRecords, Place};

/// A database is refused if less than one in this many records has geographic data.
const RECORDS_PER_UNDERSTOOD: usize = 100;
/// Number of record keys shown in an error.
const SHOWN_KEYS: usize = 12;
const SHOWN_CHARS: usize = 200;

/// This many records with impossible fields are tolerated in any file, and one in [`RECORDS_PER_ODD`] in large ones.
const ODD_RECORDS: usize = 10;
const RECORDS_PER_ODD: usize = 100;

/// What vendors write for "unknown", in any case. `ZZ` is an unknown country in CLDR.
const UNKNOWN: [&str; 10] = ["", "-", "--", "?", "ZZ", "N/A", "none", "null", "unknown", "undefined"];

/// The records of a database read so far, and their places.
pub(crate) struct Records<'r, 'b> {
    reader: &'r Reader<&'b [u8]>,
    /// The last record read: neighbors often share one.
    latest: Option<(u32, u32)>,
    /// Data offset to index of the place.
    by_offset: HashMap<u32, u32>,
    by_place: HashMap<Place, u32>,
    understood: usize,
    odd: OddRecords,
    /// The first record that cannot be decoded as ours.
    formless: Option<Fault>,
    /// Keys of the first record that has data, but none about a place.
    foreign_keys: String,
}

impl<'r, 'b> Records<'r, 'b> {
    pub(crate) fn new(reader: &'r Reader<&'b [u8]>) -> Self {
        Records {
            reader,
            latest: None,
            by_offset: HashMap::new(),
            by_place: HashMap::from([(Place::default(), 0)]),
            understood: 0,
            odd: OddRecords::default(),
            formless: None,
            foreign_keys: String::new(),
        }
    }

    /// The index of the place that the record at `offset` names; `network` leads to it.
    pub(crate) fn place(&mut self, offset: u32, network: Network) -> Result<u32, Fault> {
        if let Some((latest, place)) = self.latest
            && latest == offset
        {
            return Ok(place);
        }
        let place = match self.by_offset.get(&offset) {
            Some(&place) => place,
            None => self.decode(offset, network)?,
        };
        self.latest = Some((offset, place));
        Ok(place)
    }

    /// All places by index, and the impossible records. Fails if there are too many of those, or hardly any places.
    pub(crate) fn places(self) -> Result<(Vec<Place>, OddRecords), Fault> {
        let records = self.by_offset.len();
        if records == 0 {
            return Err(Fault::Empty);
        }
        let most = ODD_RECORDS.max(records / RECORDS_PER_ODD);
        if self.odd.count > most {
            return Err(Fault::Odd { count: self.odd.count, records, most, first: self.odd.first });
        }
        if let Some(formless) = self.formless.filter(|_| self.understood == 0) {
            return Err(formless);
        }
        if self.understood == 0 || self.understood < records / RECORDS_PER_UNDERSTOOD {
            return Err(Fault::Foreign {
                database_type: self.reader.metadata().database_type.clone(),
                understood: self.understood,
                records,
                keys: self.foreign_keys,
            });
        }
        let mut places: Vec<(Place, u32)> = self.by_place.into_iter().collect();
        places.sort_unstable_by_key(|&(_, index)| index);
        Ok((places.into_iter().map(|(place, _)| place).collect(), self.odd))
    }

    fn decode(&mut self, offset: u32, network: Network) -> Result<u32, Fault> {
        let place = self.read(offset, network).map_err(|what| bad(offset, network, &what))?;
        self.understood += usize::from(place != Place::default());
        let next = self.by_place.len() as u32;
        let index = match self.by_place.entry(place) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(next),
        };
        self.by_offset.insert(offset, index);
        Ok(index)
    }

    fn read(&mut self, offset: u32, network: Network) -> Result<Place, String> {
        // The decoder takes addresses, not offsets: look up the network's first address, and check that it leads to the
        // same record.
        let found = self.reader.lookup(network.address()).map_err(|error| error.to_string())?;
        if found.offset() != Some(offset as usize) {
            return Err("walk and look-up disagree on where the record is".to_owned());
        }
        let (place, odd) = match found.decode::<Record<'_>>() {
            Ok(raw) => place(&raw.unwrap_or_default()),
            // Data of another form than ours, such as a text in place of a map, or text that is not UTF-8. The tree is
            // sound, so only this record is lost.
            Err(error @ (MaxMindDbError::Decoding { .. } | MaxMindDbError::InvalidDatabase { .. })) => {
                let what = error.to_string();
                self.formless.get_or_insert_with(|| bad(offset, network, &what));
                (Place::default(), Some(what))
            }
            Err(error) => return Err(error.to_string()),
        };
        let is_read = odd.is_none();
        if let Some(what) = odd {
            if self.odd.count == 0 {
                self.odd.first = format!("{network}: {what}").chars().take(SHOWN_CHARS).collect();
            }
            self.odd.count += 1;
        }
        if is_read && place == Place::default() && self.foreign_keys.is_empty() {
            let keys: Option<Keys<'_>> = found.decode().map_err(|error| error.to_string())?;
            self.foreign_keys = keys.map(shown).unwrap_or_default();
        }
        Ok(place)
    }
}

fn bad(offset: u32, network: Network, what: &str) -> Fault {
    Fault::Record { offset, network: network.to_string(), what: what.chars().take(SHOWN_CHARS).collect() }
}

/// The first keys of a record, for a one-line error.
fn shown(keys: Keys<'_>) -> String {
    let keys: Vec<String> = keys.0.iter().take(SHOWN_KEYS).map(|key| key.escape_debug().to_string()).collect();
    keys.join(", ").chars().take(SHOWN_CHARS).collect()
}

/// Checks a raw record and converts it into a place. Impossible fields are dropped; the first one is also
/// returned.
///
/// The country is that of the network. `registered_country`, where the network's holder is registered, is used only if
/// the record has no other location: it is a weak hint, but better than none. Continent and a typical coordinate are
/// derived from the country if the record does not have them.
fn place(raw: &Record<'_>) -> (Place, Option<String>) {
    let mut odd = None;
    let mut continent = known(continent_of(raw), &mut odd);
    let mut coordinate = known(coordinate_of(raw), &mut odd);
    let mut country_code = known(country_of(raw), &mut odd);
    if country_code.is_none() && continent.is_none() && coordinate.is_none() {
        country_code = known(code_in("registered_country", raw.registered_country), &mut odd);
    }
    if let Some(implied) = country_code.and_then(country) {
        continent = continent.or(Some(implied.continent));
        coordinate = coordinate.or(Some(implied.coordinate));
    }
    let subdivision = country_code.and_then(|country| known(subdivision_of(raw, country), &mut odd));
    let asn = known(asn_of(raw), &mut odd);
    (Place { continent, country: country_code, subdivision, coordinate, asn }, odd)
}

/// The field, or `None` if it is impossible; remembers the first such field.
fn known<T>(field: Result<Option<T>, String>, odd: &mut Option<String>) -> Option<T> {
    field.unwrap_or_else(|what| {
        odd.get_or_insert(what);
        None
    })
}

fn is_unknown(text: &str) -> bool {
    UNKNOWN.iter().any(|mark| mark.eq_ignore_ascii_case(text))
}

fn text<'a>(key: &str, value: Value<'a>) -> Result<Option<&'a str>, String> {
    match value {
        Value::Absent => Ok(None),
        Value::Text(text) => Ok(Some(text.trim()).filter(|text| !is_unknown(text))),
        other => Err(format!("`{key}` is not text but {other:?}")),
    }
}

fn continent_of(raw: &Record<'_>) -> Result<Option<Continent>, String> {
    let code = match (raw.continent_code, raw.continent) {
        (Value::Absent, Named::Absent) => None,
        (Value::Absent, Named::Coded(code)) => text("continent.code", code)?,
        // A flat `continent` may also be a name, in any language: only a code can be read.
        (Value::Absent, Named::Plain(plain)) => text("continent", plain)?.filter(|text| text.len() == 2),
        (code, _) => text("continent_code", code)?,
    };
    code.map(str::parse).transpose().map_err(|error: crate::UnknownContinent| error.to_string())
}

fn country_of(raw: &Record<'_>) -> Result<Option<CountryCode>, String> {
    match raw.country_code {
        Value::Absent => code_in("country", raw.country),
        code => code_in("country_code", Named::Plain(code)),
    }
}

fn code_in(key: &str, named: Named<'_>) -> Result<Option<CountryCode>, String> {
    let (Named::Plain(code) | Named::Coded(code)) = named else { return Ok(None) };
    let code = text(key, code)?;
    code.map(str::parse).transpose().map_err(|error: crate::InvalidCountryCode| format!("`{key}`: {error}"))
}

/// MaxMind lists subdivisions from the largest to the smallest. A flat key may have a name instead of a code, which
/// is ignored.
fn subdivision_of(raw: &Record<'_>, country: CountryCode) -> Result<Option<Box<str>>, String> {
    if let Some(&Named::Coded(code)) = raw.subdivisions.0.first() {
        let Some(code) = text("subdivisions[0].iso_code", code)? else { return Ok(None) };
        return match subdivision_code(code, country) {
            Some(subdivision) => Ok(Some(subdivision)),
            None => Err(format!("`{code}` is not a subdivision of {country}")),
        };
    }
    let flat = [raw.region_code, raw.subdivision, raw.state1, raw.region];
    Ok(flat.into_iter().find_map(|value| match value {
        Value::Text(text) => subdivision_code(text, country),
        _ => None,
    }))
}

/// `CA` and `US-CA` in `US` are both `US-CA`.
fn subdivision_code(code: &str, country: CountryCode) -> Option<Box<str>> {
    let local = code.strip_prefix(country.as_str()).and_then(|rest| rest.strip_prefix('-')).unwrap_or(code);
    let plausible =
        (1..=3).contains(&local.len()) && local.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    plausible.then(|| format!("{country}-{local}").into())
}

fn coordinate_of(raw: &Record<'_>) -> Result<Option<Coordinate>, String> {
    let first = |values: [Value<'_>; 3], key| {
        let value = values.into_iter().find(|&value| value != Value::Absent);
        value.map_or(Ok(None), |value| degrees(key, value))
    };
    let latitude = first([raw.location.latitude, raw.latitude, raw.lat], "latitude")?;
    let longitude = first([raw.location.longitude, raw.longitude, raw.lng], "longitude")?;
    match (latitude, longitude) {
        (Some(latitude), Some(longitude)) => {
            Coordinate::new(latitude, longitude).map(Some).map_err(|error| error.to_string())
        }
        (None, None) => Ok(None),
        _ => Err("a latitude or longitude without the other".to_owned()),
    }
}

fn degrees(key: &str, value: Value<'_>) -> Result<Option<f64>, String> {
    match value {
        Value::Real(degrees) => Ok(Some(degrees)),
        Value::Whole(degrees) => Ok(Some(degrees as f64)),
        Value::Absent => Ok(None),
        Value::Text(text) if is_unknown(text.trim()) => Ok(None),
        Value::Text(text) => text.trim().parse().map(Some).map_err(|_| format!("`{key}` is not a number: `{text}`")),
        Value::Other => Err(format!("`{key}` is not a number")),
    }
}

/// AS numbers are 32 bits wide; they come as numbers, and in some flat databases as text such as `AS64500`.
fn asn_of(raw: &Record<'_>) -> Result<Option<u32>, String> {
    let values = [raw.autonomous_system_number, raw.traits.autonomous_system_number, raw.asn];
    let number = match values.into_iter().find(|&value| value != Value::Absent) {
        None => return Ok(None),
        Some(Value::Text(text)) if is_unknown(text.trim()) => return Ok(None),
        Some(Value::Whole(number)) => u32::try_from(number).ok(),
        // `AS64500`, or `AS64500 Example Net`.
        Some(Value::Text(text)) => {
            let text = text.trim();
            text.strip_prefix("AS").unwrap_or(text).split(' ').next().and_then(|number| number.parse().ok())
        }
        Some(_) => None,
    };
    match number {
        Some(0) => Ok(None),
        Some(number) => Ok(Some(number)),
        None => Err("the AS number is not a number of 32 bits".to_owned()),
    }
}
