//! A ledger as it would be had the machine's clock been wrong while it was written: all its times are
//! moved, and its lines chained anew.

use std::fmt::Write as _;
use std::time::Duration;

use userpurge::domain::Time;

use super::World;

/// Where the clock was while the ledger was written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    Ahead(Duration),
    Behind(Duration),
}

/// How long a time is as a ledger has it.
const TIME_LEN: usize = 24;

/// What stands between a line's body and its chain.
const CHAIN: &str = ",\"chain\":\"";

impl World {
    /// Has the ledger `name` say that the clock was `clock` while it was written.
    pub(crate) fn written_when(&self, name: &str, clock: Clock) {
        let mut head = [0; 32];
        let mut text = String::new();
        for line in self.read(name).lines() {
            let body = &line[..line.rfind(CHAIN).unwrap()];
            let body = moved(body, clock);
            let whole = [&head[..], body.as_bytes(), b"}"].concat();
            let hash = blake3::hash(&whole);
            head = *hash.as_bytes();
            writeln!(text, "{body}{CHAIN}{}\"}}", hash.to_hex()).unwrap();
        }
        self.write(name, text);
        self.call(&["audit", name]).code(0);
    }
}

/// The time that `text` is, as ledgers write one; `None`: it is none.
pub(crate) fn written_time(text: &str) -> Option<Time> {
    serde_json::from_value(text.into()).ok()
}

/// `body` with each of its times moved.
fn moved(body: &str, clock: Clock) -> String {
    let part = |part: &str| match written_time(part) {
        Some(time) if part.len() == TIME_LEN => match clock {
            Clock::Ahead(by) => time.after(by).to_string(),
            Clock::Behind(by) => time.before(by).to_string(),
        },
        Some(_) | None => part.to_owned(),
    };
    body.split('"').map(part).collect::<Vec<_>>().join("\"")
}
