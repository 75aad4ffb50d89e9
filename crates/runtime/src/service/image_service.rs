//! The ImageService verbs.

use tonic::{Request, Response, Status};

use super::{Answer, Items, Service, answer, parts, required};
use crate::cri::v1::image_service_server::ImageService;
use crate::cri::v1::{
    AuthConfig, Image, ImageFilter, ImageFsInfoRequest, ImageFsInfoResponse, ImageStatusRequest, ImageStatusResponse,
    ListImagesRequest, ListImagesResponse, PullImageRequest, PullImageResponse, RemoveImageRequest,
    RemoveImageResponse, StreamImagesRequest, StreamImagesResponse,
};
use crate::error::RuntimeError;
use crate::images::registries::Credentials;
use crate::node::records::Container;

/// With this annotation PullImage takes a file of this host. Whoever reaches the socket is root; a kubelet sets no annotations from Pods.
pub const ARCHIVE_ANNOTATION: &str = "oxkube.io/archive";

impl Service {
    fn images(&self, filter: Option<&ImageFilter>) -> Vec<Image> {
        let name = filter.and_then(|filter| filter.image.as_ref()).map_or("", |image| image.image.as_str());
        let records = match name {
            "" => self.node.images.list(),
            name => self.node.images.find(name).into_iter().collect(),
        };
        records.iter().map(crate::node::Node::image_view).collect()
    }
}

#[tonic::async_trait]
impl ImageService for Service {
    type StreamImagesStream = Items<StreamImagesResponse>;

    async fn list_images(&self, request: Request<ListImagesRequest>) -> Answer<ListImagesResponse> {
        let request = request.into_inner();
        Ok(Response::new(ListImagesResponse { images: self.images(request.filter.as_ref()) }))
    }

    async fn stream_images(&self, request: Request<StreamImagesRequest>) -> Answer<Self::StreamImagesStream> {
        let request = request.into_inner();
        Ok(Response::new(parts(&self.images(request.filter.as_ref()), |images| StreamImagesResponse { images })))
    }

    async fn image_status(&self, request: Request<ImageStatusRequest>) -> Answer<ImageStatusResponse> {
        let request = request.into_inner();
        let image = required(request.image, "image")?;
        let mut response = ImageStatusResponse::default();
        if let Some(record) = self.node.images.find(&image.image) {
            response.image = Some(crate::node::Node::image_view(&record));
            if request.verbose {
                let info = serde_json::json!({"chainID": record.top(), "imageSpec": {"config": record.config}});
                response.info.insert("info".into(), info.to_string());
            }
        }
        Ok(Response::new(response))
    }

    async fn pull_image(&self, request: Request<PullImageRequest>) -> Answer<PullImageResponse> {
        let request = request.into_inner();
        let image = required(request.image, "image")?;
        if let Some(archive) = image.annotations.get(ARCHIVE_ANNOTATION) {
            let imported =
                self.node.images.import(std::path::Path::new(archive), false).await.map_err(RuntimeError::from);
            let names = |record: &crate::images::records::Record| record.tags.iter().cloned().collect::<Vec<_>>();
            return answer(imported.map(|records| PullImageResponse {
                image_ref: records.iter().flat_map(names).collect::<Vec<_>>().join("\n"),
            }));
        }
        let pulled = self.node.images.pull(&image.image, request.auth.and_then(credentials)).await;
        answer(pulled.map_err(RuntimeError::from).map(|record| PullImageResponse { image_ref: record.id.to_string() }))
    }

    async fn remove_image(&self, request: Request<RemoveImageRequest>) -> Answer<RemoveImageResponse> {
        let image = required(request.into_inner().image, "image")?;
        let top = |container: &std::sync::Arc<Container>| container.facts.top.clone();
        let stacks = || self.node.records.containers().iter().filter_map(top).collect();
        let removed = self.node.images.remove(&image.image, stacks).await;
        answer(removed.map_err(RuntimeError::from).map(|()| RemoveImageResponse {}))
    }

    async fn image_fs_info(&self, _: Request<ImageFsInfoRequest>) -> Answer<ImageFsInfoResponse> {
        let node = self.node.clone();
        let usage = crate::images::blocking(move || node.filesystem_usage()).await.map_err(Status::from)?;
        Ok(Response::new(ImageFsInfoResponse {
            image_filesystems: vec![usage.0],
            container_filesystems: vec![usage.1],
        }))
    }
}

/// Empty credentials are none.
fn credentials(auth: AuthConfig) -> Option<Credentials> {
    let credentials = Credentials {
        username: auth.username,
        password: auth.password,
        auth: auth.auth,
        identity_token: auth.identity_token,
        registry_token: auth.registry_token,
    };
    (credentials != Credentials::default()).then_some(credentials)
}
