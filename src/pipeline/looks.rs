//! How users stand before anything is done to them, asked in the largest reads there are.

use std::collections::HashMap;

use super::client::Client;
use super::error::ClientError;
use crate::domain::UserId;
use crate::provider::{Roles, Seen};

impl Client {
    /// About how many users one read can ask.
    pub fn looks_max(&self) -> usize {
        self.provider.roles().map_or(1, Roles::users_max)
    }

    /// Asks how each of `ids` stands, at most [`looks_max`](Client::looks_max) of them: with one
    /// read who stands and of which role, and the others one by one, since no read of many tells
    /// who is deleted from who never was.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn looks(&self, ids: &[UserId]) -> Result<Vec<Seen>, ClientError> {
        let mut seen: HashMap<UserId, Seen> = HashMap::new();
        if let Some(roles) = self.provider.roles() {
            let mut once = ids.to_vec();
            once.sort_unstable();
            once.dedup();
            for user in self.listed(roles, &once).await? {
                let role = user.protected;
                seen.insert(user.id, Seen::Standing { role });
            }
        }
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            if !seen.contains_key(id) {
                let looked = self.look(id).await?;
                seen.insert(id.clone(), looked);
            }
            all.extend(seen.get(id).cloned());
        }
        Ok(all)
    }
}
