//! tokenreviews: is this token good, and whose is it. All authenticators are asked.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{complete, text, user};
use crate::body::Body;
use crate::identity::{AuthError, Authenticate, Reviewed};
use crate::service::{Call, Service};
use crate::services::answer;
use crate::status::Status;

/// tokenreviews
pub struct TokenReview {
    authenticator: Arc<dyn Authenticate>,
    /// The server's own.
    audiences: Vec<String>,
}

impl TokenReview {
    pub fn new(authenticator: Arc<dyn Authenticate>, audiences: Vec<String>) -> Self {
        Self { authenticator, audiences }
    }

    async fn review(&self, spec: &Value) -> Value {
        let listed = spec["audiences"].as_array().into_iter().flatten();
        let mut wanted: Vec<String> = listed.filter_map(Value::as_str).map(str::to_owned).collect();
        if wanted.is_empty() {
            wanted = self.audiences.clone();
        }
        match self.find(text(spec, "token"), &wanted).await {
            Ok((found, audiences)) => {
                json!({"authenticated": true, "user": user(&found.identity), "audiences": audiences})
            }
            Err(error) => json!({"authenticated": false, "user": {}, "error": error.0}),
        }
    }

    /// What is good, and for which of the audiences. A token without audiences is for the server's.
    async fn find(&self, token: &str, wanted: &[String]) -> Result<(Reviewed, Vec<String>), AuthError> {
        let unknown = || AuthError("invalid bearer token".to_owned());
        let found = self.authenticator.review(token, wanted).await?.ok_or_else(unknown)?;
        let own = || self.audiences.iter().filter(|audience| wanted.contains(audience)).cloned().collect();
        let audiences: Vec<String> = found.audiences.clone().unwrap_or_else(own);
        if audiences.is_empty() { Err(unknown()) } else { Ok((found, audiences)) }
    }
}

#[async_trait]
impl Service for TokenReview {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let mut review = call.read().await?;
        if text(&review["spec"], "token").is_empty() {
            return Err(Status::bad_request("token is required for TokenReview in authentication"));
        }
        let status = self.review(&review["spec"]).await;
        complete(&mut review, &call, status);
        answer::object(&call, StatusCode::CREATED, &review)
    }
}
