//! stand-in
/// stand-in
pub fn embedded_names(_rtype: u16, _rdata: &[u8]) -> Vec<(usize, usize)> {
    Vec::new()
}
/// stand-in
pub fn type_to_text(rtype: u16) -> String { rtype.to_string() }
/// stand-in
pub fn to_text(_rtype: u16, _rdata: &[u8]) -> String { String::new() }
