//! One-time addresses: a request waits under a random name until its client comes, for a minute at most.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::node::id;

/// Upstream's limits.
const LIFETIME: Duration = Duration::from_secs(60);
const WAITING_MAX: usize = 1000;

pub struct Tokens<T>(Mutex<HashMap<String, (Instant, T)>>);

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("too many streams wait for their clients")]
    TooMany,
    #[error("make a token: {0}")]
    Random(#[from] io::Error),
}

impl<T> Default for Tokens<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Tokens<T> {
    pub fn put(&self, request: T, now: Instant) -> Result<String, TokenError> {
        let token = id::random()?;
        let mut waiting = self.0.lock();
        waiting.retain(|_, (until, _)| *until > now);
        if waiting.len() >= WAITING_MAX {
            return Err(TokenError::TooMany);
        }
        waiting.insert(token.clone(), (now + LIFETIME, request));
        Ok(token)
    }

    /// The request of a token, once.
    pub fn take(&self, token: &str, now: Instant) -> Option<T> {
        let (until, request) = self.0.lock().remove(token)?;
        (until > now).then_some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_work_once_and_for_a_minute() {
        let (tokens, now) = (Tokens::default(), Instant::now());
        let (first, second) = (tokens.put(1, now).unwrap(), tokens.put(2, now).unwrap());
        assert_eq!((tokens.take(&first, now), tokens.take(&first, now), tokens.take("x", now)), (Some(1), None, None));
        let late = now + LIFETIME;
        assert_eq!(tokens.take(&second, late), None);
        for number in 0..WAITING_MAX {
            tokens.put(number, now).unwrap();
        }
        assert!(matches!(tokens.put(0, now), Err(TokenError::TooMany)));
        assert!(tokens.put(0, late).is_ok());
    }
}
