//! The sender's side of bidirectional Frame Streams, as a state machine without I/O.
//!
//! The protocol is that of the fstrm library. A frame is its length in four octets, big-endian, and its data. A length
//! of zero escapes a control frame: its own length, its type, and fields of a type, a length and a value. The sender is
//! READY and names its content type; the reader ACCEPTs; the sender STARTs, sends data, and STOPs; the reader FINISHes
//! when it has read all data.

/// The content type.
pub const CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";

/// Octets of the longest control frame (`FSTRM_CONTROL_FRAME_LENGTH_MAX`).
const CONTROL_OCTETS: usize = 512;
/// The only field type that the protocol defines.
const CONTENT_TYPE: u32 = 1;

/// Types of control frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Control {
    /// The reader accepts this content type.
    Accept = 1,
    /// Data follows.
    Start = 2,
    /// No data follows.
    Stop = 3,
    /// The sender offers this content type.
    Ready = 4,
    /// The reader has read all data.
    Finish = 5,
}

/// The state of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// READY is sent; waiting for ACCEPT.
    Offered,
    /// Data may be sent.
    Open,
    /// STOP is sent; waiting for FINISH.
    Stopped,
    /// The reader has read all data.
    Finished,
}

/// A protocol violation by the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It sent something other than control frames.
    #[error("it does not speak Frame Streams")]
    NotControl,
    /// It sent a control frame that is too long or malformed.
    #[error("it sent a malformed control frame")]
    Malformed,
    /// It sent a control frame out of order.
    #[error("it sent a control frame out of order")]
    OutOfOrder,
    /// It does not accept our content type.
    #[error("it does not accept protobuf:dnstap.Dnstap")]
    OtherContent,
}

/// One stream, from the sender's side.
#[derive(Debug)]
pub struct Stream {
    phase: Phase,
    /// The received part of an incomplete control frame.
    received: Vec<u8>,
}

impl Stream {
    /// Begins a stream: appends the first frame to `out`.
    pub fn begin(out: &mut Vec<u8>) -> Self {
        control(Control::Ready, Some(CONTENT), out);
        Self { phase: Phase::Offered, received: Vec::new() }
    }

    /// The current state.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Handles octets from the reader; appends the frames to send to `out`.
    ///
    /// # Errors
    /// The reader's protocol violation.
    pub fn receive(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        for octet in octets {
            self.received.push(*octet);
            if let Some(frame) = parse_control(&self.received)? {
                self.take(frame, out)?;
                self.received.clear();
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
            _ => return Err(Fault::OutOfOrder),
        };
        Ok(())
    }

    /// Ends the data. Keep reading until the reader has finished.
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

/// Type of the control frame in `octets`, and whether it names our content type; `None` if it is incomplete.
fn parse_control(octets: &[u8]) -> Result<Option<(u32, bool)>, Fault> {
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

    fn encoded(kind: Control, content: Option<&[u8]>) -> Vec<u8> {
        let mut octets = Vec::new();
        control(kind, content, &mut octets);
        octets
    }

    #[test]
    fn a_stream_runs_from_ready_to_finish_however_its_octets_are_split() {
        let (accept, finish) = (encoded(Control::Accept, Some(CONTENT)), encoded(Control::Finish, None));
        for size in 1..=accept.len() {
            let mut out = Vec::new();
            let mut stream = Stream::begin(&mut out);
            assert_eq!(out, encoded(Control::Ready, Some(CONTENT)), "READY, as in fstrm");
            out.clear();
            for part in accept.chunks(size) {
                assert_eq!((stream.phase(), out.is_empty()), (Phase::Offered, true));
                stream.receive(part, &mut out).unwrap();
            }
            assert_eq!((stream.phase(), &out), (Phase::Open, &encoded(Control::Start, Some(CONTENT))));
            out.clear();
            stream.stop(&mut out);
            assert_eq!((stream.phase(), &out), (Phase::Stopped, &encoded(Control::Stop, None)));
            for part in finish.chunks(size) {
                stream.receive(part, &mut out).unwrap();
            }
            assert_eq!(stream.phase(), Phase::Finished);
        }
    }

    #[test]
    fn ready_matches_the_protocol_octet_for_octet() {
        let mut expected = vec![0, 0, 0, 0, 0, 0, 0, 34, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 22];
        expected.extend_from_slice(b"protobuf:dnstap.Dnstap");
        assert_eq!(encoded(Control::Ready, Some(CONTENT)), expected);
        assert_eq!(encoded(Control::Stop, None), [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 3]);
    }

    #[test]
    fn a_reader_may_accept_other_content_types_but_must_accept_ours() {
        let mut both = encoded(Control::Accept, Some(b"other"));
        both.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 22]);
        both.extend_from_slice(CONTENT);
        both[7] = (both.len() - 8) as u8;
        let mut stream = Stream::begin(&mut Vec::new());
        stream.receive(&both, &mut Vec::new()).unwrap();
        assert_eq!(stream.phase(), Phase::Open);
        for content in [None, Some(&b"other"[..])] {
            let mut stream = Stream::begin(&mut Vec::new());
            let received = stream.receive(&encoded(Control::Accept, content), &mut Vec::new());
            assert_eq!(received, Err(Fault::OtherContent));
        }
    }

    #[test]
    fn a_protocol_violation_ends_the_stream_and_memory_stays_bounded() {
        let invalid = [
            (b"HTTP/1.1 400".to_vec(), Fault::NotControl),
            (vec![0, 0, 0, 0, 0, 0, 2, 1], Fault::Malformed),
            (vec![0, 0, 0, 0, 0, 0, 0, 3], Fault::Malformed),
            (vec![0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1], Fault::Malformed),
            (vec![0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9], Fault::Malformed),
            (encoded(Control::Finish, None), Fault::OutOfOrder),
            (encoded(Control::Start, Some(CONTENT)), Fault::OutOfOrder),
        ];
        for (octets, fault) in invalid {
            let mut stream = Stream::begin(&mut Vec::new());
            assert_eq!(stream.receive(&octets, &mut Vec::new()), Err(fault), "{octets:?}");
            assert!(stream.received.len() <= 8 + CONTROL_OCTETS);
        }
        let mut stream = Stream::begin(&mut Vec::new());
        let accept = encoded(Control::Accept, Some(CONTENT));
        stream.receive(&accept, &mut Vec::new()).unwrap();
        assert_eq!(stream.receive(&accept, &mut Vec::new()), Err(Fault::OutOfOrder));
    }
}
