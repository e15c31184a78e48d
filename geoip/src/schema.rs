//! The forms of data records: MaxMind's nested maps and flat keys, read into one raw struct.
//!
//! Only types are checked here. Unknown keys are skipped, to a depth that the decoder
//! limits.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A record of the file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Record<'a> {
    /// Nested: a map with `code`. Flat: a code or a name.
    #[serde(borrow)]
    pub(crate) continent: Named<'a>,
    pub(crate) continent_code: Value<'a>,
    /// Nested: a map with `iso_code`. Flat: a code or a name.
    pub(crate) country: Named<'a>,
    pub(crate) country_code: Value<'a>,
    pub(crate) registered_country: Named<'a>,
    pub(crate) subdivisions: Subdivisions<'a>,
    pub(crate) region_code: Value<'a>,
    pub(crate) subdivision: Value<'a>,
    pub(crate) state1: Value<'a>,
    pub(crate) region: Value<'a>,
    pub(crate) location: Location<'a>,
    pub(crate) latitude: Value<'a>,
    pub(crate) longitude: Value<'a>,
    pub(crate) lat: Value<'a>,
    pub(crate) lng: Value<'a>,
    pub(crate) autonomous_system_number: Value<'a>,
    pub(crate) asn: Value<'a>,
    pub(crate) traits: Traits<'a>,
}

/// MaxMind's `location`; anything but a map is ignored.
#[derive(Debug, Default)]
pub(crate) struct Location<'a> {
    pub(crate) latitude: Value<'a>,
    pub(crate) longitude: Value<'a>,
}

/// MaxMind's `traits`, in Enterprise databases; anything but a map is ignored.
#[derive(Debug, Default)]
pub(crate) struct Traits<'a> {
    pub(crate) autonomous_system_number: Value<'a>,
}

/// MaxMind's `subdivisions`, the largest first. Anything but a list is invalid.
#[derive(Debug, Default)]
pub(crate) struct Subdivisions<'a>(pub(crate) Vec<Named<'a>>);

/// A single value of any type.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Value<'a> {
    #[default]
    Absent,
    Text(&'a str),
    Whole(u64),
    Real(f64),
    /// Of a type that no known field has.
    Other,
}

/// Something with a code: either the text itself, or a map with the code.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Named<'a> {
    #[default]
    Absent,
    /// Flat.
    Plain(Value<'a>),
    /// Nested: `iso_code` or `code`, if the map has it.
    Coded(Value<'a>),
}

/// The keys of a record, to describe an unknown database.
#[derive(Debug)]
pub(crate) struct Keys<'a>(pub(crate) Vec<&'a str>);

/// Reads any value as a `T`.
struct AnyValue<T>(PhantomData<T>);

/// Reads a type with a visitor that accepts values of any type, so that one unexpected value does not make the file
/// unreadable.
macro_rules! read_any_value {
    ($($type:ident),*) => {$(
        impl<'de: 'a, 'a> Deserialize<'de> for $type<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(AnyValue::<$type<'a>>(PhantomData))
            }
        }
    )*};
}
read_any_value!(Value, Named, Location, Traits, Subdivisions);

/// The result of a visitor for these kinds of values: always the same.
macro_rules! otherwise {
    ($value:expr, $type:ty: $($kind:ident),*) => {$(otherwise!(@$kind $value, $type);)*};
    (@text $value:expr, $type:ty) => {
        fn visit_borrowed_str<E>(self, _: &'de str) -> Result<$type, E> {
            Ok($value)
        }
    };
    (@scalars $value:expr, $type:ty) => {
        fn visit_u64<E>(self, _: u64) -> Result<$type, E> {
            Ok($value)
        }
        fn visit_i64<E>(self, _: i64) -> Result<$type, E> {
            Ok($value)
        }
        fn visit_f64<E>(self, _: f64) -> Result<$type, E> {
            Ok($value)
        }
        otherwise!(@rare $value, $type);
    };
    (@rare $value:expr, $type:ty) => {
        fn visit_u128<E>(self, _: u128) -> Result<$type, E> {
            Ok($value)
        }
        fn visit_bool<E>(self, _: bool) -> Result<$type, E> {
            Ok($value)
        }
        fn visit_borrowed_bytes<E>(self, _: &'de [u8]) -> Result<$type, E> {
            Ok($value)
        }
    };
    (@map $value:expr, $type:ty) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$type, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
    (@list $value:expr, $type:ty) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<$type, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
}

impl<'de: 'a, 'a> Visitor<'de> for AnyValue<Value<'a>> {
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'a>, E> {
        Ok(Value::Text(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'a>, E> {
        Ok(Value::Whole(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'a>, E> {
        Ok(u64::try_from(number).map_or(Value::Real(number as f64), Value::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'a>, E> {
        Ok(Value::Real(number))
    }

    otherwise!(Value::Other, Value<'a>: rare, map, list);
}

impl<'de: 'a, 'a> Visitor<'de> for AnyValue<Named<'a>> {
    type Value = Named<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code, or a map with a code")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Named<'a>, E> {
        Ok(Named::Plain(Value::Text(text)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<'a>, A::Error> {
        let mut code = Value::Absent;
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "iso_code" | "code" => code = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Named::Coded(code))
    }

    otherwise!(Named::Plain(Value::Other), Named<'a>: scalars, list);
}

impl<'de: 'a, 'a> Visitor<'de> for AnyValue<Subdivisions<'a>> {
    type Value = Subdivisions<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of subdivisions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Subdivisions<'a>, A::Error> {
        let mut subdivisions = Vec::new();
        while let Some(subdivision) = list.next_element()? {
            subdivisions.push(subdivision);
        }
        Ok(Subdivisions(subdivisions))
    }

    otherwise!(Subdivisions(vec![Named::Coded(Value::Other)]), Subdivisions<'a>: text, scalars, map);
}

impl<'de: 'a, 'a> Visitor<'de> for AnyValue<Location<'a>> {
    type Value = Location<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with a coordinate")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Location<'a>, A::Error> {
        let mut location = Location::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "latitude" => location.latitude = map.next_value()?,
                "longitude" => location.longitude = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(location)
    }

    otherwise!(Location::default(), Location<'a>: text, scalars, list);
}

impl<'de: 'a, 'a> Visitor<'de> for AnyValue<Traits<'a>> {
    type Value = Traits<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of traits")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Traits<'a>, A::Error> {
        let mut traits = Traits::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "autonomous_system_number" => traits.autonomous_system_number = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(traits)
    }

    otherwise!(Traits::default(), Traits<'a>: text, scalars, list);
}

impl<'de: 'a, 'a> Deserialize<'de> for Keys<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyValue::<Keys<'a>>(PhantomData))
    }
}

impl<'de: 'a, 'a> Visitor<'de> for AnyValue<Keys<'a>> {
    type Value = Keys<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys<'a>, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, _)) = map.next_entry::<&str, IgnoredAny>()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}
