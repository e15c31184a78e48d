//! Queries repeated over DNS, to see when real answers change.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use gslb_api::types::Witness;
use gslb_core::dns::rdata;
use gslb_core::explain::response::Response;
use gslb_core::explain::{Question, datagram};

/// Timeout of one answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Time between queries. The traffic sample counts answers, so a drill must not be most of
/// them.
const PAUSE: Duration = Duration::from_millis(20);
/// Maximum octets of an answer.
const OCTETS: usize = 4096;
/// Attempts per query if there is no answer.
const ATTEMPTS: usize = 3;

/// The queries, and the server that gets them.
pub(super) struct Watch {
    queries: Vec<Query>,
    socket: UdpSocket,
    /// The earliest time of the next query.
    next: Instant,
}

/// A query that shows whether the data center answers.
struct Query {
    /// The service and the type.
    description: String,
    octets: Vec<u8>,
    /// Answers that belong to the data center.
    answers: Vec<String>,
    /// How many consecutive answers are conclusive.
    questions: u32,
}

/// What an answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// The data center.
    DataCenter,
    /// Something else.
    Other,
    /// Nothing at all.
    Nothing,
}

/// When a query first got the awaited answer; `None` if it never did.
pub(super) type Since = Option<Duration>;

impl Watch {
    /// The queries that a drill proposes, for `server`.
    pub(super) fn of(witnesses: &[Witness], server: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(ANSWER))?;
        let queries = witnesses.iter().filter_map(query).collect();
        Ok(Self { queries, socket, next: Instant::now() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queries.len()
    }

    /// Time to send every query once.
    pub(super) fn round(&self) -> Duration {
        PAUSE.saturating_mul(self.queries.iter().map(|query| query.questions).sum())
    }

    /// The queries whose answers never name the data center.
    pub(super) fn unnamed(&mut self) -> io::Result<Vec<String>> {
        let mut unnamed = Vec::new();
        for number in 0..self.queries.len() {
            let questions = self.queries.get(number).map_or(0, |query| query.questions);
            let mut named = false;
            for _ in 0..questions {
                named = named || self.ask(number)? == Named::DataCenter;
            }
            if !named {
                unnamed.extend(self.description(number));
            }
        }
        Ok(unnamed)
    }

    /// Repeats the queries until all answers consistently name something else, or until `patience` is over. Returns
    /// since when each does, counted from `begun`.
    pub(super) fn redirected(&mut self, begun: Instant, patience: Duration) -> io::Result<Vec<Since>> {
        let mut runs: Vec<(u32, Since)> = vec![(0, None); self.queries.len()];
        self.watch(begun, patience, |number, questions, seen, at| {
            let Some((run, since)) = runs.get_mut(number) else { return true };
            (*run, *since) = match seen {
                Named::Other => (*run + 1, since.or(Some(at))),
                Named::DataCenter | Named::Nothing => (0, None),
            };
            *run >= questions
        })?;
        let needed = self.queries.iter().map(|query| query.questions);
        Ok(runs.into_iter().zip(needed).map(|((run, since), needed)| since.filter(|_| run >= needed)).collect())
    }

    /// Repeats the queries that were `redirected` until each answer names the data center again, or until `patience` is
    /// over. Returns when each first did, counted from `begun`.
    pub(super) fn restored(
        &mut self,
        redirected: &[Since],
        begun: Instant,
        patience: Duration,
    ) -> io::Result<Vec<Since>> {
        let mut back: Vec<Since> = vec![None; self.queries.len()];
        self.watch(begun, patience, |number, _, seen, at| {
            let is_watched = redirected.get(number).is_some_and(Option::is_some);
            if let (true, Named::DataCenter, Some(back)) = (is_watched, seen, back.get_mut(number)) {
                *back = Some(at);
            }
            !is_watched || seen == Named::DataCenter
        })?;
        Ok(back)
    }

    /// Of the queries that `counts` selects, those for which it never happened.
    pub(super) fn never<'s>(&self, since: &'s [Since], counts: impl Fn(usize) -> bool + 's) -> Vec<String> {
        let never = since.iter().enumerate().filter(|(number, since)| since.is_none() && counts(*number));
        never.filter_map(|(number, _)| self.description(number)).collect()
    }

    fn description(&self, number: usize) -> Option<String> {
        self.queries.get(number).map(|query| query.description.clone())
    }

    /// Repeats the queries that are not done; `is_done` gets each result and its time.
    fn watch(
        &mut self,
        begun: Instant,
        patience: Duration,
        mut is_done: impl FnMut(usize, u32, Named, Duration) -> bool,
    ) -> io::Result<()> {
        let mut left: Vec<(usize, u32)> = self.queries.iter().map(|query| query.questions).enumerate().collect();
        while !left.is_empty() && begun.elapsed() < patience {
            let mut still = Vec::new();
            for (number, questions) in left {
                let seen = self.ask(number)?;
                if !is_done(number, questions, seen, begun.elapsed()) {
                    still.push((number, questions));
                }
            }
            left = still;
        }
        Ok(())
    }

    /// Sends one query, [`PAUSE`] after the previous one.
    fn ask(&mut self, number: usize) -> io::Result<Named> {
        let Some(query) = self.queries.get(number) else { return Ok(Named::Nothing) };
        thread::sleep(self.next.saturating_duration_since(Instant::now()));
        self.next = Instant::now() + PAUSE;
        let (mut octets, id) = (query.octets.clone(), number as u16);
        // The socket is connected, so only its peer can send; the id identifies late answers.
        octets.get_mut(..2).into_iter().for_each(|place| place.copy_from_slice(&id.to_be_bytes()));
        let mut failed = io::Error::from(io::ErrorKind::TimedOut);
        for _ in 0..ATTEMPTS {
            self.socket.send(&octets)?;
            match self.answer(id) {
                Ok(named) if named.is_empty() => return Ok(Named::Nothing),
                Ok(named) if named.iter().any(|it| query.answers.contains(it)) => return Ok(Named::DataCenter),
                Ok(_) => return Ok(Named::Other),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The records of the answer with this id.
    fn answer(&self, id: u16) -> io::Result<Vec<String>> {
        let mut octets = [0; OCTETS];
        loop {
            let length = self.socket.recv(&mut octets)?;
            let Ok(response) = Response::parse(octets.get(..length).unwrap_or_default()) else { continue };
            if response.id == id {
                let records = response.sections.first().map(Vec::as_slice).unwrap_or_default();
                let text = |rtype, rdata: &[u8]| rdata::to_text(rtype, rdata).to_ascii_lowercase();
                return Ok(records.iter().map(|record| text(record.rtype, &record.rdata)).collect());
            }
        }
    }
}

/// The query of a witness.
fn query(witness: &Witness) -> Option<Query> {
    let rtype = witness.r#type.name();
    let name = witness.name.parse().ok()?;
    let qtype = rdata::type_from_text(rtype)?;
    let client = Some(witness.client.parse().ok()?);
    let resolver = IpAddr::from([127, 0, 0, 1]);
    Some(Query {
        description: format!("{} {rtype}", witness.service),
        octets: datagram(&Question { name, qtype, client, resolver }),
        answers: witness.answers.clone(),
        questions: witness.questions.max(1),
    })
}
