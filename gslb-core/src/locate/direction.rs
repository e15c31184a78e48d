//! Locations on Earth as points on the unit sphere, where distances are compared without trigonometry.

use geoip::Coordinate;

const EARTH_RADIUS_KM: f64 = 6371.0;

/// A point on the unit sphere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Direction([f64; 3]);

impl Direction {
    pub(crate) fn of(coordinate: Coordinate) -> Direction {
        let (latitude, longitude) = (coordinate.latitude().to_radians(), coordinate.longitude().to_radians());
        Direction([latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()])
    }

    /// Square of the chord between two points; it grows with the great-circle distance.
    pub(crate) fn distance(self, other: Direction) -> f64 {
        self.0.iter().zip(other.0).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    /// The center of some locations; `None` if there are none, or if they surround the Earth.
    pub(crate) fn middle(places: impl IntoIterator<Item = Coordinate>) -> Option<Direction> {
        let sum = places.into_iter().fold([0.0; 3], |mut sum, place| {
            sum.iter_mut().zip(Direction::of(place).0).for_each(|(sum, it)| *sum += it);
            sum
        });
        let length = sum.iter().map(|it| it * it).sum::<f64>().sqrt();
        (length > 1e-6).then(|| Direction(sum.map(|it| it / length)))
    }

    /// The squared chord for points this many kilometers apart.
    pub(crate) fn chord_of(kilometres: u32) -> f64 {
        let half = (f64::from(kilometres) / EARTH_RADIUS_KM / 2.0).min(std::f64::consts::FRAC_PI_2);
        // Slightly longer than the chord, so that rounding never excludes the antipode.
        (2.0 * half.sin()).powi(2) + 1e-12
    }
}

/// Great-circle distance on Earth for a squared chord of the unit sphere.
pub(crate) fn kilometres(chord_squared: f64) -> u32 {
    (2.0 * (chord_squared.sqrt() / 2.0).min(1.0).asin() * EARTH_RADIUS_KM).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_survives_conversion_to_a_chord() {
        for km in [1, 500, 3_000, 12_000, 20_000] {
            assert!(kilometres(Direction::chord_of(km)).abs_diff(km) <= 1, "{km}");
        }
        let [pole, other] = [90.0, -90.0].map(|latitude| Direction::of(Coordinate::new(latitude, 0.0).unwrap()));
        assert!(pole.distance(other) <= Direction::chord_of(crate::site::model::MAX_REACH_KM));
    }

    #[test]
    fn the_middle_of_locations_is_on_the_sphere_between_them() {
        let at = |latitude, longitude| Coordinate::new(latitude, longitude).unwrap();
        let off = |places: &[Coordinate], expected| {
            kilometres(Direction::middle(places.iter().copied()).unwrap().distance(Direction::of(expected)))
        };
        assert_eq!(off(&[at(50.0, 8.0)], at(50.0, 8.0)), 0);
        assert_eq!(off(&[at(0.0, 10.0), at(0.0, 50.0)], at(0.0, 30.0)), 0);
        assert_eq!(off(&[at(40.0, 179.0), at(40.0, -179.0), at(-40.0, 180.0), at(-40.0, 180.0)], at(0.0, 180.0)), 0);
        assert!(Direction::middle([]).is_none());
        assert!(Direction::middle([at(0.0, 0.0), at(0.0, 180.0)]).is_none(), "antipodes have no middle");
    }
}
