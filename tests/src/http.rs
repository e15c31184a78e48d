//! Many API requests over one connection: a process for each would take longer than the requests.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use crate::PATIENCE;

/// One connection with a token. Requests go one after another.
pub struct Http {
    stream: BufReader<TcpStream>,
    token: String,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: String,
}

impl Http {
    /// Connects to `address`; requests are authorized by `token`.
    ///
    /// # Errors
    /// As those of sockets.
    pub fn connect(address: SocketAddr, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// Sends a request and reads the reply; `headers` are whole lines without their ends.
    ///
    /// # Errors
    /// As those of sockets: the connection is of no more use then, and whether the request was done is not known.
    pub fn send(&mut self, method: &str, path: &str, headers: &[&str], body: &str) -> io::Result<Reply> {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n", self.token);
        headers.iter().for_each(|header| request.extend([*header, "\r\n"]));
        request += &format!("content-length: {}\r\n\r\n", body.len());
        // In one piece, which a server reads at once.
        request += body;
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.reply()
    }

    /// The same, retried while the response is 429.
    ///
    /// # Errors
    /// As those of [`send`](Self::send).
    pub fn send_patiently(&mut self, method: &str, path: &str, headers: &[&str], body: &str) -> io::Result<Reply> {
        loop {
            let reply = self.send(method, path, headers, body)?;
            if reply.status != 429 {
                return Ok(reply);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let status = self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("no status line"))?;
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(octets) = line.strip_prefix("content-length:") {
                length = octets.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Reply { status, body: String::from_utf8(body).map_err(io::Error::other)? })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
