//! CEL for Kubernetes: parsing, type checking, a static estimate of the cost, and evaluation that is metered as upstream meters it.
//! Validation rules of custom resources, admission policies and match conditions are made of it. No IO, but for the names of time zones.

mod admission;
mod ast;
mod authorizer;
mod bind;
mod builtin;
mod checker;
mod convert;
mod decl;
mod env;
mod equal;
mod escape;
mod estimate;
mod estimate_calls;
mod eval;
mod formats;
mod functions;
mod issue;
mod lexer;
mod library;
mod lists;
mod literal;
mod macros;
mod meter;
mod mutation;
mod network;
mod operators;
mod optional;
mod parser;
mod plan;
mod printf;
mod program;
mod quantity;
mod regexes;
mod schema;
mod semver;
mod show;
mod strings;
mod times;
mod types;
mod unify;
mod urls;
mod validators;
mod value;

pub use admission::{namespace_decl, request_decl};
pub use authorizer::{AccessRequest, Authorizer, AuthorizerValue, Decision};
pub use bind::{any, view};
pub use decl::{Decl, DeclKind, Field, ListKind, ObjectDecl};
pub use env::{Env, NEWEST};
pub use escape::{escape, is_keyword, unescape};
pub use estimate::CostEstimate;
pub use eval::EvalError;
pub use issue::{Issue, Issues};
pub use mutation::to_json;
pub use program::{Bindings, CompileError, Evaluation, Program, compile};
pub use schema::decl_of_schema;
pub use show::show;
pub use times::Moment;
pub use types::Type;
pub use value::{Fields, Key, List, Map, Object, Text, Value};

/// Upstream's bounds, in units of cost.
pub mod limits {
    /// One run of one expression.
    pub const PER_CALL: u64 = 1_000_000;
    /// All rules of one request, or all expressions of one policy.
    pub const RUNTIME_BUDGET: u64 = 10_000_000;
    /// All match conditions of one webhook.
    pub const MATCH_CONDITIONS_BUDGET: u64 = RUNTIME_BUDGET / 4;
    /// The static estimate of one rule of a custom resource.
    pub const STATIC_ESTIMATE: u64 = 10_000_000;
    /// The sum of the static estimates of all rules of a custom resource.
    pub const STATIC_ESTIMATE_TOTAL: u64 = 100_000_000;
}

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod cases;
