//! One tenant: the three providers' state, and what goes wrong with its requests.

use serde_json::Value;

use super::error::SandboxError;
use super::faults::{Fault, FaultPlan, PlannedFault};
use super::message::{Reply, Request};
use super::options::Credentials;
use super::route::Route;
use super::seed::{Seed, UserState};
use super::settings::Settings;
use super::sunco::Conversations;
use super::zendesk::Support;
use super::zoho::Crm;
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
    seeded: usize,
}

impl Tenant {
    /// How many users may be put in, between two resets.
    const SEEDED_MAX: usize = 1_000_000;

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
            seeded: 0,
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
        self.seeded += seed.zendesk.len() + seed.sunco.len() + seed.zoho.len();
        if self.seeded > Self::SEEDED_MAX {
            return Err(SandboxError::Full {
                tenant: self.name.clone(),
                limit: Self::SEEDED_MAX,
            });
        }
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
    pub(super) fn fault(&mut self, request: &Request, route: &Route) -> Option<Fault> {
        let faults = &self.settings.faults;
        if !(route.call().deletes() || (faults.reads() && route.provider.is_some())) {
            return None;
        }
        let mut users = route.users().to_vec();
        users.extend(route.user.clone());
        let key = format!("{} {} {}", request.method, request.path, users.join(","));
        self.faults.next(faults, &key, &users)
    }

    /// Answers `request`, which is carried out at `now`.
    pub(super) fn handle(&mut self, request: &Request, route: &Route, now: Time) -> Reply {
        match route.provider {
            Some(ProviderKind::Zendesk) => self.zendesk.handle(request, route, now),
            Some(ProviderKind::Sunco) => self.sunco.handle(request, route, now),
            Some(ProviderKind::Zoho) => self.zoho.handle(request, route, now),
            None => Reply::text(
                404,
                "text/plain; charset=utf-8",
                "no provider has this path\n",
            ),
        }
    }

    /// The provider's own words where `fault` has it refuse `request`, which changes nothing; `None`:
    /// the fault is none of the provider's.
    pub(super) fn refusal(
        &mut self,
        fault: Fault,
        request: &Request,
        route: &Route,
        now: Time,
    ) -> Option<Reply> {
        match route.provider? {
            ProviderKind::Zendesk => self.zendesk.refusal(fault, request, now),
            ProviderKind::Sunco => Conversations::refusal(fault),
            ProviderKind::Zoho => Crm::refusal(fault),
        }
    }
}
