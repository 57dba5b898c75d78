//! What the gateway refuses to forward, and with which status it says so.

/// Why a request is answered by the gateway and its connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reject {
    #[error("a line of the request head does not end with CRLF")]
    BareLf,
    #[error("the request line is malformed")]
    RequestLine,
    #[error("a header line is malformed")]
    Header,
    #[error("the HTTP version is not supported; use HTTP/1.1")]
    Version,
    #[error("the request target must be a path or an http:// address")]
    Target,
    #[error("the request target is too long")]
    TargetTooLong,
    #[error("the request head is too large")]
    HeadTooLarge,
    #[error("the request has too many headers")]
    TooManyHeaders,
    #[error("the Host header is missing, repeated or malformed")]
    Host,
    #[error("both Content-Length and Transfer-Encoding are present")]
    LengthAndEncoding,
    #[error("the Content-Length is repeated or not a number")]
    ContentLength,
    #[error("the Transfer-Encoding is not exactly 'chunked', or the request is HTTP/1.0")]
    TransferEncoding,
    #[error("the Connection header names too many headers")]
    Connection,
    #[error("the expectation is not supported")]
    Expectation,
    #[error("the request body is larger than this route allows")]
    BodyTooLarge,
    #[error("the chunked request body is malformed")]
    Chunk,
    #[error("the request head did not arrive in time")]
    HeadTimeout,
    #[error("the request body did not arrive in time")]
    BodyTimeout,
    #[error("no route matches this host and path")]
    NoRoute,
}

impl Reject {
    /// Every kind, in the order of the counters.
    pub(crate) const ALL: [Reject; 19] = [
        Reject::BareLf,
        Reject::RequestLine,
        Reject::Header,
        Reject::Version,
        Reject::Target,
        Reject::TargetTooLong,
        Reject::HeadTooLarge,
        Reject::TooManyHeaders,
        Reject::Host,
        Reject::LengthAndEncoding,
        Reject::ContentLength,
        Reject::TransferEncoding,
        Reject::Connection,
        Reject::Expectation,
        Reject::BodyTooLarge,
        Reject::Chunk,
        Reject::HeadTimeout,
        Reject::BodyTimeout,
        Reject::NoRoute,
    ];

    /// The kind's name in the counters.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Reject::BareLf => "bare_lf",
            Reject::RequestLine => "request_line",
            Reject::Header => "header",
            Reject::Version => "version",
            Reject::Target => "target",
            Reject::TargetTooLong => "target_too_long",
            Reject::HeadTooLarge => "head_too_large",
            Reject::TooManyHeaders => "too_many_headers",
            Reject::Host => "host",
            Reject::LengthAndEncoding => "length_and_encoding",
            Reject::ContentLength => "content_length",
            Reject::TransferEncoding => "transfer_encoding",
            Reject::Connection => "connection",
            Reject::Expectation => "expectation",
            Reject::BodyTooLarge => "body_too_large",
            Reject::Chunk => "chunk",
            Reject::HeadTimeout => "head_timeout",
            Reject::BodyTimeout => "body_timeout",
            Reject::NoRoute => "no_route",
        }
    }

    /// The status code of the answer.
    pub(crate) fn status(self) -> u16 {
        match self {
            Reject::NoRoute => 404,
            Reject::HeadTimeout | Reject::BodyTimeout => 408,
            Reject::BodyTooLarge => 413,
            Reject::TargetTooLong => 414,
            Reject::Expectation => 417,
            Reject::HeadTooLarge | Reject::TooManyHeaders => 431,
            Reject::Version => 505,
            _ => 400,
        }
    }
}
