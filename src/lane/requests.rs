//! Requests and their purposes: what each is for, what it costs, how it is built, and how its answer is
//! read. This is the table; `attempt` is the path that all of them take.

use std::slice::from_ref;

use super::Now;
use super::limits::Permit;
use super::rows::Heard;
use super::tokens::Granted;
use super::waits::Backoff;
use thiserror::Error;

use crate::domain::{FindBy, JobId, Requested, Said, Step, StopKind, Task, UserId, UserState};
use crate::provider::{
    self, Found, Identity, JobState, LookupFor, Provider, RateHints, Reply, RowEnd, Transient,
    UserLookup, Verdict,
};
use crate::transport::TransportError;

/// Tells a request, a lookup or a question from others of its lane. An earlier one goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

/// The purpose of a request. Each lookup of many users, and each question of a person's, has an id.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The identity of the caller.
    Identify(RequestId),
    /// The rights that this role of the caller's lacks.
    Rights(RequestId, String),
    /// The user with the role that no list of users tells.
    PrimaryContact(RequestId),
    /// A token.
    Token,
    /// A part of a lookup of many users.
    Lookup(RequestId, LookupFor, Vec<UserId>),
    /// How the user of a row stands, after a request about them.
    Look(Aside),
    /// Whether the user of a row is permanently deleted, as the provider's own record has it.
    Erasure(Aside),
    /// A step of a row.
    Step(StepRequest),
    /// The same step of many rows.
    Bulk(BulkRequest),
    /// How jobs stand.
    Jobs(Vec<JobId>),
    /// How users of rows that ended well stand; more closely, of one.
    Verify(LookupFor, Vec<Task>, Vec<UserId>),
    /// The users with these e-mail addresses or external ids, a page of the answer. They are persons: no entry
    /// names them.
    Find(RequestId, FindBy, Vec<String>, u32),
}

/// A question on the side of a row's step, which waits for it.
#[derive(Debug)]
pub(super) struct Aside {
    /// The step's request.
    pub(super) request: Box<LaneRequest>,
    /// The end if the user stands as they did, where an answer alone could not say. `None`: the
    /// attempts are used up, and one of them may have had its effect.
    pub(super) standing: Option<RowEnd>,
    /// The last news of the step.
    pub(super) heard: Heard,
}

/// A step of a row.
#[derive(Debug)]
pub(super) struct StepRequest {
    pub(super) row: u64,
    pub(super) step: Step,
    pub(super) id: UserId,
    /// One of its requests may have had its effect: there was somebody whom it could remove.
    pub(super) in_doubt: bool,
    /// One of those was never answered at all.
    pub(super) unanswered: bool,
}

/// The same step of many rows.
#[derive(Debug)]
pub(super) struct BulkRequest {
    pub(super) rows: Vec<u64>,
    pub(super) step: Step,
    pub(super) ids: Vec<UserId>,
}

/// A request, from the first wish to its end. Whatever it waits in owns it.
#[derive(Debug)]
pub(super) struct LaneRequest {
    pub(super) id: RequestId,
    pub(super) account: usize,
    pub(super) purpose: Purpose,
    /// From 1.
    pub(super) attempt: u32,
    /// How many tokens were rejected for it.
    pub(super) tokens_rejected: u32,
    /// How often in a row the roles of its users were read again.
    pub(super) roles_read: usize,
    pub(super) backoff: Backoff,
}

/// How far a request is that has what it leaves with.
#[derive(Debug)]
pub(super) enum Stage {
    /// Its intent is being recorded.
    Recording(Flight),
    /// It was sent.
    Sent(Flight),
    /// Its answer is being recorded.
    Answered(Flight, Result<Reply, TransportError>),
}

/// The data that a request leaves with, and its time.
#[derive(Debug)]
pub(super) struct Flight {
    /// `None`: it takes nothing of the limits.
    pub(super) permit: Option<Permit>,
    /// `None`: it is a token's.
    pub(super) granted: Option<Granted>,
    pub(super) host: String,
    pub(super) at: Now,
}

/// The kinds of request that queue for quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Read,
    Step(Step),
    Bulk(Step),
}

/// The meaning of an answer, by the question.
#[derive(Debug)]
pub enum Meaning {
    /// The identity of the caller, and the limits in the answer's headers.
    Identity(Box<(Identity, RateHints)>),
    /// The rights that the caller lacks.
    Lacks(Vec<String>),
    /// The user of the role that no list tells; `None`: nobody was asked about, or is named.
    PrimaryContact(Option<String>),
    /// The provider does not tell that user to this caller, or in no attempt: what to tell a person. It
    /// is one whom the provider itself keeps.
    NoPrimaryContact(&'static str),
    /// How users stand, in the order in which they were asked about.
    Users(Vec<UserState>),
    /// How jobs stand.
    Jobs(Vec<(JobId, JobState)>),
    /// The users with each of the keys that were asked about.
    Found(Found),
    /// The step ended.
    End(RowEnd),
    /// The answer alone cannot say: this is the end, if the user stands as they did.
    Look(RowEnd),
    /// A job was begun.
    Job(JobId),
    /// No request for many is taken.
    NotTaken,
}

impl Class {
    /// The endpoint whose limits count beside the account's.
    pub(super) const fn step(self) -> Option<Step> {
        match self {
            Self::Read => None,
            Self::Step(step) | Self::Bulk(step) => Some(step),
        }
    }
}

impl Purpose {
    /// The class that it queues for. Only a request that changes something has a step, an intent, and
    /// an entry for each attempt. Every other one is a read, which is recorded when it was answered.
    pub(super) const fn class(&self) -> Class {
        match self {
            Self::Step(it) => Class::Step(it.step),
            Self::Bulk(it) => Class::Bulk(it.step),
            _ => Class::Read,
        }
    }

    /// Whether it changes nothing.
    pub(super) fn is_read(&self) -> bool {
        self.class() == Class::Read
    }

    /// The rows that it deletes, and their step; `None`: it changes nothing.
    pub(super) fn deletes(&self) -> Option<(&[u64], Step)> {
        match self {
            Self::Step(it) => Some((from_ref(&it.row), it.step)),
            Self::Bulk(it) => Some((&it.rows, it.step)),
            _ => None,
        }
    }

    /// Its name in the ledger.
    pub(super) fn name(&self) -> &'static str {
        if let Some((purpose, _)) = self.lookup() {
            return purpose.name();
        }
        match self {
            Self::Identify(_) => Requested::IDENTITY,
            Self::Rights(..) => "rights",
            Self::PrimaryContact(_) => "principal",
            Self::Token => "token",
            Self::Jobs(_) => "jobs",
            Self::Find(..) => "search",
            _ => "deletion",
        }
    }

    /// The lookup that it is, and of whom; `None`: it is none.
    pub(super) fn lookup(&self) -> Option<(LookupFor, &[UserId])> {
        match self {
            Self::Lookup(_, purpose, ids) | Self::Verify(purpose, _, ids) => Some((*purpose, ids)),
            Self::Look(it) => Some((LookupFor::UnclearAnswer, it.ids()?)),
            Self::Erasure(it) => Some((LookupFor::CloserVerification, it.ids()?)),
            _ => None,
        }
    }

    /// The request itself; `None`: the provider has none of the kind.
    pub(super) fn build(
        &self,
        provider: &dyn Provider,
        granted: &Granted,
    ) -> Option<provider::Request> {
        let access = &granted.access;
        if let Some((purpose, ids)) = self.lookup() {
            return Some(provider.lookup(access, purpose, ids));
        }
        Some(match self {
            Self::Identify(_) => provider.identify(access),
            Self::Rights(_, role) => provider.rights(access, role)?,
            Self::PrimaryContact(_) => provider.primary_contact(access)?,
            Self::Step(it) => provider.step(access, it.step, &it.id),
            Self::Bulk(it) => provider.bulk()?.begin(access, &it.ids),
            Self::Jobs(jobs) => provider.bulk()?.ask(access, jobs),
            Self::Find(_, by, keys, page) => provider.find(access, *by, keys, *page),
            _ => return None,
        })
    }

    /// The meaning of the answer. `primary_contact`: see [`Provider::states_of`].
    pub(super) fn parse(
        &self,
        provider: &dyn Provider,
        access: &provider::Access,
        primary_contact: Option<&str>,
        reply: &Reply,
    ) -> Result<(Meaning, Said), Verdict> {
        if let Some((purpose, ids)) = self.lookup() {
            let asked = UserLookup {
                purpose,
                ids,
                primary_contact,
            };
            let states = provider.states_of(&asked, reply)?;
            return Ok((Meaning::Users(states), Said::default()));
        }
        // A provider has what it was asked for.
        let bulk = || provider.bulk().ok_or_else(unrecognised);
        let meaning = match self {
            Self::Identify(_) => {
                let identity = provider.identified(access, reply)?;
                let hints = provider.rate_hints(None, &reply.headers);
                Meaning::Identity(Box::new((identity, hints)))
            }
            Self::Rights(..) => Meaning::Lacks(provider.lacks(reply)?),
            Self::PrimaryContact(_) => {
                Meaning::PrimaryContact(provider.found_primary_contact(reply)?)
            }
            Self::Jobs(_) => Meaning::Jobs(bulk()?.asked(reply)?),
            // The answer's own words may name whom it was asked for.
            Self::Find(_, by, keys, _) => {
                let found = provider.found(*by, keys, reply);
                Meaning::Found(found.map_err(Verdict::without_words)?)
            }
            Self::Step(it) => {
                return match provider.judge(it.step, &it.id, reply) {
                    Verdict::Row(end, detail) => Ok((Meaning::End(end), detail)),
                    Verdict::Look(standing, detail) => Ok((Meaning::Look(standing), detail)),
                    other => Err(other),
                };
            }
            Self::Bulk(_) => match bulk()?.begun(reply) {
                Ok(job) => Meaning::Job(job),
                Err(Verdict::Row(_, detail) | Verdict::Look(_, detail)) => {
                    return Ok((Meaning::NotTaken, detail));
                }
                Err(other) => return Err(other),
            },
            _ => return Err(unrecognised()),
        };
        Ok((meaning, Said::default()))
    }
}

fn unrecognised() -> Verdict {
    Verdict::Transient(Transient::Unrecognised, Said::default())
}

impl Aside {
    /// The user of the step.
    fn ids(&self) -> Option<&[UserId]> {
        self.request.step().map(|step| from_ref(&step.id))
    }
}

impl LaneRequest {
    /// The step of a row that it is; `None`: it is another.
    pub(super) const fn step(&self) -> Option<&StepRequest> {
        match &self.purpose {
            Purpose::Step(step) => Some(step),
            _ => None,
        }
    }
}

/// Why a read brought nothing, or a lane cannot go on.
#[derive(Debug, Clone, Error)]
pub enum RequestError {
    /// The run is stopping.
    #[error("the run is stopping")]
    Stopping,
    /// The account is condemned.
    #[error("{}", describe(*.reason, said))]
    Account {
        /// Why.
        reason: StopKind,
        /// The statement of the provider, or our own reason.
        said: Said,
    },
    /// Every attempt at a read met a passing error.
    #[error("{attempts} attempts failed, the last with {}", brief(.class, said))]
    Passing {
        /// How many attempts were made.
        attempts: u32,
        /// The stable word for the last error.
        class: &'static str,
        /// The last statement of the provider, or of the network.
        said: Said,
    },
}

fn describe(reason: StopKind, said: &Said) -> String {
    let parts = [
        Some(reason.describe()),
        said.code.as_deref(),
        said.message.as_deref(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn brief(class: &str, said: &Said) -> String {
    let status = said.status.map(|status| format!(" ({status})"));
    let message = said.message.as_ref().map(|message| format!(": {message}"));
    [
        class.to_owned(),
        status.unwrap_or_default(),
        message.unwrap_or_default(),
    ]
    .concat()
}
