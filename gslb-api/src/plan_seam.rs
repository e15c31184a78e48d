//! stub
#![allow(missing_docs)]
use gslb_core::table::RoutingTable;
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Comparison {}
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {}
impl Comparison {
    pub fn most_moved(&self) -> (f64, String) { (0.0, String::new()) }
    pub fn sampled_share(&self) -> Option<f64> { None }
}
pub fn compare(_: &RoutingTable, _: &RoutingTable, _: &[Sampled]) -> Comparison { Comparison {} }
