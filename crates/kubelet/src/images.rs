//! Getting a container's image onto the node: pull policy, credentials, back-off, one or several pulls at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::env::Env;
use client::events::{Recorder, Regarding};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod, Secret};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::backoff::Backoffs;
use crate::cri::client::Cri;
use crate::cri::v1 as cri;
use crate::image_reference::with_default_tag;
use crate::pull_secrets::credentials;
use crate::security::ImageUser;

/// A container that cannot start yet, with upstream's reason and message, and when to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    pub reason: &'static str,
    pub message: String,
    pub again_at: Option<Timestamp>,
}

impl StartError {
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), again_at: None }
    }
}

/// Pulls images for all Pods of the node.
pub struct Images {
    cri: Cri,
    env: Env,
    recorder: Recorder,
    backoffs: Mutex<Backoffs>,
    /// Why the last pull failed, by the key of its back-off.
    failures: Mutex<BTreeMap<String, String>>,
    pulls: Option<Semaphore>,
}

/// What the runtime calls the image, and the user it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageOnNode {
    pub reference: String,
    pub user: ImageUser,
}

/// One container's wish for its image.
pub struct Wanted<'a> {
    pub pod: &'a Pod,
    pub container: &'a Container,
    pub regarding: &'a Regarding,
    pub secrets: &'a [Secret],
    pub sandbox: &'a cri::PodSandboxConfig,
}

impl Images {
    pub fn new(cri: Cri, env: Env, recorder: Recorder, one_at_a_time: bool) -> Arc<Self> {
        let pulls = one_at_a_time.then(|| Semaphore::new(1));
        Arc::new(Self { cri, env, recorder, backoffs: Mutex::default(), failures: Mutex::default(), pulls })
    }

    /// The image of a container, pulled if its policy and presence ask for it; what fails is also told by its reason, as upstream does.
    pub async fn ensure(&self, wanted: Wanted<'_>) -> Result<ImageOnNode, StartError> {
        let regarding = wanted.regarding.clone();
        let found = self.find_or_pull(wanted).await;
        if let Err(error) = &found {
            self.recorder.warning(regarding, "Failed", format!("Error: {}", error.reason));
        }
        found
    }

    async fn find_or_pull(&self, wanted: Wanted<'_>) -> Result<ImageOnNode, StartError> {
        let image = wanted.container.image.as_deref().unwrap_or_default();
        let warn = |reason, message: &str| self.recorder.warning(wanted.regarding.clone(), reason, message);
        let named = with_default_tag(image).map_err(|error| {
            let message = format!("Failed to apply default image tag {image:?}: {error}");
            warn("InspectFailed", &message);
            StartError::new("InvalidImageName", message)
        })?;
        let present = self.inspect(&named).await.map_err(|error| {
            let message = format!("Failed to inspect image {image:?}: {}", error.message());
            warn("InspectFailed", &message);
            StartError::new("ImageInspectError", message)
        })?;
        let policy = wanted.container.image_pull_policy.as_deref().unwrap_or("IfNotPresent");
        match (policy, present) {
            ("IfNotPresent" | "Never", Some(present)) => {
                let message =
                    format!("Container image {image:?} already present on machine and can be accessed by the pod");
                self.recorder.normal(wanted.regarding.clone(), "Pulled", message);
                Ok(present)
            }
            ("Never", None) => {
                let message = format!("Container image {image:?} is not present with pull policy of Never");
                warn("ErrImageNeverPull", &message);
                Err(StartError::new("ErrImageNeverPull", message))
            }
            _ => self.pull(&wanted, image, &named).await,
        }
    }

    /// The image as the runtime has it.
    pub async fn inspect(&self, image: &str) -> Result<Option<ImageOnNode>, tonic::Status> {
        let spec = cri::ImageSpec { image: image.to_owned(), ..cri::ImageSpec::default() };
        let request = cri::ImageStatusRequest { image: Some(spec), verbose: false };
        let found = self.cri.images().image_status(request).await?.into_inner().image;
        Ok(found.filter(|image| !image.id.is_empty()).map(|image| {
            let uid = image.uid.map(|uid| uid.value);
            // An image that names nobody runs as root.
            let uid = if uid.is_none() && image.username.is_empty() { Some(0) } else { uid };
            ImageOnNode { reference: image.id, user: ImageUser { uid, name: image.username } }
        }))
    }

    async fn pull(&self, wanted: &Wanted<'_>, image: &str, named: &str) -> Result<ImageOnNode, StartError> {
        let key = format!("{}_{image}", wanted.pod.metadata.uid.as_deref().unwrap_or_default());
        let now = self.env.now();
        if let Some(until) = self.backoffs.lock().waits_since_update(&key, now) {
            let message = format!("Back-off pulling image {image:?}");
            self.recorder.normal(wanted.regarding.clone(), "BackOff", message.clone());
            // The event stays short; the container's status says what it waits for.
            let message = match self.failures.lock().get(&key) {
                Some(failure) => format!("{message}: {failure}"),
                None => message,
            };
            return Err(StartError { reason: "ImagePullBackOff", message, again_at: Some(until) });
        }
        self.recorder.normal(wanted.regarding.clone(), "Pulling", format!("Pulling image {image:?}"));
        let permit = match &self.pulls {
            Some(pulls) => Some(pulls.acquire().await.expect("the semaphore is never closed")),
            None => None,
        };
        let began = self.env.now();
        let pulled = self.pull_with_credentials(wanted, named).await;
        drop(permit);
        match pulled {
            Ok(reference) => {
                self.failures.lock().remove(&key);
                self.pulled(wanted, (image, named, reference), (now, began)).await
            }
            Err(status) => Err(self.failed(wanted, image, &key, &status)),
        }
    }

    fn failed(&self, wanted: &Wanted<'_>, image: &str, key: &str, status: &tonic::Status) -> StartError {
        let message = status.message();
        self.recorder.warning(wanted.regarding.clone(), "Failed", format!("Failed to pull image {image:?}: {message}"));
        let now = self.env.now();
        self.collect(now);
        self.backoffs.lock().next(key, now, now);
        let reason = match status.message().split(':').next().unwrap_or_default() {
            "RegistryUnavailable" => "RegistryUnavailable",
            "SignatureValidationFailed" => "SignatureValidationFailed",
            _ => "ErrImagePull",
        };
        self.failures.lock().insert(key.to_owned(), format!("{reason}: {message}"));
        // Soon after, the container shows that it backs off.
        let again_at = Some(now + SignedDuration::from_secs(5));
        StartError { reason, message: message.to_owned(), again_at }
    }

    /// Forgets pulls that nobody waits for any more.
    fn collect(&self, now: Timestamp) {
        let mut backoffs = self.backoffs.lock();
        backoffs.collect(now);
        self.failures.lock().retain(|key, _| !backoffs.delay(key).is_zero());
    }

    async fn pulled(
        &self,
        wanted: &Wanted<'_>,
        (image, named, reference): (&str, &str, String),
        (asked, began): (Timestamp, Timestamp),
    ) -> Result<ImageOnNode, StartError> {
        let request = cri::ImageStatusRequest {
            image: Some(cri::ImageSpec { image: reference.clone(), ..cri::ImageSpec::default() }),
            verbose: false,
        };
        let size = match self.cri.images().image_status(request).await {
            Ok(answer) => answer.into_inner().image.map_or(0, |image| image.size),
            Err(error) => {
                tracing::debug!(%image, %error, "size of a pulled image is not known");
                0
            }
        };
        let now = self.env.now();
        let (pull, whole) = (go_duration(now.duration_since(began)), go_duration(now.duration_since(asked)));
        let message = format!(
            "Successfully pulled image {image:?} in {pull} ({whole} including waiting). Image size: {size} bytes."
        );
        self.recorder.normal(wanted.regarding.clone(), "Pulled", message);
        self.collect(now);
        let inspected = self.inspect(&reference).await.ok().flatten();
        let inspected = match inspected {
            Some(found) => Some(found),
            None => self.inspect(named).await.map_err(|error| StartError::new("ImageInspectError", error.message()))?,
        };
        inspected
            .ok_or_else(|| StartError::new("ImageInspectError", format!("image {image:?} was pulled and is not there")))
    }

    /// Tries each credential, the most specific first; without any, the registry is asked anonymously.
    async fn pull_with_credentials(&self, wanted: &Wanted<'_>, named: &str) -> Result<String, tonic::Status> {
        let found = credentials(named, wanted.secrets);
        let tries = if found.is_empty() { vec![None] } else { found.into_iter().map(Some).collect() };
        let mut last = tonic::Status::internal("no attempt was made");
        for auth in tries {
            let spec = cri::ImageSpec {
                image: named.to_owned(),
                annotations: wanted.pod.metadata.annotations.clone().unwrap_or_default(),
                ..cri::ImageSpec::default()
            };
            let request =
                cri::PullImageRequest { image: Some(spec), auth, sandbox_config: Some(wanted.sandbox.clone()) };
            match self.cri.images().pull_image(request).await {
                Ok(answer) => return Ok(answer.into_inner().image_ref),
                Err(status) => last = status,
            }
        }
        Err(last)
    }
}

/// A duration as Go prints it, in whole milliseconds: `312ms`, `1.21s`, `1m2.5s`.
pub fn go_duration(duration: SignedDuration) -> String {
    let millis = duration.as_millis().max(0);
    if millis < 1000 {
        return if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") };
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let mut seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    while seconds.ends_with('0') {
        seconds.pop();
    }
    let seconds = seconds.trim_end_matches('.');
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_prints_them() {
        for (millis, text) in [
            (0, "0s"),
            (312, "312ms"),
            (1210, "1.21s"),
            (4522, "4.522s"),
            (62_500, "1m2.5s"),
            (3_600_000, "1h0m0s"),
            (20_000, "20s"),
        ] {
            assert_eq!(go_duration(SignedDuration::from_millis(millis)), text);
        }
    }
}
