//! Images: having them in the engine, pinning names, and taking them out as content.
//!
//! An image runs by the id that the engine has for it, so that nobody can change what a name means meanwhile.
//! An archive is loaded once: it is found again by a tag made of its CID. Nothing here removes an image.

use super::{archive::repack, fault, limited, name::ImageName, options::PullPolicy, turns::Turns};
use crate::container::{ContainerError, ContainerJob};
use bollard::{
    Docker,
    errors::Error,
    models::ImageInspect,
    query_parameters::{CreateImageOptions, ImportImageOptions},
};
use futures::{StreamExt as _, TryStreamExt as _};
use lilypad_abi::{Cid, Image};
use std::{collections::BTreeMap, time::Duration};

/// How long an image may take to come.
const PULL_TIME_MAX: Duration = Duration::from_secs(30 * 60);

/// Most layers that are counted; images have at most 127.
const LAYERS_MAX: usize = 512;

/// An image that the engine has.
#[derive(Debug, Clone)]
pub(super) struct ReadyImage {
    pub(super) id: String,
    /// Where it wants volumes.
    pub(super) volumes: Vec<String>,
    /// Whether it says what to run.
    pub(super) has_command: bool,
}

/// The engine's images.
#[derive(Debug)]
pub(super) struct Images {
    docker: Docker,
    policy: PullPolicy,
    bytes_max: u64,
    turns: Turns,
}

/// What engines call this machine's processors.
pub(super) const fn architecture() -> &'static str {
    match std::env::consts::ARCH.as_bytes() {
        b"x86_64" => "amd64",
        b"aarch64" => "arm64",
        _ => std::env::consts::ARCH,
    }
}

impl Images {
    pub(super) fn new(docker: Docker, policy: PullPolicy, bytes_max: u64) -> Self {
        Self { docker, policy, bytes_max, turns: Turns::default() }
    }

    /// The job's image, pulled or loaded if it has to be.
    pub(super) async fn ready(&self, job: &ContainerJob) -> Result<ReadyImage, ContainerError> {
        let (name, shown) = match &job.spec.image {
            Image::Registry(name) => (name.clone(), name.clone()),
            Image::Archive(cid) => (archive_tag(*cid), cid.to_string()),
        };
        let no_image = |reason: String| ContainerError::Image { image: shown.clone(), reason };
        if self.policy == PullPolicy::Never && job.image.is_some() && self.inspect(&name).await?.is_none() {
            return Err(no_image("only images that this machine's owner has put there run".to_owned()));
        }
        let mut found = match self.policy {
            PullPolicy::Always if job.image.is_none() => None,
            _ => self.inspect(&name).await?,
        };
        if found.is_none() {
            let _turn = self.turns.take(&name).await;
            match (&job.spec.image, &job.image) {
                (Image::Archive(_), Some(bytes)) => {
                    // Somebody may have loaded it while this waited for its turn.
                    if self.inspect(&name).await?.is_none() {
                        let repacked = repack(bytes, &name).map_err(|error| no_image(error.to_string()))?;
                        self.load(repacked.into_chunks()).await.map_err(no_image)?;
                    }
                }
                (Image::Archive(_), None) => {
                    return Err(no_image("the job came without its archive".to_owned()));
                }
                (Image::Registry(_), _) if self.policy == PullPolicy::Never => {
                    let said = "it isn't on this machine, whose owner lets none be pulled";
                    return Err(no_image(said.to_owned()));
                }
                (Image::Registry(_), _) => self.pull(&name).await.map_err(no_image)?,
            }
            found = self.inspect(&name).await?;
        }
        let found = found.ok_or_else(|| no_image("it came, and is gone again".to_owned()))?;
        check_platform(&found).map_err(no_image)?;
        let config = found.config.unwrap_or_default();
        let says = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
        Ok(ReadyImage {
            id: found.id.ok_or_else(|| no_image("the engine has no id for it".to_owned()))?,
            has_command: says(&config.entrypoint) || says(&config.cmd),
            volumes: config.volumes.unwrap_or_default(),
        })
    }

    /// A name as jobs have it: by the digest that the registry gives, or that the engine remembers of it.
    pub(super) async fn pin(&self, reference: &str) -> Result<Image, ContainerError> {
        let name = parse(reference)?;
        if let Some(digest) = &name.digest {
            return Ok(Image::Registry(name.pinned(digest)));
        }
        let asked = self.docker.inspect_registry_image(&name.whole(), None).await;
        let refused = match asked {
            Ok(found) => {
                let digest = found.descriptor.digest.filter(|digest| digest.starts_with("sha256:"));
                match digest {
                    Some(digest) => return Ok(Image::Registry(name.pinned(&digest))),
                    None => "the registry gives no sha256 digest for it".to_owned(),
                }
            }
            Err(error) => limited(&error.to_string()),
        };
        // The registry may be out of reach and the image here, from when it was not.
        let local = self.inspect(&name.whole()).await?;
        let digests = local.as_ref().and_then(|image| image.repo_digests.clone()).unwrap_or_default();
        let of_name =
            digests.iter().filter_map(|digest| ImageName::parse(digest)).find(|d| d.path == name.path);
        if let Some(digest) = of_name.and_then(|found| found.digest) {
            return Ok(Image::Registry(name.pinned(&digest)));
        }
        let hint = match local {
            Some(_) => {
                "it is on this machine only: push it to a registry, or give it as content (an archive)"
            }
            None => "check the name, push it to a registry, or give an archive that `docker save` writes",
        };
        Err(ContainerError::Image { image: reference.to_owned(), reason: format!("{refused}; {hint}") })
    }

    /// An image as content: the archive that the engine makes of it.
    pub(super) async fn save(&self, reference: &str) -> Result<Vec<u8>, ContainerError> {
        let name = parse(reference)?.whole();
        let no_image = |reason: String| ContainerError::Image { image: reference.to_owned(), reason };
        if self.inspect(&name).await?.is_none() {
            if self.policy == PullPolicy::Never {
                return Err(no_image("it isn't on this machine, and none may be pulled".to_owned()));
            }
            self.pull(&name).await.map_err(no_image)?;
        }
        let mut archive = Vec::new();
        let mut chunks = Box::pin(self.docker.export_image(&name));
        while let Some(chunk) = chunks.try_next().await.map_err(|error| fault(&error))? {
            if (archive.len() + chunk.len()) as u64 > self.bytes_max {
                return Err(no_image(format!("it has more than {} bytes, the most here", self.bytes_max)));
            }
            archive.extend_from_slice(&chunk);
        }
        Ok(archive)
    }

    async fn inspect(&self, name: &str) -> Result<Option<ImageInspect>, ContainerError> {
        match self.docker.inspect_image(name).await {
            Ok(image) => Ok(Some(image)),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(fault(&error)),
        }
    }

    async fn pull(&self, name: &str) -> Result<(), String> {
        let options =
            CreateImageOptions { from_image: Some(name.to_owned()), ..CreateImageOptions::default() };
        let mut steps = Box::pin(self.docker.create_image(Some(options), None, None));
        let mut layers = BTreeMap::new();
        let pulled = tokio::time::timeout(PULL_TIME_MAX, async {
            while let Some(step) = steps.next().await {
                let step = step.map_err(|error| limited(&error.to_string()))?;
                if let Some(error) = step.error_detail {
                    return Err(limited(&error.message.unwrap_or_default()));
                }
                // A registry may not say how much it sends.
                let total = step
                    .progress_detail
                    .map(|progress| progress.total.unwrap_or(0).max(progress.current.unwrap_or(0)));
                if let (Some(id), Some(total), Some("Downloading")) = (step.id, total, step.status.as_deref())
                {
                    layers.insert(id, u64::try_from(total).unwrap_or(0));
                    let bytes = layers.values().fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
                    // The engine stops pulling when the request ends.
                    if bytes > self.bytes_max || layers.len() > LAYERS_MAX {
                        return Err(format!("it has more than {} bytes, the most here", self.bytes_max));
                    }
                }
            }
            Ok(())
        });
        pulled
            .await
            .unwrap_or_else(|_| Err(format!("it didn't come in {} min", PULL_TIME_MAX.as_secs() / 60)))
    }

    async fn load(&self, chunks: Vec<axum::body::Bytes>) -> Result<(), String> {
        let bytes: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        if bytes > self.bytes_max {
            return Err(format!("it has more than {} bytes, the most here", self.bytes_max));
        }
        let options = ImportImageOptions { quiet: true, ..ImportImageOptions::default() };
        let body = bollard::body_stream(futures::stream::iter(chunks));
        let mut steps = Box::pin(self.docker.import_image(options, body, None));
        while let Some(step) = steps.next().await {
            let step = step.map_err(|error| limited(&error.to_string()))?;
            if let Some(error) = step.error_detail {
                return Err(limited(&error.message.unwrap_or_default()));
            }
        }
        Ok(())
    }
}

fn parse(reference: &str) -> Result<ImageName, ContainerError> {
    ImageName::parse(reference).ok_or_else(|| ContainerError::Image {
        image: limited(reference),
        reason: "that is no image's name; write it as busybox, registry/name:tag or name@sha256:…".to_owned(),
    })
}

/// The tag under which an archive is found again. No registry has this name.
fn archive_tag(cid: Cid) -> String {
    format!("lilypad.local/archive:{}", cid.digest.to_string().trim_start_matches("0x"))
}

/// An image for other processors would fail on its first instruction.
fn check_platform(image: &ImageInspect) -> Result<(), String> {
    let (os, architecture) = (image.os.as_deref().unwrap_or("linux"), image.architecture.as_deref());
    let wanted = self::architecture();
    match architecture {
        Some(other) if !other.is_empty() && (other != wanted || os != "linux") => {
            Err(format!("it is for {os}/{other}, and this machine is linux/{wanted}"))
        }
        _ => Ok(()),
    }
}
