//! The reader: a stack of files, the state shared by records, and the list of problems.

use super::entry::Header;
use super::lexer::{self, Cursor, Entry};
use super::{
    Loader, MAX_INCLUDE_DEPTH, MAX_INCLUDES, MAX_PROBLEMS, MAX_RDATA_OCTETS, MAX_RECORDS, MAX_TEXT_OCTETS, MAX_TTL,
    Parsed, Record, RecordLimits, Source,
};
use crate::dns::name::Name;
use crate::dns::rdata::token::{Fault, HIDDEN, Position, Token};
use crate::problem::{FileError, KeyPath, Location, Problem, Severity};
use std::borrow::Cow;
use std::sync::Arc;

/// The type whose last four octets are a TTL (RFC 1035 §3.3.13).
const SOA: u16 = 6;

/// State across all files.
pub(super) struct Reader<'r, 'l> {
    include: &'r mut Loader<'l>,
    limits: RecordLimits<'r>,
    source: Source,
    parsed: Parsed,
    /// Current default TTL, in seconds.
    pub(super) ttl: Ttl,
    text_octets: usize,
    includes: usize,
    rdata_octets: usize,
    /// Number of errors so far.
    errors: usize,
    /// A limit was reached, so parsing stops.
    stopped: bool,
}

/// The TTL of records without one (RFC 2308 §4).
#[derive(Debug, Clone, Copy)]
pub(super) enum Ttl {
    /// None yet.
    Unknown,
    /// The TTL of the previous record (RFC 1035 §5.1).
    Last(u32),
    /// From `$TTL`, or the minimum of an SOA without a TTL.
    Default(u32),
}

/// One file being read.
struct Frame<'t> {
    text: Cow<'t, [u8]>,
    cursor: Cursor,
    scope: Scope,
}

/// State of one file, which an included file does not change (RFC 1035 §5.1).
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) file: Arc<str>,
    pub(super) origin: Name,
    /// Owner of the previous record.
    pub(super) owner: Option<Name>,
}

/// What to do after an entry.
pub(super) enum Outcome {
    /// Continue.
    Done,
    /// Read another file first.
    Include(Included),
}

/// An included file.
pub(super) struct Included {
    pub(super) file: Arc<str>,
    pub(super) text: Vec<u8>,
    pub(super) origin: Name,
}

impl<'r, 'l> Reader<'r, 'l> {
    pub(super) fn new(limits: RecordLimits<'r>, source: Source, include: &'r mut Loader<'l>) -> Reader<'r, 'l> {
        Reader {
            include,
            limits,
            source,
            parsed: Parsed::default(),
            ttl: Ttl::Unknown,
            text_octets: 0,
            includes: 0,
            rdata_octets: 0,
            errors: 0,
            stopped: false,
        }
    }

    pub(super) fn read(mut self, file: &str, text: &[u8], origin: &Name) -> Parsed {
        let scope = Scope { file: file.into(), origin: origin.clone(), owner: None };
        let mut frames = Vec::with_capacity(MAX_INCLUDE_DEPTH);
        let mut next = Some(self.open(Cow::Borrowed(text), scope));
        while let Some(mut frame) = next.take().or_else(|| frames.pop()) {
            let Some((included, at)) = self.read_frame(&mut frame) else { continue };
            let scope = Scope { file: included.file, origin: included.origin, owner: frame.scope.owner.clone() };
            if frames.len() < MAX_INCLUDE_DEPTH {
                next = Some(self.open(Cow::Owned(included.text), scope));
            } else {
                let message = format!("files include each other more than {MAX_INCLUDE_DEPTH} deep");
                let help = "remove an $INCLUDE; perhaps a file includes itself";
                self.error(&frame.scope, Fault::new(at, message, help));
            }
            frames.push(frame);
        }
        self.parsed
    }

    fn open<'t>(&mut self, text: Cow<'t, [u8]>, scope: Scope) -> Frame<'t> {
        let mut cursor = Cursor::start(self.source == Source::File);
        self.text_octets = self.text_octets.saturating_add(text.len());
        if self.text_octets > MAX_TEXT_OCTETS {
            self.stop(&scope, format!("the files together are longer than {MAX_TEXT_OCTETS} octets"));
        } else if let Some(fault) = cursor.refuse_mark(&text) {
            self.error(&scope, fault);
        }
        Frame { text, cursor, scope }
    }

    /// Reads entries until the file ends or includes another one.
    fn read_frame(&mut self, frame: &mut Frame<'_>) -> Option<(Included, Position)> {
        let mut tokens = Vec::new();
        let text: &[u8] = &frame.text;
        while !self.stopped {
            let errors = self.errors;
            match lexer::next(text, &mut frame.cursor, &mut tokens) {
                Ok(Entry::End) => return None,
                Ok(Entry::Blank) => {}
                Ok(Entry::Tokens { indented }) => match self.entry(&mut frame.scope, indented, &tokens) {
                    Ok(Outcome::Done) if self.errors == errors => frame.cursor.hides = false,
                    Ok(Outcome::Done) => {}
                    Ok(Outcome::Include(included)) => {
                        frame.cursor.hides = false;
                        let position = tokens.first().map_or(Position { line: 1, column: 1 }, |token| token.position);
                        return Some((included, position));
                    }
                    Err(fault) => self.error(&frame.scope, fault),
                },
                Err(fault) => self.error(&frame.scope, fault),
            }
        }
        None
    }

    fn entry(&mut self, scope: &mut Scope, indented: bool, tokens: &[Token<'_>]) -> Result<Outcome, Fault> {
        let Some((first, rest)) = tokens.split_first() else { return Ok(Outcome::Done) };
        if !indented && !first.quoted && first.text.starts_with(b"$") {
            return self.directive(scope, first, rest);
        }
        let (owner, tokens) = if indented { (None, tokens) } else { (Some(first), rest) };
        let (owner, wrong_owner) = match scope.owner_of(owner, first) {
            Ok(owner) => (Some(owner), None),
            Err(fault) => (None, Some(fault)),
        };
        // With an invalid owner, parse the rest of the record anyway to report all of its problems.
        let rest = Header::read(first.position, tokens).and_then(|header| self.record(scope, &header, owner));
        if let Some(fault) = wrong_owner {
            self.error(scope, fault);
        }
        rest.map(|()| Outcome::Done)
    }

    /// Parses the rest of a record and adds it, unless its owner is unknown.
    pub(super) fn record(&mut self, scope: &Scope, header: &Header<'_, '_>, owner: Option<Name>) -> Result<(), Fault> {
        let rdata = header.rdata(&scope.origin);
        if rdata.is_err() {
            self.forgive_ttl(scope, header);
        }
        let rdata = rdata?;
        let ttl = self.ttl_of(scope, header, &rdata)?;
        let Some(owner) = owner else { return Ok(()) };
        self.rdata_octets = self.rdata_octets.saturating_add(rdata.len());
        let location = scope.location(header.start);
        let record = Record { owner, rtype: header.rtype, ttl, rdata, location };
        self.parsed.octets = self.parsed.octets.saturating_add(record.owner.wire_len() + record.rdata.len());
        self.parsed.memory = self.parsed.memory.saturating_add(record.memory());
        let Parsed { records, octets, memory, .. } = &self.parsed;
        if records.len() >= self.limits.records || *octets > self.limits.octets || *memory > self.limits.memory.get() {
            (self.stopped, self.parsed.is_truncated) = (true, true);
        } else if self.parsed.records.len() >= MAX_RECORDS {
            self.stop(scope, format!("there are more than {MAX_RECORDS} records"));
        } else if self.rdata_octets > MAX_RDATA_OCTETS {
            self.stop(scope, format!("the records together have more than {MAX_RDATA_OCTETS} octets of rdata"));
        } else {
            self.parsed.records.push(record);
        }
        Ok(())
    }

    /// Lets an invalid record still set the TTL of the following ones, so that they are not reported as well.
    fn forgive_ttl(&mut self, scope: &Scope, header: &Header<'_, '_>) {
        match (self.ttl, header.ttl) {
            (Ttl::Unknown | Ttl::Last(_), Some((position, written))) => {
                self.ttl = Ttl::Last(self.bounded(scope, position, written));
            }
            (Ttl::Unknown, None) if header.rtype == SOA => self.ttl = Ttl::Default(0),
            _ => {}
        }
    }

    /// The TTL of a record: its own, or the current default. Its own becomes the default unless `$TTL` was given.
    fn ttl_of(&mut self, scope: &Scope, header: &Header<'_, '_>, rdata: &[u8]) -> Result<u32, Fault> {
        if let Some((position, written)) = header.ttl {
            let ttl = self.bounded(scope, position, written);
            if !matches!(self.ttl, Ttl::Default(_)) {
                self.ttl = Ttl::Last(ttl);
            }
            return Ok(ttl);
        }
        match (self.ttl, rdata.last_chunk::<4>()) {
            (Ttl::Last(ttl) | Ttl::Default(ttl), _) => Ok(ttl),
            (Ttl::Unknown, Some(minimum)) if header.rtype == SOA => {
                let minimum = u32::from_be_bytes(*minimum);
                let ttl = self.bounded(scope, header.start, minimum);
                self.ttl = Ttl::Default(ttl);
                self.warn(
                    scope,
                    header.start,
                    format!("there is no TTL; using the minimum of the SOA, {ttl}"),
                    format!("write $TTL {ttl} before the first record"),
                );
                Ok(ttl)
            }
            (Ttl::Unknown, _) => {
                // One error is enough: all following records have the same problem.
                self.ttl = Ttl::Default(0);
                let help = "write $TTL and a duration before the first record, such as $TTL 1h";
                Err(Fault::new(header.start, "the record has no TTL, and there is no default", help))
            }
        }
    }

    /// `ttl`, or 0 with a warning if it exceeds [`MAX_TTL`](super::MAX_TTL) (RFC 2181 §8).
    pub(super) fn bounded(&mut self, scope: &Scope, position: Position, ttl: u32) -> u32 {
        if ttl <= MAX_TTL {
            return ttl;
        }
        let message = format!("the TTL {ttl} is longer than {MAX_TTL} seconds and taken as 0 (RFC 2181 §8)");
        self.warn(scope, position, message, "write a shorter TTL".into());
        0
    }

    /// Loads the file `name`.
    pub(super) fn fetch(&mut self, name: &str, scope: &Scope) -> Result<(Arc<str>, Vec<u8>), FileError> {
        self.includes += 1;
        if self.includes > MAX_INCLUDES {
            self.stopped = true;
            return Err(format!("the zone includes more than {MAX_INCLUDES} files").into());
        }
        (self.include)(name, &scope.file)
    }

    /// True if a limit was reached.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Reports an error of an entry whose tokens may be hidden.
    fn error(&mut self, scope: &Scope, mut fault: Fault) {
        self.errors = self.errors.saturating_add(1);
        if fault.message.contains(HIDDEN) {
            let gap = if fault.help.is_empty() { "" } else { "; " };
            fault.help = format!(
                "{}{gap}{HIDDEN} is not shown, since nothing before it in the file is zone data: is it the right file?",
                fault.help
            );
        }
        self.report(scope, Severity::Error, fault);
    }

    fn warn(&mut self, scope: &Scope, position: Position, message: String, help: String) {
        self.report(scope, Severity::Warning, Fault::new(position, message, help));
    }

    fn report(&mut self, scope: &Scope, severity: Severity, fault: Fault) {
        let Fault { position, message, help, kind } = fault;
        let location = scope.location(position);
        if self.parsed.problems.len() < MAX_PROBLEMS {
            let problem = Problem::new(severity, location, KeyPath::default(), message, help);
            self.parsed.problems.push(Problem { kind, ..problem });
        } else if !self.stopped {
            self.stopped = true;
            let message = format!("there are more than {MAX_PROBLEMS} problems; nothing after this is read");
            let help = "fix these, then run it again";
            let problem = Problem::new(Severity::Error, location, KeyPath::default(), message, help);
            self.parsed.problems.push(problem);
        }
    }

    fn stop(&mut self, scope: &Scope, message: String) {
        self.error(scope, Fault::new(Position { line: 1, column: 1 }, message, "split the zone"));
        self.stopped = true;
    }
}

impl Scope {
    /// The owner in `token`, or that of the previous record if there is no token. Later lines without an owner inherit it.
    fn owner_of(&mut self, token: Option<&Token<'_>>, first: &Token<'_>) -> Result<Name, Fault> {
        let Some(token) = token else {
            return self.owner.clone().ok_or_else(|| {
                first.fault(
                    "the line starts with a blank, but there is no earlier record to take the owner from",
                    "write the owner at the start of the line; @ stands for the origin",
                )
            });
        };
        let owner = token.name("owner", &self.origin);
        match &owner {
            Ok(owner) => self.owner = Some(owner.clone()),
            // Do not report the following lines without an owner as well.
            Err(_) if self.owner.is_none() => self.owner = Some(self.origin.clone()),
            Err(_) => {}
        }
        owner
    }

    fn location(&self, position: Position) -> Location {
        Location { file: self.file.clone(), line: position.line, column: position.column }
    }
}
