//! Frame Streams with a handshake, the sender's side, as a state machine without a socket: octets in, octets out.
//!
//! The protocol is that of the fstrm library. A frame is its length in four octets, big-endian, and its data. A length of
//! zero escapes a control frame: its own length, its type, and fields of a type, a length and a value. The sender is READY
//! and says for what; the reader ACCEPTs; the sender STARTs, sends data, and STOPs; the reader FINISHes when it has read
//! all of it.

/// What the data is.
pub const CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";

/// Octets of the longest control frame (`FSTRM_CONTROL_FRAME_LENGTH_MAX`).
const CONTROL_OCTETS: usize = 512;
/// The only type of field that there is.
const CONTENT_TYPE: u32 = 1;

/// Types of control frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Control {
    /// The reader takes this content.
    Accept = 1,
    /// Data follows.
    Start = 2,
    /// No data follows.
    Stop = 3,
    /// The sender has this content.
    Ready = 4,
    /// The reader has all data.
    Finish = 5,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// We are ready, and the reader has not accepted yet.
    Offered,
    /// Data may be sent.
    Open,
    /// We have stopped, and the reader has not said yet that it has all.
    Stopped,
    /// The reader has all.
    Finished,
}

/// What a reader must not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It sent something else than control frames.
    #[error("it does not speak Frame Streams")]
    NotControl,
    /// It sent a control frame that is longer than any, or not well-formed.
    #[error("it sent a control frame that is not well-formed")]
    Malformed,
    /// It sent a control frame when it was not its turn.
    #[error("it sent a control frame out of turn")]
    OutOfTurn,
    /// It does not take what we have.
    #[error("it does not accept protobuf:dnstap.Dnstap")]
    OtherContent,
}

/// One stream, seen from its sender.
#[derive(Debug)]
pub struct Stream {
    phase: Phase,
    /// What came of a control frame that is not whole yet.
    heard: Vec<u8>,
}

impl Stream {
    /// Begins a stream: what is to be sent first goes to `out`.
    pub fn begin(out: &mut Vec<u8>) -> Self {
        control(Control::Ready, Some(CONTENT), out);
        Self { phase: Phase::Offered, heard: Vec::new() }
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes what came from the reader; what is to be sent in answer goes to `out`.
    ///
    /// # Errors
    /// What keeps the stream from going on.
    pub fn hear(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        for octet in octets {
            self.heard.push(*octet);
            if let Some(frame) = whole(&self.heard)? {
                self.take(frame, out)?;
                self.heard.clear();
            }
        }
        Ok(())
    }

    fn take(&mut self, (kind, accepts): (u32, bool), out: &mut Vec<u8>) -> Result<(), Fault> {
        self.phase = match (self.phase, kind) {
            (Phase::Offered, kind) if kind == Control::Accept as u32 => {
                if !accepts {
                    return Err(Fault::OtherContent);
                }
                control(Control::Start, Some(CONTENT), out);
                Phase::Open
            }
            (Phase::Stopped, kind) if kind == Control::Finish as u32 => Phase::Finished,
            _ => return Err(Fault::OutOfTurn),
        };
        Ok(())
    }

    /// Ends the data. The reader is to be heard until it has finished.
    pub fn stop(&mut self, out: &mut Vec<u8>) {
        control(Control::Stop, None, out);
        self.phase = Phase::Stopped;
    }
}

/// Writes a control frame.
pub fn control(kind: Control, content: Option<&[u8]>, out: &mut Vec<u8>) {
    let octets = 4 + content.map_or(0, |content| 8 + content.len());
    let mut word = |value: u32| out.extend_from_slice(&value.to_be_bytes());
    word(0);
    word(octets as u32);
    word(kind as u32);
    if let Some(content) = content {
        word(CONTENT_TYPE);
        word(content.len() as u32);
        out.extend_from_slice(content);
    }
}

/// Type of the control frame in `octets`, and whether it names our content; none where it is not whole yet.
fn whole(octets: &[u8]) -> Result<Option<(u32, bool)>, Fault> {
    let Some((escape, rest)) = word(octets) else { return Ok(None) };
    if escape != 0 {
        return Err(Fault::NotControl);
    }
    let Some((len, rest)) = word(rest) else { return Ok(None) };
    if !(4..=CONTROL_OCTETS).contains(&(len as usize)) {
        return Err(Fault::Malformed);
    }
    if rest.len() < len as usize {
        return Ok(None);
    }
    let (kind, mut fields) = word(rest).ok_or(Fault::Malformed)?;
    let mut accepts = false;
    while !fields.is_empty() {
        let (field, rest) = word(fields).ok_or(Fault::Malformed)?;
        let (len, rest) = word(rest).ok_or(Fault::Malformed)?;
        let (value, rest) = rest.split_at_checked(len as usize).ok_or(Fault::Malformed)?;
        if field == CONTENT_TYPE && value == CONTENT {
            accepts = true;
        }
        fields = rest;
    }
    Ok(Some((kind, accepts)))
}

fn word(octets: &[u8]) -> Option<(u32, &[u8])> {
    octets.split_first_chunk::<4>().map(|(word, rest)| (u32::from_be_bytes(*word), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: Control, content: Option<&[u8]>) -> Vec<u8> {
        let mut octets = Vec::new();
        control(kind, content, &mut octets);
        octets
    }

    #[test]
    fn a_stream_is_offered_accepted_started_stopped_and_finished_however_its_octets_are_divided() {
        let (accept, finish) = (said(Control::Accept, Some(CONTENT)), said(Control::Finish, None));
        for size in 1..=accept.len() {
            let mut out = Vec::new();
            let mut stream = Stream::begin(&mut out);
            assert_eq!(out, said(Control::Ready, Some(CONTENT)), "what fstrm calls READY");
            out.clear();
            for part in accept.chunks(size) {
                assert_eq!((stream.phase(), out.is_empty()), (Phase::Offered, true));
                stream.hear(part, &mut out).unwrap();
            }
            assert_eq!((stream.phase(), &out), (Phase::Open, &said(Control::Start, Some(CONTENT))));
            out.clear();
            stream.stop(&mut out);
            assert_eq!((stream.phase(), &out), (Phase::Stopped, &said(Control::Stop, None)));
            for part in finish.chunks(size) {
                stream.hear(part, &mut out).unwrap();
            }
            assert_eq!(stream.phase(), Phase::Finished);
        }
    }

    #[test]
    fn ready_is_what_the_protocol_says_octet_for_octet() {
        let mut expected = vec![0, 0, 0, 0, 0, 0, 0, 34, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 22];
        expected.extend_from_slice(b"protobuf:dnstap.Dnstap");
        assert_eq!(said(Control::Ready, Some(CONTENT)), expected);
        assert_eq!(said(Control::Stop, None), [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3]);
    }

    #[test]
    fn a_reader_may_accept_more_than_we_have_and_must_accept_that() {
        let mut both = said(Control::Accept, Some(b"other"));
        both.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 22]);
        both.extend_from_slice(CONTENT);
        both[7] = (both.len() - 8) as u8;
        let mut stream = Stream::begin(&mut Vec::new());
        stream.hear(&both, &mut Vec::new()).unwrap();
        assert_eq!(stream.phase(), Phase::Open);
        for content in [None, Some(&b"other"[..])] {
            let mut stream = Stream::begin(&mut Vec::new());
            let heard = stream.hear(&said(Control::Accept, content), &mut Vec::new());
            assert_eq!(heard, Err(Fault::OtherContent));
        }
    }

    #[test]
    fn what_a_reader_must_not_say_ends_the_stream_and_never_takes_more_room_than_a_control_frame() {
        let wrong = [
            (b"HTTP/1.1 400".to_vec(), Fault::NotControl),
            (vec![0, 0, 0, 0, 0, 0, 2, 1], Fault::Malformed),
            (vec![0, 0, 0, 0, 0, 0, 0, 3], Fault::Malformed),
            (vec![0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1], Fault::Malformed),
            (vec![0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9], Fault::Malformed),
            (said(Control::Finish, None), Fault::OutOfTurn),
            (said(Control::Start, Some(CONTENT)), Fault::OutOfTurn),
        ];
        for (octets, fault) in wrong {
            let mut stream = Stream::begin(&mut Vec::new());
            assert_eq!(stream.hear(&octets, &mut Vec::new()), Err(fault), "{octets:?}");
            assert!(stream.heard.len() <= 8 + CONTROL_OCTETS);
        }
        let mut stream = Stream::begin(&mut Vec::new());
        let accept = said(Control::Accept, Some(CONTENT));
        stream.hear(&accept, &mut Vec::new()).unwrap();
        assert_eq!(stream.hear(&accept, &mut Vec::new()), Err(Fault::OutOfTurn));
    }
}
