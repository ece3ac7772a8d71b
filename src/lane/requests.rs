//! Requests and their purposes: what each is for, what it costs, how it is built, and how its answer is
//! read. This is the table; `attempt` is the path that all of them take.

use std::slice::from_ref;
use std::time::Instant;

use super::backoff::Backoff;
use super::limits::Permit;
use super::lookups::BatchId;
use super::questions::QuestionId;
use super::rows::Doubt;
use super::settle::After;
use super::tokens::Granted;
use crate::domain::{JobId, Step, Time, ToVerify, UserId, UserState};
use crate::provider::{
    self, Access, Identity, JobState, LookupFor, Moment, Provider, RateHints, Reply, RowEnd,
    Verdict,
};
use crate::transport::TransportError;

/// Tells a request from all others of its lane. One that was made earlier goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

/// What a request is for.
#[derive(Debug, Clone)]
pub(super) enum Purpose {
    /// Who are we.
    Identify(QuestionId),
    /// Who has the role that no list of users tells.
    PrimaryContact(QuestionId),
    /// A token.
    Token,
    /// Which of many users stand, and of which role they are.
    Roles(BatchId, Vec<UserId>),
    /// Of which role a user is who does not stand.
    Role(BatchId, UserId),
    /// How a user stands, for a person who asks.
    User(BatchId, UserId),
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
    /// How users of rows that ended well stand.
    Standing(Vec<ToVerify>, Vec<UserId>),
    /// The same of one user, more closely.
    Closer(ToVerify),
    /// The same, as closely as can be.
    Closest(ToVerify),
}

/// A question on the side of a row's step, which waits for it.
#[derive(Debug, Clone)]
pub(super) struct Aside {
    /// The step's request.
    pub(super) of: RequestId,
    /// Its user.
    pub(super) id: UserId,
    /// What the answer decides.
    pub(super) after: Box<After>,
}

/// A step of a row.
#[derive(Debug, Clone)]
pub(super) struct StepRequest {
    pub(super) row: u64,
    pub(super) step: Step,
    pub(super) id: UserId,
    pub(super) doubt: Doubt,
}

/// The same step of many rows.
#[derive(Debug, Clone)]
pub(super) struct BulkRequest {
    pub(super) rows: Vec<u64>,
    pub(super) step: Step,
    pub(super) ids: Vec<UserId>,
}

/// A request, from the first wish to its end.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) account: usize,
    pub(super) purpose: Purpose,
    /// From 1.
    pub(super) attempt: u32,
    /// How many tokens were rejected for it.
    pub(super) tokens_rejected: u32,
    /// How often in a row the roles of its users were read again.
    pub(super) roles_read: u32,
    pub(super) backoff: Backoff,
    pub(super) stage: Stage,
}

/// How far a request is.
#[derive(Debug)]
pub(super) enum Stage {
    /// It waits for the limits.
    Waiting,
    /// It rests after an error.
    Resting,
    /// It waits for the answer to another request: a question on its side, or roles that are read again.
    Aside,
    /// Its intent is being recorded.
    Recording(Leave),
    /// It was sent.
    Sent(Sent),
    /// Its answer is being recorded.
    Answered(Sent, Result<Reply, TransportError>),
}

/// What a request leaves with.
#[derive(Debug, Clone)]
pub(super) struct Leave {
    /// `None`: it takes nothing of the limits.
    pub(super) permit: Option<Permit>,
    /// `None`: it is a token's.
    pub(super) granted: Option<Granted>,
}

/// A request that was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) leave: Leave,
    pub(super) host: String,
    pub(super) at: Instant,
    /// The same on the wall.
    pub(super) wall: Time,
}

/// What requests queue for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Read,
    Step(Step),
    Bulk(Step),
}

/// What an answer says.
#[derive(Debug)]
pub(super) enum Told {
    Identity(Box<(Identity, RateHints)>),
    PrimaryContact(Option<String>),
    /// How users stand, in the order in which they were asked about.
    Users(Vec<UserState>),
    Jobs(Vec<(JobId, JobState)>),
    /// The step ended.
    End(RowEnd),
    /// The answer alone cannot say: this is the end, if the user stands as they did.
    Look(RowEnd),
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
    /// What it queues for. Only what changes something has a step, an intent, and an entry for each
    /// attempt; all else is a read, which is recorded when it was answered.
    pub(super) const fn class(&self) -> Class {
        match self {
            Self::Step(it) => Class::Step(it.step),
            Self::Bulk(it) => Class::Bulk(it.step),
            _ => Class::Read,
        }
    }

    /// What the ledger calls it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Identify(_) => "identity",
            Self::PrimaryContact(_) => "principal",
            Self::Token => "token",
            Self::Roles(..) => "roles",
            Self::Role(..) => "role",
            Self::User(..) | Self::Look(_) => "user",
            Self::Erasure(_) | Self::Closer(_) => "erasure",
            Self::Jobs(_) => "jobs",
            Self::Standing(..) => "standing",
            Self::Closest(_) => "deleted",
            Self::Step(_) | Self::Bulk(_) => "deletion",
        }
    }

    /// The lookup that it is, and of whom; `None`: it is none.
    pub(super) fn lookup(&self) -> Option<(LookupFor, &[UserId])> {
        Some(match self {
            Self::Roles(_, ids) => (LookupFor::Roles, ids),
            Self::Role(_, id) => (LookupFor::SoftDeletedRoles, from_ref(id)),
            Self::User(_, id) => (LookupFor::UnclearAnswer, from_ref(id)),
            Self::Look(it) => (LookupFor::UnclearAnswer, from_ref(&it.id)),
            Self::Erasure(it) => (LookupFor::CloserVerification, from_ref(&it.id)),
            Self::Standing(_, ids) => (LookupFor::Verification, ids),
            Self::Closer(row) => (LookupFor::CloserVerification, from_ref(&row.id)),
            Self::Closest(row) => (LookupFor::ClosestVerification, from_ref(&row.id)),
            _ => return None,
        })
    }

    /// The request itself; `None`: the provider has none of the kind.
    pub(super) fn build(
        &self,
        provider: &dyn Provider,
        granted: Option<&Granted>,
    ) -> Option<provider::Request> {
        let Some(granted) = granted else {
            return Some(provider.mint());
        };
        let access: &Access = &granted.access;
        if let Some((purpose, ids)) = self.lookup() {
            return Some(provider.lookup(access, purpose, ids));
        }
        Some(match self {
            Self::Identify(_) => provider.identify(access),
            Self::PrimaryContact(_) => provider.primary_contact()?.request(access),
            Self::Step(it) => provider.step(access, it.step, &it.id),
            Self::Bulk(it) => provider.bulk()?.begin(access, &it.ids),
            Self::Jobs(jobs) => provider.bulk()?.ask(access, jobs),
            _ => provider.mint(),
        })
    }

    /// What the answer says. `primary_contact`: see [`Provider::looked_up`].
    pub(super) fn parse(
        &self,
        provider: &dyn Provider,
        access: &Access,
        primary_contact: Option<&str>,
        reply: &Reply,
    ) -> Result<(Told, provider::Detail), Verdict> {
        if let Some((purpose, ids)) = self.lookup() {
            let states = provider.looked_up(purpose, ids, primary_contact, reply)?;
            return Ok((Told::Users(states), provider::Detail::default()));
        }
        // A provider has what it was asked for.
        let bulk = || provider.bulk().ok_or_else(unrecognised);
        let told = match self {
            Self::Identify(_) => {
                let identity = provider.identified(access, reply)?;
                let hints = provider.rate_hints(None, &reply.headers);
                Told::Identity(Box::new((identity, hints)))
            }
            Self::PrimaryContact(_) => {
                let contact = provider.primary_contact().ok_or_else(unrecognised)?;
                Told::PrimaryContact(contact.found(reply)?)
            }
            Self::Jobs(_) => Told::Jobs(bulk()?.asked(reply)?),
            Self::Step(it) => {
                return match provider.judge(it.step, &it.id, reply) {
                    Verdict::Row(end, detail) => Ok((Told::End(end), detail)),
                    Verdict::Look(standing, detail) => Ok((Told::Look(standing), detail)),
                    other => Err(other),
                };
            }
            Self::Bulk(_) => match bulk()?.begun(reply) {
                Ok(job) => Told::Job(job),
                Err(Verdict::Row(_, detail) | Verdict::Look(_, detail)) => {
                    return Ok((Told::NotTaken, detail));
                }
                Err(other) => return Err(other),
            },
            _ => return Err(unrecognised()),
        };
        Ok((told, provider::Detail::default()))
    }
}

fn unrecognised() -> Verdict {
    Verdict::Moment(Moment::Unrecognised, provider::Detail::default())
}

impl Request {
    pub(super) fn new(account: usize, purpose: Purpose, seed: u64) -> Self {
        Self {
            account,
            purpose,
            attempt: 1,
            tokens_rejected: 0,
            roles_read: 0,
            backoff: Backoff::new(seed),
            stage: Stage::Waiting,
        }
    }
}

/// What people know a host by.
pub(super) fn host_of(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
