//! A client that sends exactly what it is given.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::PATIENCE;

/// An answer as the client received it.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Status line and headers with their line ends.
    pub head: String,
    /// The body without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        super::header(&self.head, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    early: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(addr: SocketAddr) -> Client {
        Client::try_connect(addr).expect("the tested server listens")
    }

    /// Connects to a server that may not be there.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn try_connect(addr: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, early: Vec::new() })
    }

    /// Sends bytes; a peer that has closed is not an error here, but where its answer is read.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Sends bytes one write each.
    pub fn send_slowly(&mut self, bytes: &[u8]) -> &mut Client {
        for byte in bytes {
            self.send([*byte]);
        }
        self
    }

    /// Sends one request and reads its answer.
    pub fn request(&mut self, request: &str) -> io::Result<Response> {
        let to_head = request.starts_with("HEAD ");
        self.send(request).read_response(to_head)
    }

    /// Reads one head: a final answer's, or an interim one's.
    pub fn read_head(&mut self) -> io::Result<String> {
        super::read_head(&mut self.stream, &mut self.early)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads one answer with its body.
    pub fn read_response(&mut self, to_head: bool) -> io::Result<Response> {
        let head = self.read_head()?;
        let status: u16 =
            head.split(' ').nth(1).and_then(|s| s.trim().parse().ok()).ok_or_else(|| io::Error::other("no status"))?;
        let bodiless = to_head || status < 200 || status == 204 || status == 304;
        let body = if bodiless { Vec::new() } else { super::read_body(&mut self.stream, &mut self.early, &head, true)? };
        Ok(Response { status, head, body })
    }

    /// Reads exactly `n` bytes.
    pub fn read_exact(&mut self, n: usize) -> io::Result<Vec<u8>> {
        super::take(&mut self.stream, &mut self.early, n)
    }

    /// Reads until the peer closes; an error when it resets instead.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.early);
        self.stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Ends the sending direction only.
    pub fn finish_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The socket itself.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}
