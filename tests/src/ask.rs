//! Asking with the programs that people ask with.

use std::net::SocketAddr;
use std::process::Command;

use crate::answer::Answer;
use crate::program::run;

/// Asks with dig; `question` is the rest of its command line.
///
/// # Panics If there is no response.
pub fn dig(server: SocketAddr, question: &str) -> Answer {
    let mut command = Command::new("dig");
    command.args(["-r", "+tries=1", "+time=30"]); // Without the settings of the user.
    answer(command, server, question)
}

/// Asks with kdig; `question` is the rest of its command line.
///
/// # Panics If there is no response.
pub fn kdig(server: SocketAddr, question: &str) -> Answer {
    let mut command = Command::new("kdig");
    command.args(["+retry=0", "+time=30"]);
    answer(command, server, question)
}

fn answer(mut command: Command, server: SocketAddr, question: &str) -> Answer {
    command.arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]);
    command.args(question.split_whitespace());
    loop {
        let ran = run(&mut command);
        assert_eq!(ran.code, 0, "{question}: {}{}", ran.out, ran.err);
        let answer = Answer::read(&ran.out);
        if !is_own(&answer) {
            return answer;
        }
    }
}

/// True if dig received its own query. It shares its port (SO_REUSEPORT), and about once in ten thousand times the
/// system gives it the port of a server of the same user, on which it then receives its own datagram.
pub fn is_own(answer: &Answer) -> bool {
    !answer.flags.is_empty() && !answer.has("qr")
}

/// A response over HTTP.
#[derive(Debug)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// Status line and header fields.
    pub head: String,
    /// Body.
    pub body: String,
}

/// Gets a page with curl.
///
/// # Panics If there is none.
pub fn curl(url: &str) -> Page {
    curl_with(&[], url)
}

/// The same with more arguments.
///
/// # Panics If there is no response.
pub fn curl_with(arguments: &[&str], url: &str) -> Page {
    let mut command = Command::new("curl");
    command.args(["-q", "--silent", "--show-error", "--noproxy", "*", "--include"]).args(arguments).arg(url);
    let ran = run(&mut command);
    assert_eq!(ran.code, 0, "{url}: {}", ran.err);
    let (head, body) = ran.out.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
    Page { status, head: head.to_owned(), body: body.to_owned() }
}
