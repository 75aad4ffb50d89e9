//! The connection to a CRI runtime over its unix socket. One channel serves both services; it reconnects by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::v1::image_service_client::ImageServiceClient;
use super::v1::runtime_service_client::RuntimeServiceClient;
use crate::error::{Error, Result};

/// Messages of a runtime with many images or containers are larger than gRPC's 4 MiB default (upstream: 16 MiB).
const MESSAGE_BYTES_MAX: usize = 16 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Both services of one runtime. Cheap to clone.
#[derive(Clone)]
pub struct Cri {
    runtime: RuntimeServiceClient<Channel>,
    images: ImageServiceClient<Channel>,
}

impl Cri {
    /// Prepares a connection; it is made at the first call.
    pub fn connect(socket: &Path) -> Result<Self> {
        let path: PathBuf = socket.strip_prefix("unix://").unwrap_or(socket).to_owned();
        let address = path.display().to_string();
        // Go clients and servers name a unix socket's authority `localhost`.
        let endpoint = Endpoint::try_from("http://localhost")
            .map_err(|source| Error::Connect { address: address.clone(), source })?
            .connect_timeout(CONNECT_TIMEOUT);
        let dial = tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = endpoint.connect_with_connector_lazy(dial);
        let runtime = RuntimeServiceClient::new(channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let images = ImageServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        Ok(Self { runtime, images })
    }

    /// The runtime service. A tonic client is a handle; calls need one of their own.
    pub fn runtime(&self) -> RuntimeServiceClient<Channel> {
        self.runtime.clone()
    }

    pub fn images(&self) -> ImageServiceClient<Channel> {
        self.images.clone()
    }
}

/// Whether a runtime's answer says that the object is gone.
pub fn is_not_found(status: &Status) -> bool {
    status.code() == Code::NotFound
}

/// Success where the object is gone already.
pub fn or_gone<T>(result: Result<T, Status>) -> Result<(), Status> {
    match result {
        Ok(_) => Ok(()),
        Err(status) if is_not_found(&status) => Ok(()),
        Err(status) => Err(status),
    }
}
