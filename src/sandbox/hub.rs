//! The sandbox itself, without sockets and without a clock: all tenants and the log. A request and the
//! time go in, and what becomes of the answer comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::control;
use super::error::SandboxError;
use super::faults::{Fault, PlannedFault};
use super::log::{Log, LogEntry};
use super::message::{Reply, Request};
use super::options::{Population, SandboxOptions};
use super::population;
use super::route::Route;
use super::seed::{Seed, UserState};
use super::settings::Settings;
use super::tenant::Tenant;
use crate::domain::Time;

/// The three providers at all tenants, and the log of what arrived. Serve it with
/// [`Sandbox::start`], or [handle](Sandbox::handle) requests without a socket at any time you say.
#[derive(Debug)]
pub struct Sandbox {
    options: SandboxOptions,
    tenants: BTreeMap<String, Tenant>,
    log: Log,
    random: fastrand::Rng,
    /// How many of Zoho's requests are under way, by tenant.
    in_flight: BTreeMap<String, u32>,
}

/// How long a request travels: its quota is counted somewhere between sending and answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journey {
    /// Until it is carried out.
    pub(super) there: Duration,
    /// Until its answer leaves.
    pub(super) back: Duration,
}

/// How a reply is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// As it is.
    Whole(Reply),
    /// After a minute.
    Late(Reply),
    /// Half of its body, and then the connection is closed.
    Cut(Reply),
    /// Not at all: the connection is closed.
    Closed,
}

impl Sandbox {
    /// The tenant of paths without a prefix.
    pub(super) const DEFAULT: &str = "default";
    /// How many tenants are kept.
    const TENANTS_MAX: usize = 1_000;
    /// How long a tenant's name may be, in bytes.
    const NAME_MAX: usize = 64;

    /// A sandbox with the tenant `default`, populated as the options say.
    ///
    /// # Errors
    ///
    /// If the settings make no sense.
    pub fn new(options: SandboxOptions, now: Time) -> Result<Self, SandboxError> {
        let mut sandbox = Self {
            options,
            tenants: BTreeMap::new(),
            log: Log::default(),
            random: fastrand::Rng::with_seed(7),
            in_flight: BTreeMap::new(),
        };
        sandbox.options.settings = sandbox.options.settings.checked()?;
        sandbox.tenant(Self::DEFAULT, now)?;
        Ok(sandbox)
    }

    /// Carries `request` out at `now`, a provider's or one of `/_sandbox/`, with its effects and its
    /// line in the log.
    pub fn handle(&mut self, request: &http::Request<Bytes>, now: Time) -> Delivery {
        let (tenant, request) = Request::of(request);
        if request.path.starts_with(control::PREFIX) {
            return Delivery::Whole(control::handle(self, tenant.as_deref(), &request, now));
        }
        self.carry_out(tenant.as_deref().unwrap_or(Self::DEFAULT), &request, now)
            .unwrap_or_else(|error| Delivery::Whole(error.reply()))
    }

    /// The tenant `name`, made if it is new.
    fn tenant(&mut self, name: &str, now: Time) -> Result<&mut Tenant, SandboxError> {
        let name = if name.is_empty() { Self::DEFAULT } else { name };
        if !self.tenants.contains_key(name) {
            let fit = name.len() <= Self::NAME_MAX
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            if !fit || self.tenants.len() >= Self::TENANTS_MAX {
                return Err(SandboxError::Tenant {
                    tenant: name.chars().take(Self::NAME_MAX).collect(),
                    limit: Self::TENANTS_MAX,
                });
            }
            let (credentials, settings) = (&self.options.credentials, &self.options.settings);
            let mut tenant = Tenant::new(name, credentials, settings, now);
            if name == Self::DEFAULT && self.options.population == Population::Demo {
                tenant.seed(&population::demo(), now)?;
            }
            self.tenants.insert(name.to_owned(), tenant);
        }
        self.tenants.get_mut(name).ok_or(SandboxError::Tenant {
            tenant: name.to_owned(),
            limit: Self::TENANTS_MAX,
        })
    }

    /// Takes note of a request's arrival and says how long it will travel. Every arrival is
    /// followed by one [`Sandbox::leave`].
    pub(super) fn arrive(
        &mut self,
        tenant: &str,
        request: &mut Request,
        now: Time,
    ) -> Result<Journey, SandboxError> {
        let latency = self.tenant(tenant, now)?.settings().latency;
        if counts(request) {
            let in_flight = self.in_flight.entry(tenant.to_owned()).or_default();
            *in_flight += 1;
            request.in_flight = *in_flight;
        }
        let whole = latency.draw(&mut self.random);
        let there = whole.mul_f64(self.random.f64());
        Ok(Journey {
            there,
            back: whole.saturating_sub(there),
        })
    }

    /// Takes note that a request has its answer.
    pub(super) fn leave(&mut self, tenant: &str, request: &Request) {
        if counts(request)
            && let Some(in_flight) = self.in_flight.get_mut(tenant)
        {
            *in_flight = in_flight.saturating_sub(1);
        }
    }

    /// Carries `request` out, or has a fault befall it, and remembers it.
    pub(super) fn carry_out(
        &mut self,
        tenant: &str,
        request: &Request,
        now: Time,
    ) -> Result<Delivery, SandboxError> {
        let route = Route::of(request);
        let state = self.tenant(tenant, now)?;
        let fault = state.fault(request, &route);
        let (delivery, effect) = inject_fault(state, request, &route, fault, now);
        let status = match &delivery {
            Delivery::Whole(reply) | Delivery::Late(reply) | Delivery::Cut(reply) => {
                Some(reply.status)
            }
            Delivery::Closed => None,
        };
        self.log.push(LogEntry {
            seq: 0,
            at: now,
            tenant: tenant.to_owned(),
            provider: route.provider,
            method: request.method.clone(),
            path: request.path.clone(),
            step: route.call(),
            users: route.users().to_vec(),
            user: route.user,
            status,
            effect,
            fault,
        });
        Ok(delivery)
    }

    /// The requests of one tenant or (`None`) of all.
    pub fn log(&self, tenant: Option<&str>) -> Vec<LogEntry> {
        self.log.entries(tenant).cloned().collect()
    }

    /// How many requests of all tenants are remembered.
    pub(super) fn log_len(&self) -> usize {
        self.log.len()
    }

    /// How many requests were carried out since the start, remembered or not.
    pub fn requests(&self) -> u64 {
        self.log.last()
    }

    /// The users of one tenant or (`None`) of all, as they stand.
    pub fn users(&mut self, tenant: Option<&str>, now: Time) -> Vec<UserState> {
        self.tenants
            .iter_mut()
            .filter(|(name, _)| tenant.is_none_or(|tenant| tenant == *name))
            .flat_map(|(_, tenant)| tenant.states(now))
            .collect()
    }

    /// What the tenant `name` goes by.
    ///
    /// # Errors
    ///
    /// If there are too many tenants or the name does not fit; so below.
    pub fn settings(&mut self, name: &str, now: Time) -> Result<Settings, SandboxError> {
        self.tenant(name, now)
            .map(|tenant| tenant.settings().clone())
    }

    /// Lays `change`, an object with some of the fields of [`Settings`], over the settings of the
    /// tenant `name`.
    ///
    /// # Errors
    ///
    /// If the change cannot be read or makes no sense; then nothing is changed.
    pub fn change(&mut self, name: &str, change: Value, now: Time) -> Result<(), SandboxError> {
        self.tenant(name, now)?.change(change, now)
    }

    /// Puts users into the tenant that `seed` names.
    ///
    /// # Errors
    ///
    /// If one of them cannot be; those before it are in.
    pub fn seed(&mut self, seed: &Seed, now: Time) -> Result<(), SandboxError> {
        self.tenant(&seed.tenant, now)?.seed(seed, now)
    }

    /// Has `fault` befall the next deleting requests for its user at the tenant `name`.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::settings`].
    pub fn plan(&mut self, name: &str, fault: PlannedFault, now: Time) -> Result<(), SandboxError> {
        self.tenant(name, now)?.plan(fault);
        Ok(())
    }

    /// Brings one tenant or (`None`) all back to the start: users, quotas, settings and log.
    ///
    /// # Errors
    ///
    /// Never in practice: what could be started can be started again.
    pub fn reset(&mut self, name: Option<&str>, now: Time) -> Result<(), SandboxError> {
        self.tenants
            .retain(|tenant, _| name.is_some_and(|name| name != tenant));
        self.log.clear(name);
        self.tenant(Self::DEFAULT, now).map(|_| ())
    }
}

/// Whether a request counts towards Zoho's concurrency. Those for tokens go to another server.
fn counts(request: &Request) -> bool {
    request.path.starts_with("/crm/")
}

/// Has `fault` befall a request, and says whether it changed anything all the same.
fn inject_fault(
    state: &mut Tenant,
    request: &Request,
    route: &Route,
    fault: Option<Fault>,
    now: Time,
) -> (Delivery, bool) {
    match fault {
        Some(Fault::Reset) => return (Delivery::Closed, false),
        Some(Fault::Html) => return (Delivery::Whole(Reply::html(200)), false),
        Some(fault) => {
            if let Some(reply) = state.refusal(fault, request, route, now) {
                return (Delivery::Whole(reply), false);
            }
        }
        None => {}
    }
    let mut reply = state.handle(request, route, now);
    let effect = reply.effect;
    let delivery = match fault {
        Some(Fault::ResetAfter) => Delivery::Closed,
        Some(Fault::Cut) => Delivery::Cut(reply),
        Some(Fault::Slow) => Delivery::Late(reply),
        Some(Fault::WrongId) => {
            name_another(&mut reply, route);
            Delivery::Whole(reply)
        }
        _ => Delivery::Whole(reply),
    };
    (delivery, effect)
}

/// Has `reply` name another user in place of the one it is about: the last character differs.
fn name_another(reply: &mut Reply, route: &Route) {
    let Some(user) = route.user.as_deref().filter(|user| !user.is_empty()) else {
        return;
    };
    let mut other = user.to_owned();
    let last = other.pop();
    other.push(if last == Some('7') { '8' } else { '7' });
    let body = String::from_utf8_lossy(&reply.body);
    reply.body = body.replace(user, &other).into_bytes();
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Delivery, Sandbox};
    use crate::domain::{ProviderKind, Time};
    use crate::sandbox::message::Request;
    use crate::sandbox::route::Route;
    use crate::sandbox::{Fault, PlannedFault, SandboxOptions, Seed, ZendeskSeed};

    const START: Time = Time::from_millis(1_795_340_600_000);

    fn sandbox() -> Sandbox {
        let mut sandbox = Sandbox::new(SandboxOptions::default(), START).unwrap();
        let user = ZendeskSeed {
            id: "1001".to_owned(),
            ..ZendeskSeed::default()
        };
        let seed = Seed {
            tenant: "acme".to_owned(),
            zendesk: vec![user],
            ..Seed::default()
        };
        sandbox.seed(&seed, START).unwrap();
        sandbox
    }

    fn delete() -> http::Request<Bytes> {
        http::Request::delete("http://127.0.0.1/t/acme/api/v2/users/1001")
            .header("authorization", "Bearer sandbox-oauth")
            .body(Bytes::new())
            .unwrap()
    }

    #[test]
    fn without_a_socket_a_request_has_its_effect_and_its_line_in_the_log() {
        let mut sandbox = sandbox();
        let fault = PlannedFault {
            user: "1001".to_owned(),
            fault: Fault::ResetAfter,
            times: 1,
        };
        sandbox.plan("acme", fault, START).unwrap();
        assert_eq!(sandbox.handle(&delete(), START), Delivery::Closed);
        let later = START.after(std::time::Duration::from_secs(5));
        let Delivery::Whole(reply) = sandbox.handle(&delete(), later) else {
            panic!("the fault came once");
        };
        assert_eq!((reply.status, reply.effect), (422, false));
        let log = sandbox.log(Some("acme"));
        let lines: Vec<_> = log
            .iter()
            .map(|entry| (entry.at, entry.effect, entry.status))
            .collect();
        assert_eq!(lines, [(START, true, None), (later, false, Some(422))]);
        assert!(log.iter().all(|entry| entry.concerns("1001")));
    }

    #[test]
    fn every_refusal_has_its_status_and_changes_nothing() {
        let mut sandbox = sandbox();
        for (provider, path) in [
            (ProviderKind::Zendesk, "/api/v2/users/7"),
            (ProviderKind::Sunco, "/v2/apps/a/users/7"),
            (ProviderKind::Zoho, "/crm/v8/users/7"),
        ] {
            let request = Request::new("DELETE", path);
            let route = Route::of(&request);
            assert_eq!(route.provider, Some(provider));
            for fault in Fault::ALL {
                let status = match fault {
                    Fault::Error500 => Some(500),
                    Fault::Error503 => Some(503),
                    Fault::Throttle | Fault::LongWait => Some(429),
                    Fault::Unauthorized => Some(401),
                    Fault::Forbidden => Some(403),
                    Fault::Payment => Some(402),
                    Fault::WrongPath => Some(404),
                    _ => None,
                };
                let tenant = sandbox.tenant("", START).unwrap();
                let reply = tenant.refusal(fault, &request, &route, START);
                assert_eq!(
                    reply.as_ref().map(|reply| reply.status),
                    status,
                    "{fault:?}"
                );
                assert!(reply.is_none_or(|reply| !reply.effect));
            }
        }
    }
}
