//! Users with rows under way: rows of one user go one after another, in the order of the file.
//!
//! A row takes its place when it is read, long before it is begun: a row that is gathered with
//! others must not overtake one that was read earlier and still waits to begin, which would change
//! their order, and would never end where the earlier one has to end first (a canary).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::UserId;

/// The users with rows under way. Two requests about one user at once answer each other with 409
/// at best.
#[derive(Debug, Default)]
pub(super) struct UsersUnderWay {
    state: Mutex<State>,
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The places of each user.
    users: HashMap<UserId, Places>,
    /// The last place given out.
    last: u64,
}

/// The places of one user, in the order in which they were taken. Nearly all users have one.
#[derive(Debug)]
struct Places {
    first: u64,
    others: VecDeque<u64>,
}

/// A row's place among the rows of its user, given up when dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    all: &'a UsersUnderWay,
    id: UserId,
    number: u64,
    /// Nobody was before it when it was taken, and so nobody ever is.
    was_first: bool,
}

// === impl UsersUnderWay ===

impl UsersUnderWay {
    /// A place behind all rows of `id` that are under way.
    pub(super) fn place(&self, id: &UserId) -> Place<'_> {
        let mut state = self.state();
        state.place(self, id)
    }

    /// The first place of `id`; `None`: a row has it.
    pub(super) fn first_place(&self, id: &UserId) -> Option<Place<'_>> {
        let mut state = self.state();
        let free = !state.users.contains_key(id);
        free.then(|| state.place(self, id))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn place<'a>(&mut self, all: &'a UsersUnderWay, id: &UserId) -> Place<'a> {
        self.last += 1;
        let number = self.last;
        let was_first = match self.users.entry(id.clone()) {
            Entry::Occupied(mut places) => {
                places.get_mut().others.push_back(number);
                false
            }
            Entry::Vacant(none) => {
                let others = VecDeque::new();
                none.insert(Places {
                    first: number,
                    others,
                });
                true
            }
        };
        Place {
            all,
            id: id.clone(),
            number,
            was_first,
        }
    }
}

// === impl Place ===

impl Place<'_> {
    /// Waits until every earlier row of the user has ended.
    pub(super) async fn turn(&self) {
        loop {
            let left = self.all.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.is_first() {
                return;
            }
            left.await;
        }
    }

    /// Whether no earlier row of the user is under way.
    pub(super) fn is_first(&self) -> bool {
        if self.was_first {
            return true;
        }
        let state = self.all.state();
        let places = state.users.get(&self.id);
        places.is_some_and(|places| places.first == self.number)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.all.state();
        let Entry::Occupied(mut entry) = state.users.entry(self.id.clone()) else {
            return;
        };
        let places = entry.get_mut();
        if places.first != self.number {
            places.others.retain(|number| *number != self.number);
        } else if let Some(next) = places.others.pop_front() {
            places.first = next;
            drop(state);
            self.all.left.notify_waiters();
        } else {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::UsersUnderWay;
    use crate::domain::UserId;

    #[test]
    fn rows_of_one_user_take_turns_in_the_order_of_their_places() {
        let users = UsersUnderWay::default();
        let id = UserId::new("1001");
        let [first, second, third] = [(); 3].map(|()| users.place(&id));
        assert!(first.turn().now_or_never().is_some());
        assert!(third.turn().now_or_never().is_none());
        drop(second);
        assert!(third.turn().now_or_never().is_none(), "the first is there");
        drop(first);
        assert!(third.turn().now_or_never().is_some());
        assert!(
            users
                .place(&UserId::new("1002"))
                .turn()
                .now_or_never()
                .is_some()
        );
    }

    #[test]
    fn the_first_place_is_not_given_out_while_an_earlier_row_waits() {
        let users = UsersUnderWay::default();
        let id = UserId::new("1001");
        let waiting = users.place(&id);
        assert!(users.first_place(&id).is_none());
        drop(waiting);
        let first = users.first_place(&id).unwrap();
        assert!(users.first_place(&id).is_none());
        drop(first);
        assert!(users.state().users.is_empty(), "nothing is kept");
    }
}
