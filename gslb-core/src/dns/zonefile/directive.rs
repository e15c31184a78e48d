//! Lines that start with a dollar sign: `$ORIGIN`, `$TTL`, `$INCLUDE` and `$GENERATE` (RFC 1035 §5.1, RFC 2308 §4).

use super::entry::read_ttl;
use super::reader::{Included, Outcome, Reader, Scope, Ttl};
use crate::dns::name::Name;
use crate::dns::rdata::token::{Fault, Token, Tokens};

impl Reader<'_, '_> {
    /// Executes the directive `first` with the tokens after it.
    pub(super) fn directive(
        &mut self,
        scope: &mut Scope,
        first: &Token<'_>,
        rest: &[Token<'_>],
    ) -> Result<Outcome, Fault> {
        let origin = scope.origin.clone();
        let mut tokens = Tokens::new(rest, first.position, &origin);
        let done = match first.text.to_ascii_uppercase().as_slice() {
            b"$ORIGIN" => set_origin(scope, &mut tokens).map(|()| Outcome::Done),
            b"$TTL" => self.set_ttl(scope, &mut tokens).map(|()| Outcome::Done),
            b"$INCLUDE" => self.include(scope, &mut tokens).map(Outcome::Include),
            b"$GENERATE" => self.generate(scope, first, rest).map(|()| Outcome::Done),
            _ => Err(first.fault(
                format!("\"{}\" is not a directive", first.shown()),
                "write $ORIGIN, $TTL, $INCLUDE or $GENERATE; an owner that starts with a dollar sign as \\$",
            )),
        };
        done.map_err(|fault| with_usage(first, fault))
    }

    fn set_ttl(&mut self, scope: &Scope, tokens: &mut Tokens<'_, '_>) -> Result<(), Fault> {
        if !matches!(self.ttl, Ttl::Default(_)) {
            // If the line is invalid, report only this line, not those that depend on it.
            self.ttl = Ttl::Default(0);
        }
        let token = tokens.next("TTL")?;
        let ttl = read_ttl(&token, token.bare("TTL")?)?;
        tokens.finish()?;
        self.ttl = Ttl::Default(self.bounded(scope, token.position, ttl));
        Ok(())
    }

    fn include(&mut self, scope: &Scope, tokens: &mut Tokens<'_, '_>) -> Result<Included, Fault> {
        let token = tokens.next("file name")?;
        let origin = match tokens.take() {
            Some(origin) => bare_name(&origin, scope)?,
            None => scope.origin.clone(),
        };
        tokens.finish()?;
        let name = std::str::from_utf8(token.text)
            .map_err(|_| token.fault("the file name is not UTF-8", "rename the file, or write its name in UTF-8"))?;
        let (file, text) = self.fetch(name, scope).map_err(|reason| {
            let message = format!("\"{}\" cannot be included: {reason}", token.shown());
            Fault { kind: reason.kind(), ..token.fault(message, "check the name of the file") }
        })?;
        Ok(Included { file, text, origin })
    }
}

fn set_origin(scope: &mut Scope, tokens: &mut Tokens<'_, '_>) -> Result<(), Fault> {
    let token = tokens.next("origin")?;
    let origin = bare_name(&token, scope)?;
    tokens.finish()?;
    scope.origin = origin;
    Ok(())
}

/// Parses an origin, which must not be quoted: BIND, NSD and Knot reject that, too.
fn bare_name(token: &Token<'_>, scope: &Scope) -> Result<Name, Fault> {
    token.bare("origin")?;
    token.name("origin", &scope.origin)
}

fn with_usage(first: &Token<'_>, mut fault: Fault) -> Fault {
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
