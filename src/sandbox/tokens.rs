//! Access tokens that were handed out and still live.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::Time;

/// Access tokens, oldest first.
#[derive(Debug)]
pub(super) struct Tokens {
    live: VecDeque<Token>,
    live_max: usize,
    /// Mixed into every token, so that no tenant takes another's.
    salt: String,
    minted: u64,
}

#[derive(Debug)]
struct Token {
    text: String,
    scope: String,
    dies: Time,
}

impl Tokens {
    /// No tokens yet. Of more than `live_max`, the oldest dies.
    pub(super) fn new(salt: &str, live_max: usize) -> Self {
        Self {
            live: VecDeque::new(),
            live_max,
            salt: salt.to_owned(),
            minted: 0,
        }
    }

    /// A new token that begins with `prefix` and dies `life` after `now`.
    pub(super) fn mint(&mut self, prefix: &str, scope: &str, now: Time, life: Duration) -> String {
        self.minted += 1;
        let digest = blake3::hash(format!("{} {}", self.salt, self.minted).as_bytes()).to_hex();
        let text = format!("{prefix}{}", &digest[..32]);
        if self.live.len() >= self.live_max {
            self.live.pop_front();
        }
        self.live.push_back(Token {
            text: text.clone(),
            scope: scope.to_owned(),
            dies: now.after(life),
        });
        text
    }

    /// The scope of `text`, if that is a token that lives at `now`.
    pub(super) fn scope(&self, text: &str, now: Time) -> Option<&str> {
        self.live
            .iter()
            .find(|token| token.text == text && now < token.dies)
            .map(|token| token.scope.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Tokens;
    use crate::domain::Time;

    #[test]
    fn a_token_dies_when_its_time_is_over() {
        let mut tokens = Tokens::new("default", 15);
        let now = Time::from_millis(0);
        let token = tokens.mint("1000.", "all", now, Duration::from_secs(2));
        assert_eq!(tokens.scope(&token, Time::from_millis(1_999)), Some("all"));
        assert_eq!(tokens.scope(&token, Time::from_millis(2_000)), None);
        assert_eq!(tokens.scope("1000.x", now), None);
    }

    #[test]
    fn one_token_too_many_kills_the_oldest() {
        let mut tokens = Tokens::new("default", 2);
        let now = Time::from_millis(0);
        let minted: Vec<_> = (0..3)
            .map(|_| tokens.mint("", "all", now, Duration::from_secs(9)))
            .collect();
        let alive: Vec<_> = minted
            .iter()
            .map(|t| tokens.scope(t, now).is_some())
            .collect();
        assert_eq!(alive, [false, true, true]);
    }
}
