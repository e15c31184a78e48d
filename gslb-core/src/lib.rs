//! What is the answer?
