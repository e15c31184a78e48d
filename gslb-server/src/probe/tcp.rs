//! Probes of kind `tcp`: a connection, optionally with a text to send and a text to expect.

use gslb_core::health::{Failure, Target};
use gslb_core::site::model::{MAX_PROBE_BODY, TcpProbe};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connect::connect;
use super::fault::{Check, Fault};
use super::notes::Notes;
use super::search::Search;
use super::tools::Tools;

pub(super) async fn check(probe: &TcpProbe, target: &Target, tools: &Tools, notes: &mut Notes) -> Check {
    let mut stream = connect(target, tools, notes).await?;
    if let Some(text) = &probe.send {
        notes.stage = "sending";
        stream.write_all(text.as_bytes()).await.map_err(|error| Fault::of_io(&error))?;
    }
    let Some(text) = &probe.expect else { return Ok("connected".to_owned()) };
    notes.stage = "waiting for the text";
    let mut search = Search::new(text.as_bytes(), MAX_PROBE_BODY);
    let mut piece = [0; 1024];
    while !search.is_full() {
        let count = stream.read(&mut piece).await.map_err(|error| Fault::of_io(&error))?;
        if count == 0 {
            let evidence = format!("closed the connection after {} octets, without the expected text", search.seen());
            return Err(Fault::new(Failure::Body, evidence));
        }
        if search.add(&piece[..count]) {
            return Ok("received the expected text".to_owned());
        }
    }
    Err(Fault::new(Failure::Body, format!("sent {} octets, without the expected text", search.seen())))
}
