//! The octets a client has sent, cut into messages (RFC 7766 section 8: two octets of length, then the message).

/// Octets that a connection without an unfinished message holds at most.
const SMALL: usize = 2048;
/// Octets of the length before each message.
const PREFIX: usize = 2;
/// Octets of a DNS header (RFC 1035 section 4.1.1): no message is shorter.
const HEADER: usize = 12;

/// The next message of a connection, if there is one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A whole message.
    Message(&'a [u8]),
    /// The rest of it has not arrived yet.
    Incomplete,
    /// Its announced length is less than a DNS header: the client does not speak DNS over TCP, or has lost count.
    TooShort,
}

/// Received and unanswered data: at most one message and what was read with it. The buffer grows with received data,
/// never with an announced length.
#[derive(Default)]
pub(super) struct Input {
    octets: Vec<u8>,
    /// How many of `octets` have been handed out.
    taken: usize,
}

impl Input {
    /// What another process has read.
    pub(super) fn of(octets: Vec<u8>) -> Self {
        Self { octets, taken: 0 }
    }

    /// The next message. A length that is too short is reported as soon as it arrives, and again by each further call.
    pub(super) fn next_message(&mut self) -> Next<'_> {
        let rest = self.octets.get(self.taken..).unwrap_or_default();
        let Some((prefix, rest)) = rest.split_first_chunk::<PREFIX>() else { return Next::Incomplete };
        let length = usize::from(u16::from_be_bytes(*prefix));
        if length < HEADER {
            return Next::TooShort;
        }
        let Some(message) = rest.get(..length) else { return Next::Incomplete };
        self.taken += PREFIX + length;
        Next::Message(message)
    }

    /// The buffer for the next read. Call it when [`Input::next_message`] returns [`Next::Incomplete`].
    pub(super) fn free_space(&mut self) -> &mut Vec<u8> {
        self.octets.drain(..self.taken);
        self.taken = 0;
        if self.octets.is_empty() && self.octets.capacity() > SMALL {
            self.octets = Vec::new();
        }
        if self.octets.len() == self.octets.capacity() {
            let whole =
                self.octets.first_chunk().map_or(SMALL, |prefix| usize::from(u16::from_be_bytes(*prefix)) + PREFIX);
            // Doubles the size: a client must send half of the memory that it takes.
            let wanted = whole.min(self.octets.len() * 2).max(SMALL);
            self.octets.reserve_exact(wanted - self.octets.len());
        }
        &mut self.octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u16).to_be_bytes()[..], message].concat()
    }

    #[test]
    fn messages_survive_any_chunking() {
        let messages: [&[u8]; 4] = [b"first message", &[0; HEADER], &[7; 65535], b"the last one"];
        let stream = messages.map(framed).concat();
        for step in [1, 2, 3, 1000, stream.len()] {
            let (mut input, mut got) = (Input::default(), Vec::new());
            for chunk in stream.chunks(step) {
                input.free_space().extend_from_slice(chunk);
                while let Next::Message(message) = input.next_message() {
                    got.push(message.to_vec());
                }
                assert_eq!(input.next_message(), Next::Incomplete);
            }
            assert_eq!(got, messages, "in steps of {step}");
        }
    }

    #[test]
    fn a_length_below_that_of_a_header_is_reported_before_the_message_arrives() {
        for length in 0..HEADER as u8 {
            let mut input = Input::default();
            input.free_space().extend_from_slice(&[framed(&[1; HEADER]), vec![0]].concat());
            assert_eq!(input.next_message(), Next::Message(&[1; HEADER]));
            assert_eq!(input.next_message(), Next::Incomplete);
            input.free_space().push(length);
            assert_eq!(input.next_message(), Next::TooShort, "length {length}");
            assert_eq!(input.next_message(), Next::TooShort, "length {length}");
        }
    }

    #[test]
    fn an_announced_length_allocates_nothing_before_data_arrives() {
        let mut input = Input::default();
        input.free_space().extend_from_slice(&[0xff, 0xff, 0]);
        assert_eq!(input.next_message(), Next::Incomplete);
        assert!(input.free_space().capacity() <= SMALL);
    }

    #[test]
    fn memory_is_returned_after_a_long_message() {
        let mut input = Input::default();
        input.free_space().extend_from_slice(&framed(&[1; 60000]));
        assert!(matches!(input.next_message(), Next::Message(_)));
        assert_eq!(input.next_message(), Next::Incomplete);
        assert!(input.free_space().capacity() <= SMALL);
    }
}
