//! A text sought in octets that come piece by piece, among the first so many of them.

/// What has come, and what is sought.
pub(super) struct Search<'t> {
    text: &'t [u8],
    most: usize,
    seen: Vec<u8>,
}

impl<'t> Search<'t> {
    /// Looks for `text` among the first `most` octets.
    pub(super) fn new(text: &'t [u8], most: usize) -> Self {
        Self { text, most, seen: Vec::new() }
    }

    /// Takes what came next; true once the text has been there.
    pub(super) fn add(&mut self, octets: &[u8]) -> bool {
        // The text may have begun in what came before.
        let from = self.seen.len().saturating_sub(self.text.len().saturating_sub(1));
        let room = self.most - self.seen.len();
        self.seen.extend_from_slice(&octets[..octets.len().min(room)]);
        self.seen[from..].windows(self.text.len().max(1)).any(|window| window == self.text)
    }

    /// True where nothing more is looked at.
    pub(super) fn is_full(&self) -> bool {
        self.seen.len() == self.most
    }

    /// How many octets were looked at.
    pub(super) fn seen(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_pieces_and_not_beyond_the_limit() {
        let mut search = Search::new(b"needle", 100);
        assert!(!search.add(b"hay nee") && !search.add(b"d") && !search.add(b"") && search.add(b"le hay"));
        let mut search = Search::new(b"needle", 12);
        assert!(!search.add(b"0123456need") && !search.add(b"le") && search.is_full());
        assert_eq!(search.seen(), 12);
        assert!(!search.add(b"needle"));
    }
}
