//! The usual case: users of one account who stand at the sandbox, a file of their ids, and the call
//! that deletes them. What a test needs to be otherwise, it says itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{World, ids};

/// The ledger of a run of `users.csv`.
pub(crate) const LEDGER: &str = "users.csv.ledger.jsonl";

/// Deletes the Zendesk users of `users.csv`.
pub(crate) const RUN: [&str; 7] = run("users.csv", "acme", "delete");

/// Deletes them for good: a request for each row.
pub(crate) const PERMANENTLY: [&str; 7] = run("users.csv", "acme", "permanently-delete");

/// A run of `input`, all of it at one account, that asks nobody.
pub(crate) const fn run<'a>(input: &'a str, account: &'a str, action: &'a str) -> [&'a str; 7] {
    let yes = "--yes";
    ["run", input, "--account", account, "--action", action, yes]
}

/// The plan of a run that deletes Zendesk users.
pub(crate) const fn plan_of(input: &str) -> [&str; 6] {
    ["plan", input, "--account", "acme", "--action", "delete"]
}

/// The id of an account's `n`th user.
pub(crate) fn id(account: &str, n: u64) -> String {
    match account {
        "acme" => n.to_string(),
        "chat" => format!("5fe0a0f0b5e2a4001c8d{n:04}"),
        "crm" => format!("5725767000000{n:06}"),
        _ => panic!("{account}"),
    }
}

impl World {
    /// Zendesk users 1 to `count`, all in `users.csv`, at a sandbox that never refuses.
    pub(crate) fn of_users(count: u64) -> Self {
        let world = Self::new();
        world.wide();
        world.zendesk_users(1..=count);
        world.write("users.csv", ids(1..=count));
        world
    }

    /// The same, all of them soft-deleted.
    pub(crate) fn of_soft_deleted(count: u64) -> Self {
        let world = Self::new();
        world.wide();
        world.soft_deleted_users(1..=count);
        world.write("users.csv", ids(1..=count));
        world
    }

    /// Users of `provider` with these ids, all in `users.csv`, at a sandbox that never refuses.
    pub(crate) fn of_ids(provider: &str, ids: impl IntoIterator<Item = String>) -> Self {
        let ids: Vec<String> = ids.into_iter().collect();
        let users: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        let world = Self::new();
        world.wide();
        world.seed(json!({provider: users}));
        world.write("users.csv", format!("id\n{}\n", ids.join("\n")));
        world
    }

    /// Seeds the users that `rows` (id, account, action) are about, soft-deleted where they are to be
    /// deleted for good, and writes `users.csv`.
    pub(crate) fn file_of<'a>(&self, rows: impl IntoIterator<Item = (String, &'a str, &'a str)>) {
        let mut text = "id,account,action\n".to_owned();
        let mut users: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (id, account, action) in rows {
            writeln!(text, "{id},{account},{action}").unwrap();
            let user = if action == "permanently-delete" {
                json!({"id": id, "state": "soft-deleted"})
            } else {
                json!({"id": id})
            };
            let provider = match account {
                "acme" => "zendesk",
                "chat" => "sunco",
                _ => "zoho",
            };
            users.entry(provider).or_default().push(user);
        }
        self.seed(json!(users));
        self.write("users.csv", text);
    }

    /// Has the configuration say this in the place of `acme`'s wide limit of all requests.
    pub(crate) fn limit_acme(&self, lines: &str) {
        let wide = "requests = \"100000/1s\"";
        self.configure(&self.config().replacen(wide, lines, 1));
    }

    /// Has all accounts ask there, and not at the sandbox.
    pub(crate) fn ask_at(&self, base: &str) {
        self.configure(&self.config().replace(&self.base(), base));
    }

    /// Has `acme` ask there, and all others at the sandbox.
    pub(crate) fn ask_acme_at(&self, base: &str) {
        self.configure(&self.config().replacen(&self.base(), base, 1));
    }
}
