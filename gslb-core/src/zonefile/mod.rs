//! Master files: text to records.
