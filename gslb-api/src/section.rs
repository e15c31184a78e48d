//! The collections of a document: what each is called in it, in a path and in a message.

/// A table of the document whose entries are resources of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// Zones, by apex.
    Zones,
    /// Data centers.
    DataCenters,
    /// Probes.
    Probes,
    /// Pools with their endpoints.
    Pools,
    /// Regions.
    Regions,
    /// Policies.
    Policies,
    /// Services, by owner name.
    Services,
}

impl Section {
    /// All of them, in the order of the reference.
    pub const ALL: [Self; 7] =
        [Self::Zones, Self::DataCenters, Self::Probes, Self::Pools, Self::Regions, Self::Policies, Self::Services];

    /// Its key in the document.
    pub fn key(self) -> &'static str {
        match self {
            Self::Zones => "zones",
            Self::DataCenters => "data_centers",
            Self::Probes => "probes",
            Self::Pools => "pools",
            Self::Regions => "regions",
            Self::Policies => "policies",
            Self::Services => "services",
        }
    }

    /// Its segment in a path below `/api/v1`.
    pub fn segment(self) -> &'static str {
        match self {
            Self::DataCenters => "data-centers",
            other => other.key(),
        }
    }

    /// Its entries, in a message.
    pub fn plural(self) -> &'static str {
        match self {
            Self::DataCenters => "data centers",
            other => other.key(),
        }
    }

    /// One of its entries, in a message.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Zones => "zone",
            Self::DataCenters => "data center",
            Self::Probes => "probe",
            Self::Pools => "pool",
            Self::Regions => "region",
            Self::Policies => "policy",
            Self::Services => "service",
        }
    }
}
