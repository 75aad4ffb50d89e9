//! Whether mutating admission runs a second time, and which webhooks and policies then (apiserver's pkg/admission/reinvocation.go): one that
//! changed the object makes all built-in plugins run again, and those that were asked before it and want that.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use serde_json::Value;

/// Kept through both runs of one request.
#[derive(Debug, Default)]
pub struct Reinvocation(Mutex<Runs>);

#[derive(Debug, Default)]
struct Runs {
    wanted: bool,
    second: bool,
    /// By plugin: webhooks know nothing of policies.
    plugins: BTreeMap<&'static str, State>,
}

#[derive(Debug, Default)]
struct State {
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
        let mut runs = self.0.lock();
        runs.second = runs.wanted && !runs.second;
        runs.second
    }

    /// A plugin's turn; what others changed since its last one counts as a change.
    pub fn begin(&self, plugin: &'static str, object: &Value) {
        let mut runs = self.0.lock();
        let second = runs.second;
        let state = runs.plugins.entry(plugin).or_default();
        if second && state.last != *object {
            state.changed();
        }
    }

    /// Whether a webhook or policy that matches is called in this run.
    pub fn calls(&self, plugin: &'static str, id: &str) -> bool {
        let mut runs = self.0.lock();
        !runs.second || runs.plugins.entry(plugin).or_default().again.contains(id)
    }

    /// One of the plugin's changed the object.
    pub fn changed(&self, plugin: &'static str) {
        let mut runs = self.0.lock();
        runs.wanted = true;
        runs.plugins.entry(plugin).or_default().changed();
    }

    /// One with reinvocationPolicy IfNeeded was called.
    pub fn called(&self, plugin: &'static str, id: &str) {
        self.0.lock().plugins.entry(plugin).or_default().called.insert(id.to_owned());
    }

    /// What the plugin left behind.
    pub fn end(&self, plugin: &'static str, object: &Value) {
        self.0.lock().plugins.entry(plugin).or_default().last = object.clone();
    }
}
