//! Services of the API server: what needs more than the store when a kind is written, and what is served without a stored object.

mod allocation;
mod answer;
mod binding;
mod component_statuses;
mod connect;
mod eviction;
mod pod_condition;
mod reviews;
mod signing;
mod token;

#[cfg(test)]
mod tests;

pub use allocation::ServiceAllocation;
pub use binding::Bind;
pub use component_statuses::ComponentStatuses;
pub(crate) use connect::forward;
pub use connect::{PodConnect, Proxy};
pub use eviction::Eviction;
pub use reviews::{AccessReview, SelfReview, TokenReview};
pub use signing::{Reserved, Signer};
pub use token::TokenRequest;
