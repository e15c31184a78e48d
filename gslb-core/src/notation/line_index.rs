//! Converts octet offsets to lines and columns in constant time per lookup.

use std::cell::Cell;

use super::tree::Position;

/// Octets per character count, so that finding a column in a very long line does not scan the whole line.
const STRIDE: usize = 64;

/// The line starts of a text.
pub(super) struct LineIndex<'a> {
    file: u16,
    text: &'a [u8],
    /// Offset of the first octet of each line.
    lines: Vec<u32>,
    /// Number of characters that start before each multiple of [`STRIDE`].
    characters: Vec<u32>,
    /// The line of the last lookup: the next lookup is usually in the same line or the one after.
    last: Cell<usize>,
}

impl<'a> LineIndex<'a> {
    pub(super) fn new(file: u16, text: &'a str) -> LineIndex<'a> {
        let text = text.as_bytes();
        let newlines = || text.iter().enumerate().filter(|&(_, &octet)| octet == b'\n');
        let mut lines = Vec::with_capacity(1 + newlines().count());
        lines.push(0);
        lines.extend(newlines().map(|(offset, _)| narrowed(offset + 1)));
        let mut characters = Vec::with_capacity(1 + text.len().div_ceil(STRIDE));
        characters.push(0);
        let mut count = 0;
        for chunk in text.chunks(STRIDE) {
            count += begun(chunk);
            characters.push(narrowed(count));
        }
        LineIndex { file, text, lines, characters, last: Cell::new(0) }
    }

    /// Line and column of the character at `offset`; the end of the text is valid too.
    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.line(offset);
        let start = self.start(line).unwrap_or(0);
        let column = self.characters_before(offset) - self.characters_before(start) + 1;
        Position::new(self.file, narrowed(line + 1), narrowed(column))
    }

    /// The zero-based line number of `offset`.
    fn line(&self, offset: usize) -> usize {
        let holds = |&line: &usize| {
            self.start(line).is_some_and(|start| start <= offset)
                && self.start(line + 1).is_none_or(|next| offset < next)
        };
        let near = self.last.get();
        let search = || self.lines.partition_point(|&start| start as usize <= offset).saturating_sub(1);
        let line = [near, near + 1].into_iter().find(holds).unwrap_or_else(search);
        self.last.set(line);
        line
    }

    fn characters_before(&self, offset: usize) -> usize {
        let whole = offset / STRIDE;
        let rest = self.text.get(whole * STRIDE..offset).unwrap_or_default();
        self.characters.get(whole).map_or(0, |&count| count as usize) + begun(rest)
    }

    /// The offset at which a zero-based line starts.
    fn start(&self, line: usize) -> Option<usize> {
        self.lines.get(line).map(|&start| start as usize)
    }
}

/// Number of characters that start in a piece of UTF-8.
fn begun(octets: &[u8]) -> usize {
    octets.iter().filter(|&&octet| octet & 0xC0 != 0x80).count()
}

fn narrowed(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_even_in_long_lines() {
        let text = format!("{}\nä = \"{}\" x\n", "a".repeat(1000), "ö".repeat(500));
        let index = LineIndex::new(0, &text);
        let at = |offset| {
            let at = index.position(offset);
            (at.line(), at.column())
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(999), (1, 1000));
        assert_eq!(at(1001), (2, 1));
        assert_eq!(at(text.find('x').unwrap()), (2, 508));
        assert_eq!(at(text.len()), (3, 1));
        assert_eq!(at(usize::MAX), (3, 1));
    }
}
