//! Where is this network?
