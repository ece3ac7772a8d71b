//! A provider by its file, served from the file itself. Its examples are the answers, and a user
//! goes from one step of an action to the next. Nothing but the file says how its provider behaves,
//! so here alone the sandbox is no second reading of anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::faults::Fault;
use super::hub::{Context, Machine, Sandbox};
use super::reply::{Reply, changed, json, ok, seconds_up, text, with};
use super::request::Call;
use super::request::SandboxRequest;
use super::settings::{AcceptedWindow, SandboxError};
use super::user::{User, UserSeed, UserStatus};
use crate::domain::Time;
use crate::provider::ProviderFile;

/// One provider from a file, at one tenant.
#[derive(Debug)]
pub(super) struct Desk {
    file: Arc<ProviderFile>,
    users: BTreeMap<String, User>,
    account: AcceptedWindow,
}

impl Desk {
    pub(super) fn new(file: Arc<ProviderFile>) -> Self {
        Self {
            file,
            users: BTreeMap::new(),
            account: AcceptedWindow::default(),
        }
    }

    /// Whether a user can be read. A deletion that was only ordered is done some time later.
    fn is_active(&self, user: &str, context: &Context) -> bool {
        self.users.get(user).is_some_and(|user| match user.state {
            UserStatus::Deleted => context.now < user.since.after(context.settings.order_delay),
            _ => true,
        })
    }

    /// A step, of those that the request may be, on a user: the one that is next for them.
    fn step(&mut self, asked: &[(&str, String)], id: &str, context: &Context) -> Reply {
        let user = self
            .users
            .get(id)
            .filter(|user| user.state != UserStatus::Deleted);
        let done = user.map_or(0, |user| user.changes as usize);
        let steps = asked
            .iter()
            .filter_map(|(name, _)| Some((name, self.file.place_of(name)?)));
        let steps: Vec<_> = steps.collect();
        let next = steps.iter().find(|(_, (place, ..))| *place == done);
        let Some(&(name, (_, is_last, is_later))) = next.or(steps.last()) else {
            return json(404, &json!({"message": "no such step"}));
        };
        let means = if is_later {
            "row.ordered"
        } else {
            "row.deleted"
        };
        let done = self.example_reply(name, means, id, 204);
        if user.is_none() {
            // Where nobody is told from success, an unknown user is answered so, too.
            let unknown = self.file.example_reply(name, "row.not_found", id);
            return unknown.map_or(done, |(status, body)| text(status, JSON, body));
        }
        if let Some(user) = self.users.get_mut(id) {
            let state = if is_last {
                UserStatus::Deleted
            } else {
                UserStatus::Inactive
            };
            user.change(state, context.now);
            if !is_later {
                // No delay is left of it.
                user.since = Time::from_millis(0);
            }
        }
        changed(done)
    }

    /// The answer to a search: as elsewhere, with those who stand and whose keys hold the one asked for.
    fn found(&self, search: &str, key: &str, context: &Context) -> Reply {
        let key = key.to_lowercase();
        let users = self.users.values().filter_map(|user| {
            let own = match search {
                "find.email" => user.seed.email.as_deref(),
                _ => user.seed.external_id.as_deref(),
            };
            let own = own.filter(|own| own.to_lowercase().contains(&key));
            Some((user.seed.id.as_str(), own?)).filter(|_| self.is_active(&user.seed.id, context))
        });
        match self.file.listed(search, &users.collect::<Vec<_>>()) {
            Some((status, body)) => text(status, JSON, body),
            None => json(500, &json!({})),
        }
    }

    fn example_reply(&self, to: &str, means: &str, id: &str, status: u16) -> Reply {
        match self.file.example_reply(to, means, id) {
            Some((status, body)) => text(status, JSON, body),
            None => json(status, &json!({})),
        }
    }
}

impl Machine for Desk {
    fn seed(&mut self, seed: &UserSeed, now: Time) -> Result<(), SandboxError> {
        let state = UserStatus::named(
            &seed.state,
            &[
                UserStatus::Active,
                UserStatus::Inactive,
                UserStatus::Deleted,
            ],
        );
        let state = state.unwrap_or(UserStatus::Active);
        let mut user = User::new(seed.clone(), "", state, now);
        // One who is inactive has the first step behind them.
        user.changes = (state == UserStatus::Inactive).into();
        self.users.insert(seed.id.clone(), user);
        Ok(())
    }

    fn users(&mut self, _: &Context) -> Vec<User> {
        self.users.values().cloned().collect()
    }

    fn tell(&self, request: &mut SandboxRequest) {
        let asked = asked(&self.file, request);
        let Some((name, user)) = asked.first() else {
            return;
        };
        request.call = match *name {
            "token" => Call::Token,
            "identify" => Call::Identity,
            "look" => Call::Read,
            name if name.starts_with("find.") => Call::Read,
            _ => Call::Delete,
        };
        request.user = Some(user.clone()).filter(|user| !user.is_empty());
    }

    fn handle(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        let reply = self.answer(request, context);
        let file = Arc::clone(&self.file);
        let Some((quota, _)) = file.stated_limit() else {
            return reply;
        };
        let (limit, now) = (context.settings.limit(quota), context.now);
        let left = self.account.remaining(limit, now);
        let resets = self.account.resets_in_secs(limit, now);
        let now = now.as_millis().unsigned_abs() / 1000;
        let told = file.limit_headers([limit.requests.into(), left.into(), resets, now]);
        told.into_iter().fold(reply, |reply, (name, value)| {
            with(reply, name, value.to_string())
        })
    }

    fn refusal(&mut self, fault: Fault, _: &SandboxRequest, _: &Context) -> Option<Reply> {
        let none = json!({});
        Some(match fault {
            Fault::Error500 => json(500, &none),
            Fault::Error503 => json(503, &none),
            Fault::Throttle | Fault::LongWait => {
                self.example_reply("", "transient.throttled", "", 429)
            }
            Fault::Unauthorized => self.example_reply("", "account.credentials_rejected", "", 401),
            Fault::Forbidden => json(403, &none),
            Fault::Payment => json(402, &none),
            Fault::WrongPath => json(404, &none),
            _ => return None,
        })
    }
}

impl Desk {
    /// The answer but for the headers of the limit.
    fn answer(&mut self, request: &SandboxRequest, context: &Context) -> Reply {
        let file = Arc::clone(&self.file);
        let asked = asked(&file, request);
        let Some((first, user)) = asked.first() else {
            let what = "this provider file has no such request";
            return json(404, &json!({"message": what}));
        };
        if *first == "token" {
            let body = String::from_utf8_lossy(request.body());
            return if body.contains(Sandbox::SECRET) {
                let token = Sandbox::SECRET;
                ok(&json!({"access_token": token, "expires_in": 3600}))
            } else {
                json(401, &json!({"error": "invalid_client"}))
            };
        }
        if let Some((quota, weight)) = self.file.stated_limit() {
            let limit = context.settings.limit(quota);
            let counts = if request.call == Call::Delete {
                weight
            } else {
                1
            };
            for _ in 0..counts {
                if let Err(wait) = self.account.take(limit, context.now) {
                    let reply = self.example_reply(first, "transient.throttled", user, 429);
                    return with(reply, file.wait_header(), seconds_up(wait).to_string());
                }
            }
        }
        if !self.file.opens(request.sent.headers(), Sandbox::SECRET) {
            return self.example_reply(first, "account.credentials_rejected", user, 401);
        }
        match *first {
            "identify" => self.example_reply(first, "identified", user, 200),
            "look" => {
                let means = if self.is_active(user, context) {
                    "standing"
                } else {
                    "unknown"
                };
                self.example_reply(first, means, user, 404)
            }
            name if name.starts_with("find.") => self.found(name, user, context),
            _ => self.step(&asked, user, context),
        }
    }
}

/// The possible meanings of `request` by `file`, and the user each is about.
fn asked<'f>(file: &'f ProviderFile, request: &SandboxRequest) -> Vec<(&'f str, String)> {
    let path = request.file_path().unwrap_or_default();
    let query = request.sent.uri().query().unwrap_or_default();
    file.asked((request.sent.method(), path, query), request.body())
}

const JSON: &str = "application/json; charset=utf-8";
