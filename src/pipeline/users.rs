//! Who has a row under way: no two requests about one user at once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::UserId;

/// The users with a row under way: two requests about one user at once answer each other with 409
/// at best. Rows of one user go one after another, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct UsersUnderWay {
    users: Mutex<HashSet<UserId>>,
    left: Notify,
}

/// A hold on a user, until it is dropped.
#[derive(Debug)]
pub(super) struct UserUnderWay<'a> {
    all: &'a UsersUnderWay,
    id: UserId,
}

impl UsersUnderWay {
    /// Holds `id`, unless a row holds them.
    pub(super) fn try_enter(&self, id: &UserId) -> Option<UserUnderWay<'_>> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.insert(id.clone()).then(|| UserUnderWay {
            all: self,
            id: id.clone(),
        })
    }

    /// Holds `id`, once no other row does.
    pub(super) async fn enter(&self, id: UserId) -> UserUnderWay<'_> {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if let Some(user) = self.try_enter(&id) {
                return user;
            }
            left.await;
        }
    }
}

impl Drop for UserUnderWay<'_> {
    fn drop(&mut self) {
        self.all
            .users
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
        self.all.left.notify_waiters();
    }
}
