//! Filter for endpoints.

use std::collections::HashSet;

use gslb_core::health::Member;
use gslb_core::site::model::{PoolId, Site};
use gslb_core::table::RoutingTable;

use super::endpoint::status_of;
use crate::types::Status;

/// Selects the endpoints that match every field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// In this pool.
    pub pool: Option<String>,
    /// In this data center.
    pub data_center: Option<String>,
    /// In one of these pools, which a service may use.
    pub pools: Option<HashSet<PoolId>>,
    /// With this status.
    pub status: Option<Status>,
}

impl Filter {
    /// The matching endpoints of `table`, in document order.
    pub(crate) fn members(&self, table: &RoutingTable) -> Vec<Member> {
        let site = &table.topology().site;
        let pools = (0..).map(PoolId).zip(&site.pools).filter(|(id, _)| self.has(site, *id));
        let members = pools
            .flat_map(|(pool, it)| (0u32..).zip(&it.endpoints).map(move |(endpoint, _)| Member { pool, endpoint }));
        members.filter(|member| self.fits(table, *member)).collect()
    }

    /// Whether the pool matches.
    pub(crate) fn has(&self, site: &Site, id: PoolId) -> bool {
        let Some(pool) = site.pools.get(id.0 as usize) else { return false };
        let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
        self.pool.as_ref().is_none_or(|name| **name == *pool.name)
            && self.pools.as_ref().is_none_or(|pools| pools.contains(&id))
            && self.data_center.as_ref().is_none_or(|name| data_center.is_some_and(|it| **name == *it.name))
    }

    fn fits(&self, table: &RoutingTable, member: Member) -> bool {
        let Some(status) = self.status else { return true };
        table.state(member.pool, member.endpoint).is_some_and(|state| status_of(state) == status)
    }
}
