//! What the API promises to whoever asks it, one file per concern.

mod access;
mod changes;
mod description;
mod documents;
mod events;
mod hostile;
mod overrides;
mod plan;
mod sample;
mod support;
