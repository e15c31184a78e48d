//! stand-in
/// stand-in
pub fn embedded_names(_rtype: u16, _rdata: &[u8]) -> Vec<(usize, usize)> {
    Vec::new()
}
