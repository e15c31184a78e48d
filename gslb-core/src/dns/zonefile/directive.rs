//! Lines that start with a dollar sign: `$ORIGIN`, `$TTL`, `$INCLUDE` and `$GENERATE` (RFC 1035 §5.1, RFC 2308 §4).

use super::entry::read_ttl;
use super::reader::{Included, Outcome, Reader, Scope, Ttl};
use crate::dns::name::Name;
use crate::dns::rdata::word::{Fault, Word, Words};

impl Reader<'_, '_> {
    /// Executes the directive `first` with the words after it.
    pub(super) fn directive(
        &mut self,
        scope: &mut Scope,
        first: &Word<'_>,
        rest: &[Word<'_>],
    ) -> Result<Outcome, Fault> {
        let origin = scope.origin.clone();
        let mut words = Words::new(rest, first.place, &origin);
        let done = match first.text.to_ascii_uppercase().as_slice() {
            b"$ORIGIN" => set_origin(scope, &mut words).map(|()| Outcome::Done),
            b"$TTL" => self.set_ttl(scope, &mut words).map(|()| Outcome::Done),
            b"$INCLUDE" => self.include(scope, &mut words).map(Outcome::Include),
            b"$GENERATE" => self.generate(scope, first, rest).map(|()| Outcome::Done),
            _ => Err(first.fault(
                format!("\"{}\" is not a directive", first.shown()),
                "write $ORIGIN, $TTL, $INCLUDE or $GENERATE; an owner that starts with a dollar sign as \\$",
            )),
        };
        done.map_err(|fault| with_usage(first, fault))
    }

    fn set_ttl(&mut self, scope: &Scope, words: &mut Words<'_, '_>) -> Result<(), Fault> {
        if !matches!(self.ttl, Ttl::Default(_)) {
            // If the line is invalid, report only this line, not those that depend on it.
            self.ttl = Ttl::Default(0);
        }
        let word = words.next("TTL")?;
        let ttl = read_ttl(&word, word.bare("TTL")?)?;
        words.finish()?;
        self.ttl = Ttl::Default(self.bounded(scope, word.place, ttl));
        Ok(())
    }

    fn include(&mut self, scope: &Scope, words: &mut Words<'_, '_>) -> Result<Included, Fault> {
        let word = words.next("file name")?;
        let origin = match words.take() {
            Some(origin) => bare_name(&origin, scope)?,
            None => scope.origin.clone(),
        };
        words.finish()?;
        let name = std::str::from_utf8(word.text)
            .map_err(|_| word.fault("the file name is not UTF-8", "rename the file, or write its name in UTF-8"))?;
        let (file, text) = self.fetch(name, scope).map_err(|reason| {
            word.fault(format!("\"{}\" cannot be included: {reason}", word.shown()), "check the name of the file")
        })?;
        Ok(Included { file, text, origin })
    }
}

fn set_origin(scope: &mut Scope, words: &mut Words<'_, '_>) -> Result<(), Fault> {
    let word = words.next("origin")?;
    let origin = bare_name(&word, scope)?;
    words.finish()?;
    scope.origin = origin;
    Ok(())
}

/// Parses an origin, which must not be quoted: BIND, NSD and Knot reject that, too.
fn bare_name(word: &Word<'_>, scope: &Scope) -> Result<Name, Fault> {
    word.bare("origin")?;
    word.name("origin", &scope.origin)
}

fn with_usage(first: &Word<'_>, mut fault: Fault) -> Fault {
    if fault.help.is_empty() {
        fault.help = match first.text.to_ascii_uppercase().as_slice() {
            b"$ORIGIN" => "write $ORIGIN and a name, such as $ORIGIN example.com.",
            b"$TTL" => "write $TTL and a duration, such as $TTL 1h",
            b"$INCLUDE" => "write $INCLUDE, a file name and perhaps an origin",
            _ => "write $GENERATE start-stop/step owner type data, such as $GENERATE 1-9 host-$ A 192.0.2.$",
        }
        .into();
    }
    fault
}
