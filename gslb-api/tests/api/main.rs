//! What the API promises to whoever asks it, one file per concern.

mod access;
mod alertmanager;
mod changes;
mod description;
mod documents;
mod events;
mod hostile;
mod log;
mod overrides;
mod plan;
mod support;
