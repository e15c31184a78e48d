//! The behavior of the API, one file per concern.

mod access;
mod alertmanager;
mod changes;
mod description;
mod documents;
mod events;
mod health;
mod hostile;
mod latency;
mod log;
mod older;
mod overrides;
mod plan;
mod racing;
mod sample;
mod scopes;
mod support;
mod tail;
mod thaw;
mod unknown_outcome;
mod views;
mod written;
