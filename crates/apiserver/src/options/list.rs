//! ListOptions: read from the query of list, watch and deletecollection and checked as upstream checks them, in its order. A
//! resourceVersion is read last (`ListOptions::revision`): the three verbs refuse one that is no number each in its own way.

use std::num::IntErrorKind;

use api::field_error::FieldError;
use store::Revision;

use super::{number, refuse};
use crate::request::Query;
use crate::status::Status;

/// How a given resourceVersion is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    Unset,
    Exact,
    NotOlderThan,
}

/// The options of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOptions {
    pub label_selector: String,
    pub field_selector: String,
    pub resource_version: String,
    pub resource_version_match: Match,
    pub limit: usize,
    pub continue_token: String,
    pub timeout_seconds: Option<u64>,
    pub allow_watch_bookmarks: bool,
    pub send_initial_events: Option<bool>,
}

impl ListOptions {
    pub fn read(query: &Query) -> Result<Self, Status> {
        let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
        let given_match = query.get("resourceVersionMatch").unwrap_or_default();
        let mut options = Self {
            label_selector: text("labelSelector"),
            field_selector: text("fieldSelector"),
            resource_version: text("resourceVersion"),
            resource_version_match: match given_match {
                "Exact" => Match::Exact,
                "NotOlderThan" => Match::NotOlderThan,
                _ => Match::Unset,
            },
            limit: number(query, "limit")?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0),
            continue_token: text("continue"),
            timeout_seconds: number(query, "timeoutSeconds")?
                .and_then(|seconds| u64::try_from(seconds).ok())
                .filter(|seconds| *seconds > 0),
            allow_watch_bookmarks: query.flag("allowWatchBookmarks"),
            send_initial_events: query.get("sendInitialEvents").map(|_| query.flag("sendInitialEvents")),
        };
        let mut errors = Vec::new();
        // What is asked below /watch/ without `watch=true` has the options of a list, as upstream.
        if query.flag("watch") {
            options.check_watch(given_match, &mut errors);
            options.default_watch(given_match);
        } else {
            options.check_list(given_match, &mut errors);
        }
        refuse("ListOptions", &errors)?;
        Ok(options)
    }

    /// `None`: not given; `Some(0)`: any.
    pub fn revision(&self) -> Result<Option<Revision>, FieldError> {
        revision(&self.resource_version)
    }

    /// A watch from nowhere begins with the state, and says where that ends to those who take bookmarks.
    fn default_watch(&mut self, given_match: &str) {
        let from_nowhere = matches!(self.resource_version.as_str(), "" | "0");
        if self.send_initial_events.is_none() && given_match.is_empty() && from_nowhere {
            self.send_initial_events = Some(true);
        }
    }

    fn check_watch(&self, given: &str, errors: &mut Vec<FieldError>) {
        let other = self.resource_version_match != Match::NotOlderThan;
        if self.send_initial_events.is_some() && other {
            errors.push(forbidden_match("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
        }
        if given.is_empty() {
            return;
        }
        if self.send_initial_events.is_none() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(forbidden_match(why));
        }
        if other {
            errors.push(FieldError::not_supported("resourceVersionMatch", &given.into(), &["NotOlderThan"]));
        }
        if !self.continue_token.is_empty() {
            errors.push(forbidden_match("resourceVersionMatch is forbidden when continue is provided"));
        }
    }

    fn check_list(&self, given: &str, errors: &mut Vec<FieldError>) {
        if !given.is_empty() {
            self.check_match(given, errors);
        }
        if self.send_initial_events.is_some() {
            errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
    }

    fn check_match(&self, given: &str, errors: &mut Vec<FieldError>) {
        if self.resource_version.is_empty() {
            errors.push(forbidden_match("resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        if !self.continue_token.is_empty() {
            errors.push(forbidden_match("resourceVersionMatch is forbidden when continue is provided"));
        }
        if self.resource_version_match == Match::Unset {
            let known = ["Exact", "NotOlderThan", ""];
            errors.push(FieldError::not_supported("resourceVersionMatch", &given.into(), &known));
        }
        if self.resource_version_match == Match::Exact && self.resource_version == "0" {
            errors.push(forbidden_match("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
        }
    }
}

fn forbidden_match(why: &str) -> FieldError {
    FieldError::forbidden("resourceVersionMatch", why)
}

/// A resourceVersion as a number; the refusal is that of Go's ParseUint, which takes no sign.
pub fn revision(text: &str) -> Result<Option<Revision>, FieldError> {
    let refuse = |why: &str| {
        let why = format!("strconv.ParseUint: parsing {text:?}: {why}");
        FieldError::invalid("resourceVersion", &text.into(), &why)
    };
    match text.parse::<Revision>() {
        _ if text.is_empty() => Ok(None),
        _ if text.starts_with('+') => Err(refuse("invalid syntax")),
        Ok(revision) => Ok(Some(revision)),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err(refuse("value out of range")),
        Err(_) => Err(refuse("invalid syntax")),
    }
}
