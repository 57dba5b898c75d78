//! The codec as plain functions, for the fuzz targets of `fuzz/`; no part of the crate's interface.
//!
//! Decides: nothing; does with bytes what `conn`, `job` and `exchange` do with sockets, in the same order of calls.
//! Inputs: bytes, and how many of them arrive at once.

use std::mem::MaybeUninit;

use crate::codec::body::{Body, Encoding};
use crate::codec::chunked::Malformed;
use crate::codec::request::{Framing, HEADER_SLOTS, HeadLimits, RequestHead};
use crate::codec::response::ResponseHead;
use crate::codec::rewrite::{self, Onward, Via};
use crate::codec::scan::HeadScan;

/// How a message's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// There is none.
    Nothing,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// The end of the connection.
    Close,
}

/// A head that passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Bytes of the head as received.
    pub length: usize,
    /// How the body that follows is delimited.
    pub body: Delimiter,
    /// The head that goes to the other side.
    pub onward: Vec<u8>,
    /// The method of a request.
    pub method: String,
    /// The target of a request.
    pub target: String,
    /// The host that a request is for, where one is given.
    pub host: Option<String>,
    /// The status of an answer; 0 for a request.
    pub status: u16,
}

/// What became of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// More bytes are needed.
    Incomplete,
    /// Refused, and why.
    Refused(&'static str),
    /// It goes on.
    Passed(Box<Passed>),
}

/// Reads a request head that arrives `cut` bytes at a time.
pub fn request(bytes: &[u8], cut: usize) -> Head {
    let end = match end_of_head(bytes, cut) {
        Ok(Some(end)) => end,
        Ok(None) => return Head::Incomplete,
        Err(why) => return Head::Refused(why),
    };
    let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
    let limits = HeadLimits { max_headers: 100, max_target: 16 * 1024 };
    let request = match RequestHead::parse(&bytes[..end], &mut slots, limits) {
        Ok(request) => request,
        Err(reject) => return Head::Refused(reject.label()),
    };
    let mut onward = Vec::new();
    rewrite::request_head(&mut onward, &request, Via { peer: "192.0.2.1", request_id: "made", default_host: "api" });
    Head::Passed(Box::new(Passed {
        length: end,
        body: request.framing.into(),
        onward,
        method: request.method.to_owned(),
        target: request.target.to_owned(),
        host: request.host.map(str::to_owned),
        status: 0,
    }))
}

/// Reads the head of an answer that arrives `cut` bytes at a time, and passes it on to an HTTP/1.1 client.
pub fn response(bytes: &[u8], cut: usize, to_head_request: bool) -> Head {
    let end = match end_of_head(bytes, cut) {
        Ok(Some(end)) => end,
        Ok(None) => return Head::Incomplete,
        Err(why) => return Head::Refused(why),
    };
    let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
    let Ok(response) = ResponseHead::parse(&bytes[..end], &mut slots, to_head_request) else { return Head::Refused("response") };
    let framing = if response.framing == Framing::UntilClose { Framing::Chunked } else { response.framing };
    let mut onward = Vec::new();
    rewrite::response_head(&mut onward, &response, Onward { request_id: "made", close: false, framing });
    Head::Passed(Box::new(Passed {
        length: end,
        body: response.framing.into(),
        onward,
        method: String::new(),
        target: String::new(),
        host: None,
        status: response.status,
    }))
}

/// What became of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What went to the other side.
    pub out: Vec<u8>,
    /// Bytes taken of the input.
    pub used: usize,
    /// Whether the body is complete.
    pub done: bool,
}

/// Moves a body that arrives `cut` bytes at a time through an output of `limit` bytes, which is emptied whenever nothing more fits;
/// `None` when it is malformed.
pub fn body(delimiter: Delimiter, chunked_out: bool, input: &[u8], cut: usize, limit: usize) -> Option<Moved> {
    let encoding = if chunked_out { Encoding::Chunked } else { Encoding::Raw };
    let mut body = Body::new(delimiter.into(), encoding);
    let mut moved = Moved { out: Vec::new(), used: 0, done: false };
    let mut end = 0;
    while !body.is_done() {
        let mut room = Vec::new();
        let used = body.transfer(&input[moved.used..end], &mut room, limit).map_err(|Malformed| ()).ok()?;
        assert!(room.len() <= limit, "{} bytes of {limit}", room.len());
        moved.used += used;
        moved.out.append(&mut room);
        if used == 0 {
            if end == input.len() {
                break;
            }
            end = (end + cut.max(1)).min(input.len());
        }
    }
    moved.done = body.is_done();
    Some(moved)
}

fn end_of_head(bytes: &[u8], cut: usize) -> Result<Option<usize>, &'static str> {
    let mut scan = HeadScan::default();
    let mut end = 0;
    loop {
        end = (end + cut.max(1)).min(bytes.len());
        match scan.find(&bytes[..end]) {
            Err(_) => return Err("bare_lf"),
            Ok(None) if end < bytes.len() => {}
            Ok(found) => return Ok(found),
        }
    }
}

impl From<Framing> for Delimiter {
    fn from(framing: Framing) -> Delimiter {
        match framing {
            Framing::Empty => Delimiter::Nothing,
            Framing::Length(n) => Delimiter::Length(n),
            Framing::Chunked => Delimiter::Chunked,
            Framing::UntilClose => Delimiter::Close,
        }
    }
}

impl From<Delimiter> for Framing {
    fn from(delimiter: Delimiter) -> Framing {
        match delimiter {
            Delimiter::Nothing => Framing::Empty,
            Delimiter::Length(n) => Framing::Length(n),
            Delimiter::Chunked => Framing::Chunked,
            Delimiter::Close => Framing::UntilClose,
        }
    }
}
