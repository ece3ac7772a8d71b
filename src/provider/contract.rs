//! The trait every provider implements, and the values it speaks in.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::{Found, Reply, Request, Said, Verdict, verdict};
use crate::domain::{
    AccountLimits, FindBy, JobId, Many, ProviderKind, Quota, Step, UserId, UserState, named,
};

/// A provider, as one account uses it. Pure: see the [module](super) for what it must do.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Which provider this is.
    fn kind(&self) -> ProviderKind;

    /// How requests are authorized.
    fn authorize(&self) -> Authorize;

    /// The identity request: the read that tells the caller and the tenant.
    fn identify(&self, access: &Access) -> Request;

    /// Reads the answer to [`Provider::identify`]; never `Ok` for an anonymous caller.
    fn identified(&self, access: &Access, reply: &Reply) -> Result<Identity, Verdict>;

    /// The read that tells the rights of the role [`Identity::custom_role`]; `None`: there is none.
    fn rights(&self, _access: &Access, _role: &str) -> Option<Request> {
        None
    }

    /// Reads the answer to [`Provider::rights`]: what is lacking, as in [`Identity::lacks`].
    fn lacks(&self, _reply: &Reply) -> Result<Vec<String>, Verdict> {
        Ok(Vec::new())
    }

    /// The deleting request of `step` for `id`. It panics for a step that none of this provider's actions
    /// has, and for an id that would change the request's address. Sending none is better than a wrong one.
    fn step(&self, access: &Access, step: Step, id: &UserId) -> Request;

    /// The meaning of the answer to [`Provider::step`].
    fn judge(&self, step: Step, id: &UserId, reply: &Reply) -> Verdict;

    /// Which lookup tells, before `step`, who is of a protected role; `None`: none does, or needs to.
    fn lookup_before(&self, _step: Step) -> Option<LookupFor> {
        None
    }

    /// Whether a user whom the provider does not know is answered like one whom `step` removed. Then the
    /// step is sent only for users whom the [lookup before it](Provider::lookup_before) showed.
    fn looks_first(&self, _step: Step) -> bool {
        false
    }

    /// How many users one lookup takes; 0: the provider has none for `purpose`.
    fn lookup_max(&self, purpose: LookupFor) -> usize;

    /// The read that tells how `ids` stand: one to [`lookup_max`](Provider::lookup_max) different users.
    fn lookup(&self, access: &Access, purpose: LookupFor, ids: &[UserId]) -> Request;

    /// Reads the answer to [`Provider::lookup`]: how each user stands, in the order of the ids. An
    /// `Err` is never about a row. It is also for an answer that names others, or is only a part: a
    /// user missing there would be taken for deleted.
    fn states_of(&self, asked: &UserLookup<'_>, reply: &Reply) -> Result<Vec<UserState>, Verdict>;

    /// How many keys one [`Provider::find`] takes where `key` is among them; 0: nobody can have such a key.
    fn find_max(&self, _by: FindBy, _key: &str) -> usize {
        0
    }

    /// The read that finds the users of `keys`, a page of it, from 1. It panics for a key whose
    /// [`find_max`](Provider::find_max) is 0.
    fn find(&self, _access: &Access, by: FindBy, _keys: &[String], _page: u32) -> Request {
        unreachable!("{} finds nobody by {by}", self.kind())
    }

    /// Reads the answer to [`Provider::find`]: only users count who say of themselves that they have the key.
    fn found(&self, by: FindBy, _keys: &[String], _reply: &Reply) -> Result<Found, Verdict> {
        unreachable!("{} finds nobody by {by}", self.kind())
    }

    /// The read of the tenant's own record, which alone names its [`PRIMARY_CONTACT`]; `None`: it has none. It is
    /// read once, before the first user. A caller who may not read it goes on, so the provider itself must refuse
    /// to delete that user.
    fn primary_contact(&self, _access: &Access) -> Option<Request> {
        None
    }

    /// Reads the answer to [`Provider::primary_contact`]: what [`Provider::states_of`] knows that user by. `None`:
    /// it names nobody. An `Err` with `StopKind::NotPermitted` is of this read alone.
    fn found_primary_contact(&self, _reply: &Reply) -> Result<Option<String>, Verdict> {
        Ok(None)
    }

    /// The meaning for a person if nobody is known to be the primary contact; `None`: the tenant has none.
    fn no_primary_contact(&self) -> Option<&'static str> {
        None
    }

    /// Whether a user whom `step` removed is answered as unknown from then on, like one who never
    /// was. Then "no such user" after a request of ours that was never answered is our doing.
    fn unknown_when_gone(&self, step: Step) -> bool;

    /// The request that deletes many users; `None`: this provider has no such request.
    fn bulk(&self) -> Option<&dyn Bulk> {
        None
    }

    /// The limits in the headers of any answer. `step`: of which request; `None`: a read.
    fn rate_hints(&self, _step: Option<Step>, _headers: &HeaderMap) -> RateHints {
        RateHints::default()
    }

    /// The request for a token, after one that came with `refresh` if any did. It panics for credentials
    /// that need none: this and what follows is called only under [`Authorize::Token`].
    fn mint(&self, _refresh: Option<&SecretString>) -> Request {
        unreachable!("these credentials need no token")
    }

    /// Reads the answer to [`Provider::mint`]; after [`Verdict::Account`], asking again changes nothing.
    fn minted(&self, _reply: &Reply) -> Result<Token, Verdict> {
        let (code, what) = ("no_tokens", "these credentials need no token");
        Err(verdict::rejected(code, what))
    }

    /// The access that `token` gives; `None`: it names a place that no token may be sent to. One
    /// that was kept between processes is held to that like a fresh one.
    fn access(&self, _token: &Token) -> Option<Access> {
        None
    }
}

named! {
    /// Why users are looked up. It decides which read is sent, and how many users one read takes. The
    /// name is the word for such a request in ledgers.
    pub enum LookupFor {
        /// Before a step that deletes active users: who is [`Active`](UserState::Active), and of which
        /// role. All others need no protection.
        Roles = "roles",
        /// Before a step that deletes soft-deleted users, about each of them who is not active: who is
        /// [`SoftDeleted`](UserState::SoftDeleted), and of which role. All others need no protection.
        SoftDeletedRoles = "role",
        /// After [`Verdict::Look`], or after requests without an answer: how one user stands.
        /// [`RowEnd::after_lookup`](super::RowEnd::after_lookup) settles the step by it.
        UnclearAnswer = "user",
        /// After the fact: how users stand who were deleted.
        Verification = "standing",
        /// More proof about one user of whom [`Verification`](LookupFor::Verification) did not tell enough
        /// ([`UserState::finding`] is `None`).
        CloserVerification = "erasure",
        /// The last proof, where even [`CloserVerification`](LookupFor::CloserVerification) did not tell
        /// enough.
        ClosestVerification = "deleted",
    }
}

/// A lookup that was answered.
#[derive(Debug, Clone, Copy)]
pub struct UserLookup<'a> {
    /// The purpose.
    pub purpose: LookupFor,
    /// Of whom.
    pub ids: &'a [UserId],
    /// The result of [`Provider::found_primary_contact`].
    pub primary_contact: Option<&'a str>,
}

/// The name for `--include-role` of the one user whose role no field of their own tells, such as Zoho's.
pub const PRIMARY_CONTACT: &str = "primary-contact";

/// Deleting many users with one request: the provider answers with a job, which is asked about until it
/// ends. Only users whom [`LookupFor::Roles`] showed as active go into a job, so one who is not listed
/// after it is gone by it.
pub trait Bulk: Send + Sync {
    /// The step that is done so, and for how many users in how many jobs.
    fn many(&self) -> Many;

    /// The request that deletes `ids`.
    fn begin(&self, access: &Access, ids: &[UserId]) -> Request;

    /// Reads the answer to [`Bulk::begin`]. A verdict on a row means that nothing was done.
    fn begun(&self, reply: &Reply) -> Result<JobId, Verdict>;

    /// The hint on jobs in the headers of an answer; `None`: nothing.
    fn jobs_hint(&self, headers: &HeaderMap) -> Option<JobsHint>;

    /// The read that tells how `jobs` stand.
    fn ask(&self, access: &Access, jobs: &[JobId]) -> Request;

    /// Reads the answer to [`Bulk::ask`]. A job that it does not name is not known (any more). An `Err`
    /// is about the account, the moment or the token.
    fn asked(&self, reply: &Reply) -> Result<Vec<(JobId, JobState)>, Verdict>;
}

/// A server's statement of its limit on jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobsHint {
    /// How many may be under way at once.
    pub total: usize,
    /// How many more may begin now.
    pub remaining: usize,
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It waits, or is worked through.
    UnderWay,
    /// It ended; what it says of its users. Whoever it does not speak of clearly is not here.
    Ended(Vec<(UserId, ItemEnd)>),
}

/// A job's statement about one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemEnd {
    /// Deleted.
    Deleted,
    /// The provider would not, and says why; the user is looked at, as after [`Verdict::Look`].
    Refused(Said),
}

/// How an account's requests are authorized.
#[derive(Debug, Clone)]
pub enum Authorize {
    /// With a header that stays the same.
    Fixed(Access),
    /// With a token that has to be fetched, and again when it ends.
    Token {
        /// How many may be fetched; `None`: the provider states no limit.
        quota: Option<Quota>,
        /// The digest that tells these credentials from others without revealing them, for keeping
        /// a token between processes. It is over the client and its secrets.
        key: String,
        /// The token to begin with, where each comes with the refresh token for the next, which can
        /// be used once. `None`: all are asked for with the same.
        first: Option<Token>,
    },
}

/// Where requests go, and with what authorization.
#[derive(Debug, Clone)]
pub struct Access {
    /// The base of every URL: scheme, host, port, and a path prefix if there is one.
    pub base: Url,
    /// The authorization header's value, marked sensitive.
    pub authorization: HeaderValue,
}

/// A token that was fetched.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token itself.
    pub secret: SecretString,
    /// Where the provider says its API is (Zoho); `None`: at the configured base.
    pub api_base: Option<Url>,
    /// How long it lives, from when it was asked for; `None`: until it is rejected.
    pub expires_in: Option<Duration>,
    /// The refresh token for the next one; `None`: the same as for this one.
    pub refresh: Option<SecretString>,
}

/// The owner of the credentials, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The name that tells this tenant from any other, e.g. `acme.zendesk.com`.
    pub tenant: String,
    /// The caller's user id; `None`: the credentials belong to no user.
    pub caller: Option<UserId>,
    /// The caller's name or the app's, to show; never written to a ledger.
    pub name: Option<String>,
    /// The caller's role in the provider's words.
    pub role: Option<String>,
    /// Leading digits that every id of this org has; `None`: any id may pass.
    pub id_prefix: Option<String>,
    /// The rights that the caller lacks for this provider's actions, each a sentence; empty: nothing seen.
    pub lacks: Vec<String>,
    /// The caller's role, if only another read tells its rights ([`Provider::rights`]).
    pub custom_role: Option<String>,
}

/// The limits in the headers of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateHints {
    /// Of the account's limit.
    pub account: Option<RateHint>,
    /// Of the limit of the endpoint that was called.
    pub endpoint: Option<RateHint>,
    /// Requests left of a day's budget of the whole account, of which nothing else is stated.
    pub day_left: Option<u64>,
}

/// A server's statement of one limit. `None`: it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateHint {
    /// Requests per span; which span is the provider's matter (Zendesk's account: a minute).
    pub limit: Option<Quota>,
    /// Requests left in the current span.
    pub remaining: Option<u64>,
    /// Until the span begins anew.
    pub resets_in: Option<Duration>,
}

/// The limits of an account with so many `requests`, so many at once, and none beside.
pub(super) fn limits(requests: Quota, concurrency: u32) -> AccountLimits {
    AccountLimits {
        requests,
        steps: Vec::new(),
        share: 1.0,
        concurrency: NonZeroU32::new(concurrency).unwrap_or(NonZeroU32::MIN),
        many: None,
        asked_alone: None,
    }
}

/// A limit that is stated in this program.
///
/// # Panics
///
/// For a limit of none, or over none or too long a time; every caller states a constant.
pub(super) fn quota(requests: u32, span: Duration) -> Quota {
    NonZeroU32::new(requests)
        .and_then(|requests| Quota::try_new(requests, span))
        .expect("a limit stated in the program is one")
}
