//! The only network IO: carries a provider's [`Request`](crate::provider::Request) and brings back
//! the [`Reply`](crate::provider::Reply), or says why none came.
//!
//! It follows no redirect, retries nothing, reads at most [`BODY_BYTES_MAX`] of an answer, waits at
//! most [`REPLY_TIME_MAX`] for all of it, and talks plain HTTP to loopback only. It judges nothing.

mod reqwest;
mod seam;

pub use reqwest::ReqwestTransport;
pub use seam::{BODY_BYTES_MAX, Failure, REPLY_TIME_MAX, Transport, TransportError};
