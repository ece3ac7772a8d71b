//! All tenants and the log: where a request goes, and what is remembered of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::condemned;
use super::error::SandboxError;
use super::faults::{Fault, PlannedFault};
use super::log::{Log, LogEntry};
use super::message::{Reply, Request};
use super::options::{Population, SandboxOptions};
use super::population;
use super::seed::{Seed, UserState};
use super::settings::Settings;
use super::tenant::{Subject, Tenant};
use crate::domain::Time;

/// All tenants and the log.
#[derive(Debug)]
pub(super) struct Hub {
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
pub(super) enum Delivery {
    /// As it is.
    Whole(Reply),
    /// After a minute.
    Late(Reply),
    /// Half of its body, and then the connection is closed.
    Cut(Reply),
    /// Not at all: the connection is closed.
    Closed,
}

impl Hub {
    /// The tenant of paths without a prefix.
    pub(super) const DEFAULT: &str = "default";
    /// How many tenants are kept.
    const TENANTS_MAX: usize = 1_000;
    /// How long a tenant's name may be, in bytes.
    const NAME_MAX: usize = 64;

    /// A hub with the tenant `default`, populated as the options say.
    pub(super) fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        let mut hub = Self {
            options,
            tenants: BTreeMap::new(),
            log: Log::default(),
            random: fastrand::Rng::with_seed(7),
            in_flight: BTreeMap::new(),
        };
        hub.options.settings = hub.options.settings.checked()?;
        hub.tenant(Self::DEFAULT)?;
        Ok(hub)
    }

    /// The tenant `name`, made if it is new.
    fn tenant(&mut self, name: &str) -> Result<&mut Tenant, SandboxError> {
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
            let now = self.options.clock.now();
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
    /// followed by one [`Hub::leave`].
    pub(super) fn arrive(
        &mut self,
        tenant: &str,
        request: &mut Request,
    ) -> Result<Journey, SandboxError> {
        let latency = self.tenant(tenant)?.settings().latency;
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
    ) -> Result<Delivery, SandboxError> {
        let now = self.options.clock.now();
        let subject = Subject::of(request);
        let state = self.tenant(tenant)?;
        let fault = state.fault(request, &subject);
        let delivery = befallen(state, request, &subject, fault, now);
        let (status, effect) = match &delivery {
            (Delivery::Whole(reply) | Delivery::Late(reply) | Delivery::Cut(reply), effect) => {
                (Some(reply.status), *effect)
            }
            (Delivery::Closed, effect) => (None, *effect),
        };
        self.log.push(LogEntry {
            seq: 0,
            at: now,
            tenant: tenant.to_owned(),
            provider: subject.provider,
            method: request.method.clone(),
            path: request.path.clone(),
            user: subject.user,
            users: subject.users,
            step: subject.call,
            status,
            effect,
            fault,
        });
        Ok(delivery.0)
    }

    /// The requests of one tenant or (`None`) of all.
    pub(super) fn log(&self, tenant: Option<&str>) -> Vec<LogEntry> {
        self.log.entries(tenant).cloned().collect()
    }

    /// How many requests of all tenants are remembered.
    pub(super) fn log_len(&self) -> usize {
        self.log.len()
    }

    /// How many requests were carried out since the start, remembered or not.
    pub(super) fn requests(&self) -> u64 {
        self.log.last()
    }

    /// The users of one tenant or (`None`) of all, as they stand.
    pub(super) fn users(&mut self, tenant: Option<&str>) -> Vec<UserState> {
        let now = self.options.clock.now();
        self.tenants
            .iter_mut()
            .filter(|(name, _)| tenant.is_none_or(|tenant| tenant == *name))
            .flat_map(|(_, tenant)| tenant.states(now))
            .collect()
    }

    /// What the tenant `name` goes by.
    pub(super) fn settings(&mut self, name: &str) -> Result<Settings, SandboxError> {
        self.tenant(name).map(|tenant| tenant.settings().clone())
    }

    /// Lays `change` over the settings of the tenant `name`.
    pub(super) fn change(&mut self, name: &str, change: Value) -> Result<(), SandboxError> {
        let now = self.options.clock.now();
        self.tenant(name)?.change(change, now)
    }

    /// Puts users into the tenant that `seed` names.
    pub(super) fn seed(&mut self, seed: &Seed) -> Result<(), SandboxError> {
        let now = self.options.clock.now();
        self.tenant(&seed.tenant)?.seed(seed, now)
    }

    /// Has `fault` befall the next deleting requests for its user.
    pub(super) fn plan(&mut self, name: &str, fault: PlannedFault) -> Result<(), SandboxError> {
        self.tenant(name)?.plan(fault);
        Ok(())
    }

    /// Brings one tenant or (`None`) all back to the start, log, settings and quotas included.
    pub(super) fn reset(&mut self, name: Option<&str>) -> Result<(), SandboxError> {
        self.tenants
            .retain(|tenant, _| name.is_some_and(|name| name != tenant));
        self.log.clear(name);
        self.tenant(Self::DEFAULT).map(|_| ())
    }
}

/// Whether a request counts towards Zoho's concurrency. Those for tokens go to another server.
fn counts(request: &Request) -> bool {
    request.path.starts_with("/crm/")
}

/// Has `fault` befall a request, and says whether it changed anything all the same.
fn befallen(
    state: &mut Tenant,
    request: &Request,
    subject: &Subject,
    fault: Option<Fault>,
    now: Time,
) -> (Delivery, bool) {
    let (Some(fault), Some(provider)) = (fault, subject.provider) else {
        let reply = state.handle(request, subject.provider, now);
        let effect = reply.effect;
        return (Delivery::Whole(reply), effect);
    };
    let mut carried_out = || {
        let reply = state.handle(request, Some(provider), now);
        let effect = reply.effect;
        (reply, effect)
    };
    match fault {
        Fault::ResetAfter => (Delivery::Closed, carried_out().1),
        Fault::Cut => {
            let (reply, effect) = carried_out();
            (Delivery::Cut(reply), effect)
        }
        Fault::Slow => {
            let (reply, effect) = carried_out();
            (Delivery::Late(reply), effect)
        }
        Fault::WrongId => {
            let (mut reply, effect) = carried_out();
            name_another(&mut reply, subject);
            (Delivery::Whole(reply), effect)
        }
        Fault::Reset => (Delivery::Closed, false),
        Fault::Html => (Delivery::Whole(Reply::html(200)), false),
        Fault::Throttle => (Delivery::Whole(state.throttled(provider, now)), false),
        Fault::Error500 => (Delivery::Whole(state.broken(provider, 500, now)), false),
        Fault::Error503 => (Delivery::Whole(state.broken(provider, 503, now)), false),
        Fault::Unauthorized
        | Fault::Forbidden
        | Fault::Payment
        | Fault::WrongPath
        | Fault::LongWait => {
            let reply = condemned::answer(provider, fault, request);
            (reply.map_or(Delivery::Closed, Delivery::Whole), false)
        }
    }
}

/// Has `reply` name another user in place of the one it is about: the last character differs.
fn name_another(reply: &mut Reply, subject: &Subject) {
    let Some(user) = subject.user.as_deref().filter(|user| !user.is_empty()) else {
        return;
    };
    let mut other = user.to_owned();
    let last = other.pop();
    other.push(if last == Some('7') { '8' } else { '7' });
    let body = String::from_utf8_lossy(&reply.body);
    reply.body = body.replace(user, &other).into_bytes();
}
