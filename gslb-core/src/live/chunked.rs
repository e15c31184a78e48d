//! A list in chunks: a copy in which few elements differ shares all other chunks.

use std::sync::Arc;

/// A list in chunks of `CHUNK` elements.
#[derive(Debug, Clone)]
pub struct Chunked<T, const CHUNK: usize> {
    chunks: Arc<[Arc<[T]>]>,
    len: usize,
}

impl<T: Clone, const CHUNK: usize> Chunked<T, CHUNK> {
    /// The element at this index.
    #[inline]
    pub fn get(&self, at: usize) -> Option<&T> {
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    /// All elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A copy with the elements at these indices replaced; the indices are in order.
    pub(crate) fn with(&self, others: Vec<(usize, T)>) -> Chunked<T, CHUNK> {
        if others.is_empty() {
            return self.clone();
        }
        let mut chunks = self.chunks.to_vec();
        let mut others = others.into_iter().peekable();
        while let Some(&(first, _)) = others.peek() {
            let number = first / CHUNK;
            let mut elements = chunks.get(number).map_or_else(Vec::new, |chunk| chunk.to_vec());
            while let Some((at, element)) = others.next_if(|(at, _)| at / CHUNK == number) {
                if let Some(slot) = elements.get_mut(at % CHUNK) {
                    *slot = element;
                }
            }
            if let Some(chunk) = chunks.get_mut(number) {
                *chunk = elements.into();
            }
        }
        Chunked { chunks: chunks.into(), len: self.len }
    }
}

impl<T: Clone, const CHUNK: usize> FromIterator<T> for Chunked<T, CHUNK> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Chunked<T, CHUNK> {
        let elements: Vec<T> = elements.into_iter().collect();
        Chunked { len: elements.len(), chunks: elements.chunks(CHUNK).map(Arc::from).collect() }
    }
}
