//! Whether mutating admission runs a second time, and which webhooks then (apiserver's pkg/admission/reinvocation.go): a webhook that changed
//! the object makes all built-in plugins run again, and those webhooks that were called before it and ask for that.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use serde_json::Value;

/// Kept through both runs of one request.
#[derive(Debug, Default)]
pub struct Reinvocation(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    wanted: bool,
    second: bool,
    /// Called in this run, to be called again should the object change after them.
    called: BTreeSet<String>,
    again: BTreeSet<String>,
    last: Value,
}

impl State {
    fn changed(&mut self) {
        let called = std::mem::take(&mut self.called);
        self.again.extend(called);
    }
}

impl Reinvocation {
    /// After the first run: whether there is a second one, which begins with this.
    pub fn turn(&self) -> bool {
        let mut state = self.0.lock();
        state.second = state.wanted && !state.second;
        state.second
    }

    /// Webhooks' turn; what built-in plugins changed since the last one counts as a change.
    pub fn begin(&self, object: &Value) {
        let mut state = self.0.lock();
        if state.second && state.last != *object {
            state.changed();
        }
    }

    /// Whether a webhook that matches is called in this run.
    pub fn calls(&self, webhook: &str) -> bool {
        let state = self.0.lock();
        !state.second || state.again.contains(webhook)
    }

    /// A webhook changed the object.
    pub fn changed(&self) {
        let mut state = self.0.lock();
        state.changed();
        state.wanted = true;
    }

    /// A webhook with reinvocationPolicy IfNeeded was called.
    pub fn called(&self, webhook: &str) {
        self.0.lock().called.insert(webhook.to_owned());
    }

    /// What webhooks left behind.
    pub fn end(&self, object: &Value) {
        self.0.lock().last = object.clone();
    }
}
