//! What is asked of a provider without changing anything: who we are, how users and jobs stand. Under
//! the same limits as all that changes something, and recorded like it.

use futures::{StreamExt as _, stream};

use super::{Client, passing_or_stop};
use crate::domain::{Entry, JobId, Requested, Stand, StopKind, UserId};
use crate::pipeline::error::ClientError;
use crate::pipeline::reread::Stands;
use crate::pipeline::retry::Backoff;
use crate::pipeline::sink::Durability;
use crate::pipeline::tokens::own;
use crate::provider::{
    Access, Bulk, Identity, JobState, Listed, Moment, RateHints, Reply, Request, Roles, Seen,
    Verdict,
};
use crate::transport::Failure;

impl Client {
    /// Asks who we are.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn identify(&self) -> Result<Identity, ClientError> {
        let introduced = self.introduce().await;
        introduced.map(|(identity, _)| identity)
    }

    /// Asks who we are; with what the answer's headers said of limits.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn introduce(&self) -> Result<(Identity, RateHints), ClientError> {
        let build = |access: &Access| self.provider.identify(access);
        self.read("identity", build, |access, reply| {
            let identity = self.provider.identified(access, reply)?;
            Ok((identity, self.provider.rate_hints(None, &reply.headers)))
        })
        .await
    }

    /// Asks who has the role that no list of users tells ([`Provider::primary_contact`](crate::provider::Provider::primary_contact)), so that lists show
    /// them from then on; not, if it is one of the `included` roles, which protect nobody. Returns
    /// what to say where the provider does not tell it to this caller, or in no attempt: whoever that
    /// leaves unknown the provider keeps itself.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn acquaint(&self, included: &[String]) -> Result<Option<&'static str>, ClientError> {
        let Some(principal) = self.provider.primary_contact() else {
            return Ok(None);
        };
        let is_it = |role: &String| role.eq_ignore_ascii_case(principal.role());
        if included.iter().any(is_it) {
            return Ok(None);
        }
        let build = |access: &Access| principal.request(access);
        let told = self.read("principal", build, |_, reply| principal.found(reply));
        match told.await {
            Ok(Some(told)) => {
                // The first answer stands.
                let _ = self.principal.set(told);
                Ok(None)
            }
            Ok(None)
            | Err(
                ClientError::Account {
                    reason: StopKind::NotPermitted,
                    ..
                }
                | ClientError::Passing { .. },
            ) => Ok(Some(principal.unknown_note())),
            Err(other) => Err(other),
        }
    }

    /// Asks how one user stands.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn look(&self, id: &UserId) -> Result<Seen, ClientError> {
        let build = |access: &Access| self.provider.look(access, id);
        self.read("user", build, |_, reply| self.provider.looked(id, reply))
            .await
    }

    /// Asks how each of `ids` stands after the fact.
    pub(in crate::pipeline) async fn stands(
        &self,
        ids: &[UserId],
    ) -> Result<Vec<Stand>, ClientError> {
        let standings = self.provider.standings();
        let build = |access: &Access| standings.request(access, ids);
        self.read("standing", build, |_, reply| standings.stands(ids, reply))
            .await
    }

    /// Asks more closely how one user stands after the fact.
    pub(in crate::pipeline) async fn stands_closer(
        &self,
        id: &UserId,
    ) -> Result<Stand, ClientError> {
        let standings = self.provider.standings();
        let build = |access: &Access| standings.closer(access, id);
        self.read("erasure", build, |_, reply| {
            standings.stands_closer(id, reply)
        })
        .await
    }

    /// Asks what is left to ask of how one user stands after the fact; `None`: nothing is.
    pub(in crate::pipeline) async fn stands_closest(
        &self,
        id: &UserId,
    ) -> Result<Option<Stand>, ClientError> {
        let standings = self.provider.standings();
        if !standings.has_closest() {
            return Ok(None);
        }
        let build = |access: &Access| standings.closest(access, id);
        let read = self.read("deleted", build, |_, reply| {
            standings.stands_closest(id, reply)
        });
        read.await.map(Some)
    }

    /// Asks which of `ids` stand, and of which role they are.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub(in crate::pipeline) async fn listed(
        &self,
        roles: &dyn Roles,
        ids: &[UserId],
    ) -> Result<Vec<Listed>, ClientError> {
        let build = |access: &Access| roles.request(access, ids);
        let principal = self.principal.get().map(String::as_str);
        self.read("roles", build, |_, reply| {
            roles.listed(ids, principal, reply)
        })
        .await
    }

    /// Asks the roles of `ids`, each alone, and so many at once as requests may be under way. Returns
    /// those who are soft-deleted.
    pub(in crate::pipeline) async fn roles_alone(
        &self,
        roles: &dyn Roles,
        ids: Vec<UserId>,
    ) -> Result<Vec<Listed>, ClientError> {
        let at_once = ids.len().max(1);
        let asked = stream::iter(ids).map(|id| async move {
            let build = |access: &Access| roles.request_alone(access, &id);
            let read = self.read("role", build, |_, reply| roles.alone(&id, reply));
            read.await
        });
        // All of them end before one that failed ends the others.
        let told: Vec<_> = asked.buffer_unordered(at_once).collect().await;
        told.into_iter().filter_map(Result::transpose).collect()
    }

    /// Asks how `jobs` stand; the answer comes with its HTTP status.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub(in crate::pipeline) async fn job_states(
        &self,
        bulk: &dyn Bulk,
        jobs: &[JobId],
    ) -> Result<(u16, Vec<(JobId, JobState)>), ClientError> {
        let build = |access: &Access| bulk.ask(access, jobs);
        self.read("jobs", build, |_, reply| {
            bulk.asked(reply).map(|states| (reply.status, states))
        })
        .await
    }

    /// Whether `id` still stands, asked together with other rows that ask.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub(in crate::pipeline) async fn still_stands(
        &self,
        roles: &dyn Roles,
        id: &UserId,
    ) -> Result<Stands, ClientError> {
        self.rereads.stands(self, roles, id).await
    }

    /// A request that changes nothing: tried like any other, counted like any other.
    async fn read<T>(
        &self,
        what: &str,
        build: impl Fn(&Access) -> Request,
        parse: impl Fn(&Access, &Reply) -> Result<T, Verdict>,
    ) -> Result<T, ClientError> {
        let mut backoff = Backoff::new(self.seed);
        let mut tokens_rejected = 0;
        let mut attempt = 0;
        loop {
            let (mut admission, granted) = self.admit(None).await?;
            let sent_at = self.wall.now();
            let reply = self.exchange(build(&granted.access), &mut admission).await;
            let status = reply.as_ref().ok().map(|reply| reply.status);
            let requested = Requested {
                account: self.account.clone(),
                what: what.to_owned(),
                sent_at,
                at: self.wall.now(),
                status,
            };
            // A read has no intent. Its permit is held until it is on the disk, so that a process
            // which is killed leaves no more of them untold than it has permits.
            self.record(Entry::Request(requested), Durability::Synced)
                .await?;
            let (class, detail, wait) = match reply {
                Err(error) => {
                    drop(admission);
                    let class = error.failure.name();
                    let detail = own(class, passing_or_stop(&error)?);
                    // Who cannot be reached is the account's trouble, and no attempt.
                    if error.failure == Failure::Connect && self.reach.is_at_work() {
                        self.unreached(detail).await?;
                        continue;
                    }
                    (class, detail, None)
                }
                Ok(reply) => {
                    let parsed = parse(&granted.access, &reply);
                    self.heed(None, &mut admission, &reply, parsed.as_ref().err());
                    drop(admission);
                    if !matches!(parsed, Err(Verdict::TokenRejected(_))) {
                        self.tokens.accepted(&granted).await;
                    }
                    match parsed {
                        Ok(value) => return Ok(value),
                        Err(Verdict::Account(reason, detail)) => {
                            return Err(ClientError::Account {
                                reason,
                                status,
                                detail,
                            });
                        }
                        Err(Verdict::TokenRejected(detail)) => {
                            tokens_rejected += 1;
                            self.renew(&granted, tokens_rejected, status, detail)
                                .await?;
                            continue;
                        }
                        Err(Verdict::Moment(moment, detail)) => {
                            (moment.name(), detail, Some(moment))
                        }
                        // A read has no row to end; a provider that says so is not understood.
                        Err(Verdict::Row(_, detail) | Verdict::Look(_, detail)) => {
                            ("unrecognised", detail, Some(Moment::Unrecognised))
                        }
                    }
                }
            };
            attempt += 1;
            let is_last = attempt >= self.attempts.get() || self.reach.is_over_at_first();
            // What a server asks for holds also where this was the last try.
            if is_last && wait.is_some_and(|moment| moment.asks_for().is_some()) {
                self.wait(None, wait, (status, &detail), &mut backoff)
                    .await?;
            }
            if is_last {
                return Err(ClientError::Passing {
                    attempts: attempt,
                    class,
                    status,
                    detail,
                });
            }
            self.wait(None, wait, (status, &detail), &mut backoff)
                .await?;
        }
    }
}
