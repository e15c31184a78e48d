//! What dig, kdig and `gslb explain` print, read back.

/// A response as it was printed.
#[derive(Debug, Clone)]
pub struct Answer {
    /// All that was printed.
    pub text: String,
    /// `NOERROR`, `NXDOMAIN` and so on.
    pub status: String,
    /// Header flags: `qr`, `aa` and so on.
    pub flags: Vec<String>,
    /// The client subnet option, as `ADDRESS/SOURCE/SCOPE`.
    pub subnet: Option<String>,
    /// Records of all sections.
    pub records: Vec<Record>,
}

/// A record as it was printed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// `ANSWER`, `AUTHORITY` or `ADDITIONAL`.
    pub section: String,
    /// Owner name.
    pub owner: String,
    /// TTL in seconds.
    pub ttl: u32,
    /// Class.
    pub class: String,
    /// Type.
    pub rtype: String,
    /// Data in presentation form, with single blanks.
    pub data: String,
}

impl Answer {
    /// Reads the last response of a text.
    pub fn read(text: &str) -> Self {
        let last = text.rfind(";; ->>HEADER<<-").map_or(text, |start| &text[start..]);
        let after = |mark: &str| last.split_once(mark).map(|(_, rest)| rest);
        let until = |rest: &str, ends: &[char]| rest.split(ends).next().unwrap_or_default().trim().to_owned();
        let flags = after(";; flags:").or_else(|| after(";; Flags:")).map(|rest| until(rest, &[';']));
        Self {
            text: text.to_owned(),
            status: after("status: ").map(|rest| until(rest, &[',', ';'])).unwrap_or_default(),
            flags: flags.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            subnet: after("CLIENT-SUBNET: ").map(|rest| until(rest, &['\n'])),
            records: records(last),
        }
    }

    /// Data of the records in the answer section, sorted.
    pub fn data(&self) -> Vec<&str> {
        let mut data: Vec<&str> = self.section("ANSWER").map(|record| record.data.as_str()).collect();
        data.sort_unstable();
        data
    }

    /// Records of a section.
    pub fn section(&self, name: &str) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.section == name)
    }

    /// True if the header has the flag.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|set| set == flag)
    }

    /// Scope of the client subnet option.
    ///
    /// # Panics If there is none.
    pub fn scope(&self) -> u8 {
        let scope = self.subnet.as_ref().and_then(|subnet| subnet.rsplit('/').next()?.parse().ok());
        scope.unwrap_or_else(|| panic!("no client subnet in:\n{}", self.text))
    }
}

/// The records in sections that have a heading.
pub fn records(text: &str) -> Vec<Record> {
    let mut section = None;
    let mut records = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(";; ").and_then(|rest| rest.strip_suffix(" SECTION:")) {
            section = Some(name);
        } else if let (Some(section), false) = (section, line.starts_with(';')) {
            records.extend(record(section, line));
        }
    }
    records
}

fn record(section: &str, line: &str) -> Option<Record> {
    let mut words = line.split_whitespace();
    Some(Record {
        section: section.to_owned(),
        owner: words.next()?.to_owned(),
        ttl: words.next()?.parse().ok()?,
        class: words.next()?.to_owned(),
        rtype: words.next()?.to_owned(),
        data: words.collect::<Vec<_>>().join(" "),
    })
}
