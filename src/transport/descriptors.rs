//! How many files and connections this process may have open: each request under way takes one.

use std::fs;
use std::num::NonZeroU32;

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
    let others = open() + RESERVE + RESERVE_PER_ACCOUNT * accounts;
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
fn open() -> u64 {
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
