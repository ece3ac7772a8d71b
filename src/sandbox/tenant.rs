//! One tenant: the three providers' state, and what goes wrong with its requests.

use serde_json::Value;

use super::error::SandboxError;
use super::faults::{Fault, FaultPlan, PlannedFault};
use super::log::Call;
use super::message::{Reply, Request};
use super::options::Credentials;
use super::seed::{Seed, UserState};
use super::settings::Settings;
use super::sunco::{self, Conversations};
use super::zendesk::{self, Support};
use super::zoho::{self, Crm};
use crate::domain::{ProviderKind, Time};

/// One tenant, with state, quotas and settings of its own.
#[derive(Debug)]
pub(super) struct Tenant {
    name: String,
    settings: Settings,
    zendesk: Support,
    sunco: Conversations,
    zoho: Crm,
    faults: FaultPlan,
}

/// What a request is about, told from its path alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    /// Whose path it is; `None`: no provider's.
    pub(super) provider: Option<ProviderKind>,
    /// What it asks for.
    pub(super) call: Call,
    /// The one user it is about; `None`: none, or many.
    pub(super) user: Option<String>,
    /// The users it is about where it may name many.
    pub(super) users: Vec<String>,
}

impl Subject {
    /// What `request` is about.
    pub(super) fn of(request: &Request) -> Self {
        let provider = provider_of(request);
        let (call, user, users) = match provider {
            Some(ProviderKind::Zendesk) => {
                let route = zendesk::Route::of(request);
                (route.call(), route.user(), route.users())
            }
            Some(ProviderKind::Sunco) => {
                let route = sunco::Route::of(request);
                (route.call(), route.user(), Vec::new())
            }
            Some(ProviderKind::Zoho) => {
                let route = zoho::Route::of(request);
                (route.call(), route.user(), route.users())
            }
            None => (Call::Unknown, None, Vec::new()),
        };
        Self {
            provider,
            call,
            user,
            users,
        }
    }
}

/// Whose path it is: the three providers' paths do not collide.
fn provider_of(request: &Request) -> Option<ProviderKind> {
    match request.segments().as_slice() {
        ["api", "v2", ..] | ["oauth", "tokens" | "tokens.json"] => Some(ProviderKind::Zendesk),
        ["v2" | "sc", ..] => Some(ProviderKind::Sunco),
        ["oauth", "v2", ..] | ["crm", ..] => Some(ProviderKind::Zoho),
        _ => None,
    }
}

impl Tenant {
    /// A tenant with nobody but its callers.
    pub(super) fn new(
        name: &str,
        credentials: &Credentials,
        settings: &Settings,
        now: Time,
    ) -> Self {
        Self {
            name: name.to_owned(),
            settings: settings.clone(),
            zendesk: Support::new(name, credentials, settings, now),
            sunco: Conversations::new(credentials, settings),
            zoho: Crm::new(name, credentials, settings),
            faults: FaultPlan::default(),
        }
    }

    /// What it goes by.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Lays `change` over the settings.
    pub(super) fn change(&mut self, change: Value, now: Time) -> Result<(), SandboxError> {
        let settings = self.settings.changed(change)?;
        self.zendesk.configure(&settings, now);
        self.sunco.configure(&settings);
        self.zoho.configure(&settings);
        self.settings = settings;
        Ok(())
    }

    /// Puts users in.
    pub(super) fn seed(&mut self, seed: &Seed, now: Time) -> Result<(), SandboxError> {
        for user in &seed.zendesk {
            self.zendesk.seed(user, now)?;
        }
        for user in &seed.sunco {
            self.sunco.seed(user, now)?;
        }
        for user in &seed.zoho {
            self.zoho.seed(user)?;
        }
        Ok(())
    }

    /// All users as they stand at `now`.
    pub(super) fn states(&mut self, now: Time) -> Vec<UserState> {
        let mut states = self.zendesk.states(&self.name, now);
        states.extend(self.sunco.states(&self.name));
        states.extend(self.zoho.states());
        states
    }

    /// Has `fault` befall the next requests for its user.
    pub(super) fn plan(&mut self, fault: PlannedFault) {
        self.faults.plan(fault);
    }

    /// What befalls `request`; `None`: nothing.
    pub(super) fn fault(&mut self, request: &Request, subject: &Subject) -> Option<Fault> {
        let faults = &self.settings.faults;
        if !(subject.call.deletes() || (faults.reads() && subject.provider.is_some())) {
            return None;
        }
        let mut users = subject.users.clone();
        users.extend(subject.user.clone());
        let key = format!("{} {} {}", request.method, request.path, users.join(","));
        self.faults.next(faults, &key, &users)
    }

    /// Answers `request`, which is carried out at `now`.
    pub(super) fn handle(
        &mut self,
        request: &Request,
        provider: Option<ProviderKind>,
        now: Time,
    ) -> Reply {
        match provider {
            Some(ProviderKind::Zendesk) => self.zendesk.handle(request, now),
            Some(ProviderKind::Sunco) => self.sunco.handle(request, now),
            Some(ProviderKind::Zoho) => self.zoho.handle(request, now),
            None => Reply::text(
                404,
                "text/plain; charset=utf-8",
                "no provider has this path\n",
            ),
        }
    }

    /// The provider's own failure with that status.
    pub(super) fn broken(&mut self, provider: ProviderKind, status: u16, now: Time) -> Reply {
        match provider {
            ProviderKind::Zendesk => self.zendesk.broken(status, now),
            ProviderKind::Sunco => Conversations::broken(status),
            ProviderKind::Zoho => Crm::broken(status),
        }
    }

    /// The provider's own 429.
    pub(super) fn throttled(&mut self, provider: ProviderKind, now: Time) -> Reply {
        match provider {
            ProviderKind::Zendesk => self.zendesk.throttled(now),
            ProviderKind::Sunco => Conversations::throttled(),
            ProviderKind::Zoho => Crm::throttled(),
        }
    }
}
