//! What runs? The listeners, their threads, the configuration of the process and what it shows of itself.

pub mod background;
pub mod candidate;
pub mod client;
pub mod command;
pub mod config;
pub mod durations;
pub mod gather;
pub mod http;
pub mod ledger;
pub mod metrics;
pub mod observe;
pub mod origins;
pub mod reload;
pub mod sample;
pub mod serve;
pub mod served;
pub mod signals;
pub mod site;
pub mod tcp;
pub mod totals;
pub mod udp;
pub mod watch;
