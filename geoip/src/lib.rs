//! Where is this network? Reads geo databases and returns places; independent of DNS.
//!
//! A [`Database`] is a plain value: the distinct [`Place`]s of a database, and the leaves of its search tree in
//! address order, each pointing at a place. It comes from a MaxMind DB file, read whole into memory and
//! checked whole ([`Database::load`], [`Database::open`]), or from the country database within this crate
//! ([`bundled`]). After loading, the file is no longer needed.
//!
//! ```
//! let world = geoip::bundled();
//! let place = world.place_of("193.0.6.139".parse().unwrap());
//! assert_eq!(place.country.unwrap().as_str(), "NL");
//! assert_eq!(place.continent, Some(geoip::Continent::Europe));
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod bundled;
mod continent;
mod countries;
mod database;
mod error;
#[cfg(feature = "fixture")]
pub mod fixture;
mod load;
mod metadata;
mod moved;
mod nowhere;
mod place;
mod record;
mod schema;
mod tree;

pub use bundled::bundled;
pub use continent::{Continent, UnknownContinent};
pub use countries::{Country, countries, country};
pub use database::{Database, Description, Leaf, OddRecords};
pub use error::{Fault, LoadError};
pub use load::MAX_FILE_BYTES;
pub use moved::{Moved, moved_share};
pub use place::{Coordinate, CountryCode, InvalidCountryCode, OutOfRange, Place};
