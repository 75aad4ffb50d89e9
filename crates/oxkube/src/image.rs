//! `oxkube image`: what images this node has, over CRI.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use kubelet::cri::v1::{ImageSpec, ListImagesRequest, PullImageRequest, RemoveImageRequest};

use crate::{Failure, demo, node};

/// What is asked about images.
#[derive(Clone, Debug, Subcommand)]
pub enum ImageVerb {
    /// List the images of this node.
    Ls,
    /// Fetch an image from its registry.
    Pull { image: String },
    /// Remove an image.
    Rm { image: String },
    /// Take the images of a file: what `docker save` writes, or an OCI layout in a tar.
    Import {
        #[arg(required_unless_present = "demo")]
        file: Option<PathBuf>,
        /// The image of the built-in demo web server.
        #[arg(long, conflicts_with = "file")]
        demo: bool,
    },
}

/// Asks the runtime of the node at `data_dir`.
pub fn run(data_dir: &Path, verb: ImageVerb) -> Result<ExitCode, Failure> {
    let Ok(data_dir) = data_dir.canonicalize() else {
        return Err(Failure::Use(format!("no node runs in {}: name its data dir with --data-dir", data_dir.display())));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start")?;
    runtime.block_on(ask(&data_dir, verb))?;
    Ok(ExitCode::SUCCESS)
}

async fn ask(data_dir: &Path, verb: ImageVerb) -> anyhow::Result<()> {
    let socket = runtime::Runtime::socket(&node::run_dir(data_dir));
    if !socket.exists() {
        bail!("no node runs in {}: {} is not there", data_dir.display(), socket.display());
    }
    let mut images = kubelet::cri::client::Cri::connect(&socket)?.images();
    match verb {
        ImageVerb::Ls => {
            let list = images.list_images(ListImagesRequest::default()).await.map_err(said)?.into_inner().images;
            println!("{:<60} {:<14} {:>10}", "IMAGE", "ID", "SIZE");
            for image in list {
                let id: String = image.id.trim_start_matches("sha256:").chars().take(12).collect();
                let names = if image.repo_tags.is_empty() { image.repo_digests } else { image.repo_tags };
                names.iter().for_each(|name| println!("{name:<60} {id:<14} {:>9}M", image.size / 1_000_000));
            }
        }
        ImageVerb::Pull { image } => {
            let request = PullImageRequest { image: Some(spec(&image)), ..PullImageRequest::default() };
            println!("{}", images.pull_image(request).await.map_err(said)?.into_inner().image_ref);
        }
        ImageVerb::Rm { image } => {
            images.remove_image(RemoveImageRequest { image: Some(spec(&image)) }).await.map_err(said)?;
            println!("{image}");
        }
        ImageVerb::Import { file, .. } => {
            let scratch = tempfile::tempdir_in(data_dir).context("make a folder for the archive")?;
            let archive = match file {
                Some(file) => file.canonicalize().with_context(|| format!("read {}", file.display()))?,
                None => {
                    let archive = scratch.path().join("demo.tar");
                    demo::write_image(&archive).context("write the demo image")?;
                    archive
                }
            };
            let mut wanted = spec("");
            wanted.annotations.insert(runtime::ARCHIVE_ANNOTATION.to_owned(), archive.display().to_string());
            let request = PullImageRequest { image: Some(wanted), ..PullImageRequest::default() };
            println!("{}", images.pull_image(request).await.map_err(said)?.into_inner().image_ref);
        }
    }
    Ok(())
}

fn spec(image: &str) -> ImageSpec {
    ImageSpec { image: image.to_owned(), ..ImageSpec::default() }
}

/// What the runtime said, without gRPC's frame around it.
fn said(status: tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{}", status.message())
}
