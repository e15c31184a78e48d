//! One query, as octets.

/// A query in the making.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pub(super) id: u16,
    pub(super) flags: u16,
    pub(super) name: Vec<u8>,
    pub(super) qtype: u16,
    pub(super) class: u16,
    pub(super) edns: Option<Edns>,
}

/// Its OPT record.
#[derive(Debug, Clone)]
pub(super) struct Edns {
    pub(super) payload: u16,
    pub(super) ttl: u32,
    pub(super) options: Vec<u8>,
}

impl Query {
    pub(super) fn octets(&self) -> Vec<u8> {
        let class = if self.class == 0 { 1 } else { self.class };
        let counts = [1, 0, 0, u16::from(self.edns.is_some())];
        let mut octets =
            [self.id, self.flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        octets.extend_from_slice(&self.name);
        octets.extend([self.qtype, class].into_iter().flat_map(u16::to_be_bytes));
        if let Some(Edns { payload, ttl, options }) = &self.edns {
            octets.extend([0, 0, 41]);
            octets.extend(payload.to_be_bytes());
            octets.extend(ttl.to_be_bytes());
            octets.extend((options.len() as u16).to_be_bytes());
            octets.extend_from_slice(options);
        }
        octets
    }
}

pub(super) fn wire_name(text: &str) -> Vec<u8> {
    let mut name = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        name.push(label.len() as u8);
        name.extend_from_slice(label.as_bytes());
    }
    name.push(0);
    name
}
