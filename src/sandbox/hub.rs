//! The sandbox itself, without sockets and without a clock: all tenants and the log. A request and the
//! time go in, and what becomes of the answer comes out.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::control;
use super::faults::{Fault, FaultPlan, LONG_WAIT_SECS, PlannedFault};
use super::file::Desk;
use super::reply::{self, Reply, has_effect};
use super::request::LogEntry;
use super::request::SandboxRequest;
use super::settings::Settings;
use super::settings::{SandboxError, SandboxOptions};
use super::stock::demo_users;
use super::sunco::Conversations;
use super::user::{Seed, User, UserRecord, UserSeed};
use super::zendesk::Support;
use super::zoho::Crm;
use crate::domain::{ProviderKind, Time};
use crate::provider::ProviderFile;

/// The three providers at all tenants, and the log of what arrived. Serve it with
/// [`Sandbox::start`], or [handle](Sandbox::handle) requests without a socket at any time you say.
#[derive(Debug)]
pub struct Sandbox {
    options: SandboxOptions,
    tenants: BTreeMap<String, SandboxTenant>,
    /// The newest requests, oldest first.
    log: VecDeque<LogEntry>,
    /// How many requests were carried out.
    carried_out: u64,
    random: fastrand::Rng,
}

/// One tenant, with users, quotas and settings of its own.
#[derive(Debug)]
struct SandboxTenant {
    settings: Settings,
    /// Of the providers from files, those that were asked for.
    machines: BTreeMap<ProviderKind, Box<dyn Machine>>,
    /// See [`SandboxOptions::files`].
    files: Vec<Arc<ProviderFile>>,
    faults: FaultPlan,
    /// How many users were put in since it was made.
    seeded: usize,
    /// How many of Zoho's requests are under way.
    in_flight: u32,
    /// The users about whom Zendesk's deletions are under way; each as often as those are.
    at_work: Vec<String>,
}

/// A provider's behaviour at one tenant, without IO and clock.
pub(super) trait Machine: fmt::Debug + Send {
    /// Puts a user in.
    fn seed(&mut self, seed: &UserSeed, now: Time) -> Result<(), SandboxError>;

    /// All users as they stand.
    fn users(&mut self, context: &Context) -> Vec<User>;

    /// Says in `request` what it asks for and of whom, where the table of paths does not.
    fn tell(&self, _request: &mut SandboxRequest) {}

    /// Carries `request` out.
    fn handle(&mut self, request: &SandboxRequest, context: &Context) -> Reply;

    /// The provider's own words where `fault` has it refuse `request`; `None`: it is none of its own.
    fn refusal(
        &mut self,
        fault: Fault,
        request: &SandboxRequest,
        _context: &Context,
    ) -> Option<Reply> {
        reply::refusal(request.provider?, fault.name())
    }
}

/// The facts that a state machine goes by while it carries a request out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) tenant: &'a str,
    pub(super) settings: &'a Settings,
    pub(super) now: Time,
}

/// How a reply is to be sent.
#[derive(Debug, Clone)]
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
    const DEFAULT: &str = "default";
    /// How many tenants are kept.
    const TENANTS_MAX: usize = 1_000;
    /// How long a tenant's name may be, in bytes.
    const NAME_MAX: usize = 64;
    /// How many requests are remembered; after that the oldest are forgotten.
    const LOG_MAX: usize = 1_000_000;
    /// How many users may be put into a tenant, between two resets.
    const SEEDED_MAX: usize = 1_000_000;

    /// A sandbox with the tenant `default`, populated as the options say.
    pub fn new(options: SandboxOptions, now: Time) -> Result<Self, SandboxError> {
        let mut sandbox = Self {
            options,
            tenants: BTreeMap::new(),
            log: VecDeque::new(),
            carried_out: 0,
            random: fastrand::Rng::with_seed(7),
        };
        sandbox.options.settings = sandbox.options.settings.checked()?;
        sandbox.tenant(Self::DEFAULT, now)?;
        Ok(sandbox)
    }

    /// Carries `request` out at `now`, a provider's or one of `/_sandbox/`, and logs it.
    pub fn handle(&mut self, request: &http::Request<Bytes>, now: Time) -> Delivery {
        let request = SandboxRequest::of(request.clone());
        if request.path.starts_with(control::PREFIX) {
            return Delivery::Whole(control::handle(self, &request, now));
        }
        self.carry_out(&request, now)
    }

    /// The tenant `name`, made if it is new.
    fn tenant(&mut self, name: &str, now: Time) -> Result<&mut SandboxTenant, SandboxError> {
        let name = if name.is_empty() { Self::DEFAULT } else { name };
        if !self.tenants.contains_key(name) {
            let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            let fits = name.len() <= Self::NAME_MAX && name.bytes().all(is_fit);
            if !fits || self.tenants.len() >= Self::TENANTS_MAX {
                let name: String = name.chars().take(Self::NAME_MAX).collect();
                return Err(SandboxError(format!(
                    "the tenant `{name}` is one too many or has no fit name; {} tenants are kept, \
                     named with at most 64 of A-Z a-z 0-9 . _ -",
                    Self::TENANTS_MAX
                )));
            }
            let own: [(_, Box<dyn Machine>); 3] = [
                (ProviderKind::Zendesk, Box::new(Support::new(name, now))),
                (ProviderKind::Sunco, Box::new(Conversations::default())),
                (ProviderKind::Zoho, Box::new(Crm::new(name))),
            ];
            let mut tenant = SandboxTenant {
                settings: self.options.settings.clone(),
                machines: own.into(),
                files: self.options.files.clone(),
                faults: FaultPlan::default(),
                seeded: 0,
                in_flight: 0,
                at_work: Vec::new(),
            };
            if name == Self::DEFAULT && self.options.has_demo_users {
                tenant.seed(&demo_users()?, now)?;
            }
            self.tenants.insert(name.to_owned(), tenant);
        }
        let lost = || SandboxError(format!("there is no tenant `{name}`"));
        self.tenants.get_mut(name).ok_or_else(lost)
    }

    /// Takes note of a request's arrival and says how long it travels until it is carried out, and
    /// how long its answer does. Every arrival is followed by one [`Sandbox::leave`].
    pub(super) fn arrive(
        &mut self,
        request: &mut SandboxRequest,
        now: Time,
    ) -> (Duration, Duration) {
        let name = request.tenant.clone().unwrap_or_default();
        let Ok(tenant) = self.tenant(&name, now) else {
            return Default::default();
        };
        if is_counted(request) {
            tenant.in_flight += 1;
            request.in_flight = tenant.in_flight;
        }
        let users = deletes(request);
        request.meets_another = users.iter().any(|user| tenant.at_work.contains(user));
        tenant.at_work.extend(users);
        let latency = tenant.settings.latency;
        let whole = latency.draw(&mut self.random);
        // Its quota is counted somewhere between sending and answer.
        let there = whole.mul_f64(self.random.f64());
        (there, whole.saturating_sub(there))
    }

    /// Takes note that a request has its answer.
    pub(super) fn leave(&mut self, request: &SandboxRequest, now: Time) {
        let name = request.tenant.as_deref().unwrap_or_default();
        let Ok(tenant) = self.tenant(name, now) else {
            return;
        };
        if is_counted(request) {
            tenant.in_flight = tenant.in_flight.saturating_sub(1);
        }
        for user in deletes(request) {
            let at = tenant.at_work.iter().position(|it| *it == user);
            at.map(|at| tenant.at_work.swap_remove(at));
        }
    }

    /// Carries `request` out, or has a fault befall it, and remembers it.
    pub(super) fn carry_out(&mut self, request: &SandboxRequest, now: Time) -> Delivery {
        let name = request.tenant.as_deref().unwrap_or_default();
        let name = if name.is_empty() { Self::DEFAULT } else { name };
        let mut request = request.clone();
        let carried_out = self.tenant(name, now).map(|tenant| {
            if let Some(machine) = tenant.machine(request.provider) {
                machine.tell(&mut request);
            }
            tenant.carry_out(&request, name, now)
        });
        let (delivery, effect, fault) = match carried_out {
            Ok(carried_out) => carried_out,
            Err(error) => {
                return Delivery::Whole(reply::text(404, "text/plain", error.to_string()));
            }
        };
        let status = match &delivery {
            Delivery::Whole(reply) | Delivery::Late(reply) | Delivery::Cut(reply) => {
                Some(reply.status().as_u16())
            }
            Delivery::Closed => None,
        };
        self.carried_out += 1;
        if self.log.len() >= Self::LOG_MAX {
            self.log.pop_front();
        }
        self.log.push_back(LogEntry {
            seq: self.carried_out,
            at: now,
            tenant: name.to_owned(),
            provider: request.provider,
            method: request.method().to_owned(),
            path: request.path.clone(),
            step: request.call,
            users: request.users().to_vec(),
            user: request.user.clone(),
            status,
            effect,
            fault,
        });
        delivery
    }

    /// The requests of one tenant or (`None`) of all.
    pub fn log(&self, tenant: Option<&str>) -> Vec<LogEntry> {
        let is_its = |entry: &&LogEntry| tenant.is_none_or(|tenant| entry.tenant == tenant);
        self.log.iter().filter(is_its).cloned().collect()
    }

    /// The request that was carried out last; `None`: none was.
    pub fn last(&self) -> Option<&LogEntry> {
        self.log.back()
    }

    /// The users of one tenant or (`None`) of all, as they stand.
    pub fn users(&mut self, tenant: Option<&str>, now: Time) -> Vec<UserRecord> {
        self.tenants
            .iter_mut()
            .filter(|(name, _)| tenant.is_none_or(|tenant| tenant == *name))
            .flat_map(|(name, tenant)| tenant.states(name, now))
            .collect()
    }

    /// The settings that the tenant `name` goes by.
    pub fn settings(&mut self, name: &str, now: Time) -> Result<Settings, SandboxError> {
        Ok(self.tenant(name, now)?.settings.clone())
    }

    /// Lays `change`, an object with some of the fields of [`Settings`], over the settings of the
    /// tenant `name`. If it makes no sense, nothing is changed.
    pub fn change(&mut self, name: &str, change: Value, now: Time) -> Result<(), SandboxError> {
        let tenant = self.tenant(name, now)?;
        tenant.settings = tenant.settings.changed(change)?;
        Ok(())
    }

    /// Puts users into the tenant that `seed` names, up to the first one that cannot be.
    pub fn seed(&mut self, seed: &Seed, now: Time) -> Result<(), SandboxError> {
        self.tenant(&seed.tenant, now)?.seed(seed, now)
    }

    /// Has `fault` befall the next deleting requests for its user at the tenant `name`.
    pub fn plan(&mut self, name: &str, fault: PlannedFault, now: Time) -> Result<(), SandboxError> {
        self.tenant(name, now)?.faults.plan(fault);
        Ok(())
    }

    /// Brings one tenant or (`None`) all back to the start. The log's numbers go on.
    pub fn reset(&mut self, name: Option<&str>, now: Time) -> Result<(), SandboxError> {
        self.tenants
            .retain(|tenant, _| name.is_some_and(|name| name != tenant));
        self.log
            .retain(|entry| name.is_some_and(|name| name != entry.tenant));
        self.tenant(Self::DEFAULT, now).map(|_| ())
    }
}

impl SandboxTenant {
    /// Puts users in.
    fn seed(&mut self, seed: &Seed, now: Time) -> Result<(), SandboxError> {
        self.seeded += seed.users.values().map(Vec::len).sum::<usize>();
        if self.seeded > Sandbox::SEEDED_MAX {
            return Err(SandboxError(format!(
                "the tenant takes no more than {} users; reset it to begin anew",
                Sandbox::SEEDED_MAX
            )));
        }
        for (kind, users) in &seed.users {
            let Some(machine) = self.machine(Some(*kind)) else {
                let text = format!("no provider file is called `{kind}` here");
                return Err(SandboxError(text));
            };
            users.iter().try_for_each(|user| machine.seed(user, now))?;
        }
        Ok(())
    }

    /// The behaviour of `kind`; `None`: it is none that is served.
    fn machine(&mut self, kind: Option<ProviderKind>) -> Option<&mut Box<dyn Machine>> {
        let kind = kind?;
        if !self.machines.contains_key(&kind) {
            let given = self.files.iter().find(|file| file.name == kind.name());
            let file = given
                .cloned()
                .or_else(|| ProviderFile::shipped(kind.name()))?;
            self.machines.insert(kind, Box::new(Desk::new(file)));
        }
        self.machines.get_mut(&kind)
    }

    /// All users as they stand at `now`.
    fn states(&mut self, name: &str, now: Time) -> Vec<UserRecord> {
        let context = Context {
            tenant: name,
            settings: &self.settings,
            now,
        };
        let machines = self.machines.iter_mut();
        let users = machines.map(|(kind, it)| (*kind, it.users(&context)));
        users
            .flat_map(|(kind, users)| users.into_iter().map(move |it| it.state(name, kind)))
            .collect()
    }

    /// Carries `request` out, or has a fault befall it; says whether it had an effect, and the fault.
    fn carry_out(
        &mut self,
        request: &SandboxRequest,
        name: &str,
        now: Time,
    ) -> (Delivery, bool, Option<Fault>) {
        let fault = self.fault(request);
        let context = Context {
            tenant: name,
            settings: &self.settings,
            now,
        };
        let whole = Delivery::Whole;
        let provider = request.provider.as_ref();
        let mut machine = provider.and_then(|kind| self.machines.get_mut(kind));
        let refusal = match (fault, &mut machine) {
            (Some(Fault::Reset), _) => return (Delivery::Closed, false, fault),
            (Some(Fault::Html), _) => Some(reply::html()),
            (Some(fault), Some(machine)) => machine.refusal(fault, request, &context),
            _ => None,
        };
        let refusal = refusal.map(|reply| match fault {
            Some(Fault::LongWait) => reply::with(reply, "retry-after", LONG_WAIT_SECS),
            _ => reply,
        });
        if let Some(reply) = refusal {
            return (whole(reply), false, fault);
        }
        let mut reply = match machine {
            Some(machine) => machine.handle(request, &context),
            None => reply::text(
                404,
                "text/plain; charset=utf-8",
                "no provider has this path\n",
            ),
        };
        let effect = has_effect(&reply);
        let delivery = match fault {
            Some(Fault::ResetAfter) => Delivery::Closed,
            Some(Fault::Cut) => Delivery::Cut(reply),
            Some(Fault::Slow) => Delivery::Late(reply),
            Some(Fault::WrongId) => {
                name_another(&mut reply, request);
                whole(reply)
            }
            _ => whole(reply),
        };
        (delivery, effect, fault)
    }

    /// The fault that hits `request`; `None`: nothing.
    fn fault(&mut self, request: &SandboxRequest) -> Option<Fault> {
        let faults = &self.settings.faults;
        if !(request.call.deletes() || (faults.reads && request.provider.is_some())) {
            return None;
        }
        let mut users = request.users().to_vec();
        users.extend(request.user.clone());
        let (method, path) = (request.method(), &request.path);
        let key = format!("{method} {path} {}", users.join(","));
        self.faults.next(faults, &key, &users)
    }
}

/// Whether a request counts towards Zoho's concurrency. Those for tokens go to another server.
fn is_counted(request: &SandboxRequest) -> bool {
    request.path.starts_with("/crm/")
}

/// The users whom a request deletes at Zendesk, which wants those about one user one after another.
fn deletes(request: &SandboxRequest) -> Vec<String> {
    let is_its = request.call.deletes() && request.provider == Some(ProviderKind::Zendesk);
    let users = request.users().iter().chain(&request.user).cloned();
    users.filter(|_| is_its).collect()
}

/// Has `reply` name another user in place of the one it is about: the last character differs.
fn name_another(reply: &mut Reply, request: &SandboxRequest) {
    let Some(user) = request.user.as_deref().filter(|user| !user.is_empty()) else {
        return;
    };
    let mut other = user.to_owned();
    let last = other.pop();
    other.push(if last == Some('7') { '8' } else { '7' });
    let body = String::from_utf8_lossy(reply.body());
    *reply.body_mut() = body.replace(user, &other).into();
}
