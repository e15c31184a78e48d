//! What happens where the disk fails: every operation on it, in turn.
