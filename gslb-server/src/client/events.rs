//! Server-sent events, read as they come (HTML Living Standard, section 9.2.6).

use std::mem;

use http_body_util::BodyExt;
use hyper::header::{ACCEPT, HeaderName};

use super::{Client, Error, Request};

/// Octets of the longest event.
const EVENT_OCTETS: usize = 16 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The id to resume after; empty if the server sends none.
    pub id: String,
    /// Its name; `message` by default.
    pub name: String,
    /// Its text; lines are joined by line feeds.
    pub data: String,
}

impl Client {
    /// Follows the events at `path`, from the one after `last` on, until `each` says no, or the server ends it. `begun`
    /// is called once the server has accepted the request.
    ///
    /// # Errors
    /// As [`Client::ask`], also while events come.
    pub fn follow(
        &self,
        path: &str,
        last: Option<&str>,
        begun: impl FnOnce(),
        mut each: impl FnMut(Event) -> bool,
    ) -> Result<(), Error> {
        self.runtime.block_on(async {
            let mut request = Request::get(path).with(ACCEPT, "text/event-stream");
            if let Some(last) = last {
                request = request.with(HeaderName::from_static("last-event-id"), last);
            }
            let response = self.send(request).await?;
            if !response.status().is_success() {
                return self.read(response).await.map(|_| ());
            }
            begun();
            let (mut body, mut reader) = (response.into_body(), Reader::default());
            while let Some(frame) = body.frame().await {
                let Ok(octets) = frame.map_err(|cause| Error::broken(&cause))?.into_data() else { continue };
                for event in reader.read(&octets)? {
                    if !each(event) {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    }
}

/// Makes events of octets, wherever those are split.
#[derive(Default)]
struct Reader {
    /// The line that has begun.
    line: Vec<u8>,
    /// The event that has begun.
    event: Event,
    has_data: bool,
    /// Whether the last octet was a carriage return, whose line feed is still to come or not.
    after_return: bool,
}

impl Reader {
    fn read(&mut self, octets: &[u8]) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        for octet in octets {
            let second_half = mem::replace(&mut self.after_return, *octet == b'\r') && *octet == b'\n';
            match octet {
                b'\n' if second_half => {}
                b'\r' | b'\n' => events.extend(self.end_line()),
                _ => self.line.push(*octet),
            }
            if self.line.len() + self.event.data.len() > EVENT_OCTETS {
                return Err(Error::Broken("an event is too long".to_owned()));
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" if !value.contains('\0') => self.event.id = value.to_owned(),
            "event" => self.event.name = value.to_owned(),
            "data" => {
                if mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments keep a connection alive; other fields are not used.
            _ => {}
        }
        None
    }

    /// The event, if it has data. Its id also applies to later events without one.
    fn end_event(&mut self) -> Option<Event> {
        let id = self.event.id.clone();
        let mut event = mem::replace(&mut self.event, Event { id, ..Event::default() });
        if event.name.is_empty() {
            event.name = "message".to_owned();
        }
        mem::take(&mut self.has_data).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, name: &str, data: &str) -> Event {
        Event { id: id.to_owned(), name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_do_not_depend_on_chunk_boundaries() {
        let text =
            b": hello\r\n\r\nid: 7\nevent: document\ndata: a\ndata:  b\n\ndata\n\nid: 8\n\nevent:x\rdata:\xc3\xa9\r\r";
        let expected = [event("7", "document", "a\n b"), event("7", "message", ""), event("8", "x", "é")];
        for size in 1..=text.len() {
            let mut reader = Reader::default();
            let read: Vec<Event> = text.chunks(size).flat_map(|octets| reader.read(octets).unwrap()).collect();
            assert_eq!(read, expected, "in pieces of {size}");
        }
    }
}
