//! The only network IO: carries a provider's [`Request`](crate::provider::Request) and brings back
//! the [`Reply`](crate::provider::Reply), or says why none came.
//!
//! It follows no redirect, retries nothing, reads at most [`BODY_BYTES_MAX`] of an answer, waits at
//! most [`REPLY_TIME_MAX`] for all of it, and talks plain HTTP to loopback only. It judges nothing.
//!
//! Proxies that the environment names (`HTTPS_PROXY`, `ALL_PROXY`) are used for HTTPS, where they
//! carry what they cannot read, and never for loopback. Certificates are held against the system's
//! authorities, or those in `SSL_CERT_FILE`.

mod reqwest;
mod seam;
#[cfg(test)]
mod tests;

pub use reqwest::{ReqwestTransport, put_date};
pub use seam::{
    BODY_BYTES_MAX, CONNECT_TIME_MAX, Failure, REPLY_TIME_MAX, Transport, TransportError,
};
