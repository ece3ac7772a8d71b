//! A hostile provider, or a hostile place on the way to one: whatever comes back, each row's end is
//! true in the ledger, the cost is bounded, and nobody else is told anything.
//!
//! A server made by hand stands before the sandbox ([`Raw`]); what truly happened is asked of the
//! sandbox. The bounds at work:
//!
//! | of | bound | where |
//! | --- | --- | --- |
//! | a body, decompressed | 4 MiB, 100,000 values | `transport::BODY_BYTES_MAX`, `provider::body` |
//! | a head | about 400 kB, 100 headers | `hyper` |
//! | an exchange, however slow | 30 s, shown with a shorter one in `transport`'s own tests | `transport::REPLY_TIME_MAX` |
//! | attempts | `--attempts` | |
//!
//! What cannot be noticed: a second answer that comes on a connection *after* the next request was
//! written to it is that request's answer, as far as HTTP/1.1 goes. Where it names a user (Zendesk
//! always, Zoho mostly, Sunshine Conversations' `personalinformation`) it is turned down; the bare
//! `{}` of Sunshine Conversations and Zoho's answers without an id name nobody. One that comes
//! before is thrown away with its connection.

mod bodies;
mod broken;
mod home;
mod size;
mod throttle;
mod tls;
mod wire;

use std::net::SocketAddr;
use std::sync::Mutex;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::raw::{After, Heard, Raw, Wire};
use crate::support::usual::run;
use crate::support::{Done, World};

pub(super) use crate::support::usual::LEDGER;

/// An account of the usual configuration, and how its users are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Zendesk,
    Sunco,
    Zoho,
}

impl Who {
    pub(super) const fn account(self) -> &'static str {
        match self {
            Self::Zendesk => "acme",
            Self::Sunco => "chat",
            Self::Zoho => "crm",
        }
    }

    pub(super) const fn provider(self) -> &'static str {
        match self {
            Self::Zendesk => "zendesk",
            Self::Sunco => "sunco",
            Self::Zoho => "zoho",
        }
    }

    pub(super) fn id(self, n: usize) -> String {
        match self {
            Self::Zendesk => format!("{}", 1_000 + n),
            Self::Sunco => format!("5fe0a0f0b5e2a4001c8d{n:04}"),
            Self::Zoho => format!("5725767000000412{n:03}"),
        }
    }

    /// The provider's own success, as it would name `id`.
    pub(super) fn success(self, id: &str) -> String {
        match self {
            Self::Zendesk => json!({"user": {"id": id.parse::<u64>().unwrap(), "active": false}}),
            Self::Sunco => json!({"user": {"id": id, "profile": {}}}),
            Self::Zoho => json!({"users": [{"code": "SUCCESS", "details": {"id": id},
                "message": "User deleted", "status": "success"}]}),
        }
        .to_string()
    }
}

/// A sandbox with `rows` users of one provider, a file of them, and a hostile server before it.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) front: Raw,
    pub(super) who: Who,
}

impl Stage {
    /// `answer` is asked of every request, with the sandbox's address.
    pub(super) fn new(
        who: Who,
        rows: usize,
        answer: impl Fn(&Heard, &mut Wire, SocketAddr) -> After + Send + Sync + 'static,
    ) -> Self {
        let world = World::of_ids(who.provider(), (0..rows).map(|n| who.id(n)));
        let sandbox = world.sandbox().addr();
        let front = Raw::start(move |heard, wire| answer(heard, wire, sandbox));
        world.ask_at(&front.base());
        Self { world, front, who }
    }

    pub(super) fn args<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        let run = run("users.csv", self.who.account(), "delete");
        [&run[..], &["--progress", "none"], more].concat()
    }

    pub(super) fn run(&self, more: &[&str]) -> Done {
        self.world.call(&self.args(more))
    }

    /// How each row ended, from the first: the outcome, and a `+` if it was settled so.
    pub(super) fn ends(&self) -> Vec<String> {
        let outcomes = self.world.outcomes(LEDGER);
        let told = |entry: &Value| {
            let settled = if entry["settled"] == true { "+" } else { "" };
            format!("{}{settled}", entry["outcome"].as_str().unwrap())
        };
        outcomes.values().map(told).collect()
    }

    /// How often the sandbox, the provider itself, was asked to delete `id`.
    pub(super) fn deletions(&self, id: &str) -> usize {
        let all = self.world.deletions();
        all.iter()
            .filter(|it| it.user.as_deref() == Some(id))
            .count()
    }

    /// Who of the file's users is gone at the provider.
    pub(super) fn gone(&self, rows: usize) -> usize {
        let ids: Vec<String> = (0..rows).map(|n| self.who.id(n)).collect();
        let users = self.world.users();
        let ours = users.iter().filter(|user| ids.contains(&user.id));
        ours.filter(|user| user.state != "active").count()
    }

    pub(super) fn status(&self) -> Value {
        self.world.status(LEDGER)
    }
}

/// Carries the request to the sandbox and its answer back.
pub(super) fn honest(heard: &Heard, wire: &mut Wire, sandbox: SocketAddr) -> After {
    wire.send(heard.carry(sandbox));
    After::Keep
}

/// Whether a user is asked about for the first time.
#[derive(Default)]
pub(super) struct First(Mutex<Vec<String>>);

impl First {
    pub(super) fn is(&self, user: &str) -> bool {
        let mut known = self.0.lock().unwrap();
        let first = !known.iter().any(|it| it == user);
        if first {
            known.push(user.to_owned());
        }
        first
    }
}

#[rstest]
fn a_server_in_between_that_does_nothing_changes_nothing(
    #[values(Who::Zendesk, Who::Sunco, Who::Zoho)] who: Who,
) {
    let stage = Stage::new(who, 3, honest);
    stage.run(&[]).code(0);
    assert_eq!(stage.ends(), ["deleted"; 3]);
    assert_eq!(stage.gone(3), 3);
}
