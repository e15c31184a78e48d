//! Searches for a text in the first octets of a stream.

/// A search in progress.
pub(super) struct Search<'t> {
    text: &'t [u8],
    limit: usize,
    seen: Vec<u8>,
}

impl<'t> Search<'t> {
    /// Searches for `text` in the first `limit` octets.
    pub(super) fn new(text: &'t [u8], limit: usize) -> Self {
        Self { text, limit, seen: Vec::new() }
    }

    /// Adds received octets; returns true if the text has been found.
    pub(super) fn add(&mut self, octets: &[u8]) -> bool {
        // The text may have begun in the previous octets.
        let from = self.seen.len().saturating_sub(self.text.len().saturating_sub(1));
        let capacity = self.limit - self.seen.len();
        self.seen.extend_from_slice(&octets[..octets.len().min(capacity)]);
        self.seen[from..].windows(self.text.len().max(1)).any(|window| window == self.text)
    }

    /// Whether the limit is reached.
    pub(super) fn is_full(&self) -> bool {
        self.seen.len() == self.limit
    }

    /// How many octets were searched.
    pub(super) fn seen(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_chunks_and_not_beyond_the_limit() {
        let mut search = Search::new(b"needle", 100);
        assert!(!search.add(b"hay nee") && !search.add(b"d") && !search.add(b"") && search.add(b"le hay"));
        let mut search = Search::new(b"needle", 12);
        assert!(!search.add(b"0123456need") && !search.add(b"le") && search.is_full());
        assert_eq!(search.seen(), 12);
        assert!(!search.add(b"needle"));
    }
}
