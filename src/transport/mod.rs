//! The only network IO: carries a provider's [`Request`] and brings back
//! the [`Reply`], or says why none came.
//!
//! It follows no redirect, retries nothing, and reads at most [`BODY_BYTES_MAX`] of an answer. It waits
//! at most [`REPLY_TIME_MAX`] for all of it, and talks plain HTTP to loopback only. It judges nothing.
//!
//! Proxies that the environment names (`HTTPS_PROXY`, `ALL_PROXY`) are used for HTTPS, where they
//! carry what they cannot read, and never for loopback. Certificates are held against the system's
//! authorities, or those in `SSL_CERT_FILE`.
//!
//! Each request under way takes a descriptor, so this also knows how many files and connections may be open.

mod reqwest;

use std::fmt;
use std::fs;
use std::num::NonZeroU32;
use std::time::Duration;

use futures::future::BoxFuture;
use thiserror::Error;

use crate::domain::named;
use crate::provider::{Reply, Request};

pub use self::reqwest::{ReqwestTransport, put_date};

/// The most of a body that is read, decompressed: 4 MiB. A hundred Zendesk users are some 200 kB.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The longest a whole exchange may take, from connecting to the last byte. Recorded deletions took
/// under a second; one that takes longer than this is asked for again, which is safe.
pub const REPLY_TIME_MAX: Duration = Duration::from_secs(30);

/// The longest a connection, TLS included, may take to stand.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(15);

/// Carries requests.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends `request` and waits for the whole answer.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, TransportError>>;
}

/// No whole answer came.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {reason}", .failure.describe())]
pub struct TransportError {
    /// The failure.
    pub failure: Failure,
    /// The reason in the network's words, without addresses or secrets.
    pub reason: String,
}

named! {
    /// Where an exchange broke off. The name is the stable word that ledgers use.
    pub enum Failure {
        /// No connection; nothing was sent.
        Connect = "no_connection": "no connection could be made",
        /// The server's certificate is not to be trusted; nothing was sent.
        Certificate = "bad_certificate": "the server's certificate cannot be trusted",
        /// No whole answer within [`REPLY_TIME_MAX`].
        TimedOut = "timed_out": "no answer came in time",
        /// The connection broke after the request had begun to leave.
        Broken = "broken_connection": "the connection broke",
        /// The answer is longer than [`BODY_BYTES_MAX`].
        TooLarge = "answer_too_large": "the answer is too large",
        /// The person at the keyboard would not wait for it.
        Abandoned = "abandoned": "the wait was broken off",
    }
}

impl Failure {
    /// Whether it was ended here while the server may have the request still.
    pub const fn given_up(self) -> bool {
        matches!(self, Self::TimedOut | Self::Abandoned)
    }

    /// Whether the request may have had its effect all the same.
    pub const fn in_doubt(self) -> bool {
        match self {
            Self::Connect | Self::Certificate => false,
            Self::TimedOut | Self::Broken | Self::TooLarge | Self::Abandoned => true,
        }
    }
}

/// Descriptors that are still to come beside connections: the ledger's reader, one to spare and one that is
/// open for a moment. They take the place of those that wait for a signal until somebody agreed. One more.
const RESERVE: u64 = 1;

/// The descriptors that each account takes beside its connections: its readers of the plan.
const RESERVE_PER_ACCOUNT: u64 = 2;

/// The number of open descriptors when there is no telling.
const OPEN_USUALLY: u64 = 12;

/// How many requests of each account may be under way, of the `wanted` ones, so that none lacks a
/// descriptor; at least one. The process's limit is raised first, as far as the system lets it.
///
/// # Errors
///
/// Not even one each: the limit, how many are needed, and how many all that is wanted would take.
pub fn fit_descriptors(wanted: &[NonZeroU32]) -> Result<Vec<NonZeroU32>, [u64; 3]> {
    let accounts = wanted.len() as u64;
    let others = open_now() + RESERVE + RESERVE_PER_ACCOUNT * accounts;
    let all: u64 = wanted.iter().map(|wanted| u64::from(wanted.get())).sum();
    let Some(limit) = limit(others + all) else {
        return Ok(wanted.to_vec());
    };
    let room = limit.saturating_sub(others).min(all);
    if room < accounts {
        return Err([limit, others + accounts, others + all]);
    }
    let part = |wanted: &NonZeroU32| {
        let part = u64::from(wanted.get()) * room / all;
        let part = u32::try_from(part).unwrap_or(u32::MAX);
        NonZeroU32::new(part).unwrap_or(NonZeroU32::MIN)
    };
    Ok(wanted.iter().map(part).collect())
}

/// How many descriptors are open now, also those that whoever started us left open.
fn open_now() -> u64 {
    // One of them is the list's own.
    fs::read_dir("/dev/fd").map_or(OPEN_USUALLY, |open| (open.count() as u64).saturating_sub(1))
}

/// How many may be open, once that was raised to `needed` if it was less; `None`: any number.
fn limit(needed: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let limit = current?;
    if limit >= needed {
        return Some(limit);
    }
    let raised = Rlimit {
        current: Some(maximum.map_or(needed, |maximum| needed.min(maximum))),
        maximum,
    };
    // Where it cannot be raised, what there is has to do.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current
}
