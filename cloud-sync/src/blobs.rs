//! Content: each piece lies in a folder or an S3-compatible store under the hash of its bytes, and under nothing else.
//!
//! No name that anybody typed reaches the store. Pieces pass through in parts: none is ever held whole.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use machiai_core::program::content::ContentHash;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Place;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreExt as _, WriteMultipart};
use thiserror::Error;

/// How much is read, hashed and sent at once, in bytes: S3 takes no smaller part but the last.
const PIECE: usize = 8 * 1024 * 1024;

/// How much is read for a box at once, in bytes.
const READ_AT_ONCE: u64 = 1024 * 1024;

/// How long one request of an S3 store may take: a piece, on a line that is not fast.
const S3_ANSWERS_WITHIN: &str = "5 minutes";

/// Content cannot be kept or given.
#[derive(Debug, Error)]
pub enum BlobError {
    /// A place that nobody knows.
    #[error("content lies in file:FOLDER, or in s3://BUCKET/PREFIX?endpoint=URL&region=NAME")]
    Name,
    /// The folder cannot be made.
    #[error("cannot make the folder {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file to be kept cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file to be kept is empty, which nothing that airs is.
    #[error("{path} is empty")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// The file to be kept was written meanwhile.
    #[error("{path} changed while it was read")]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// The store failed.
    #[error("cannot {step}")]
    Store {
        /// What was tried.
        step: &'static str,
        /// Why.
        #[source]
        source: object_store::Error,
    },
}

/// Bytes as they come.
pub(crate) type Pieces = BoxStream<'static, Result<Bytes, object_store::Error>>;

/// Where content lies.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    below: Place,
}

impl Blobs {
    /// Opens a place: `file:FOLDER`, which is made if it is not there, for its owner alone; or
    /// `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`, whose credentials stand in the environment as the tools of S3 name
    /// them (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`).
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn open(name: &str) -> Result<Self, BlobError> {
        match name.split_once(':') {
            Some(("file", folder)) if !folder.is_empty() => Self::in_folder(Path::new(folder)),
            Some(("s3", rest)) => Self::in_s3(rest.strip_prefix("//").ok_or(BlobError::Name)?),
            Some(_) | None => Err(BlobError::Name),
        }
    }

    fn in_folder(folder: &Path) -> Result<Self, BlobError> {
        let made = crate::folder::make_private(folder);
        made.map_err(|source| BlobError::Folder { path: folder.to_owned(), source })?;
        // What is named in a fact must outlive a power cut.
        let store = LocalFileSystem::new_with_prefix(folder).map_err(failed("open the folder"))?.with_fsync(true);
        Ok(Self { store: Arc::new(store), below: Place::default() })
    }

    fn in_s3(rest: &str) -> Result<Self, BlobError> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, below) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err(BlobError::Name);
        }
        let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
        let builder = AmazonS3Builder::from_env().with_config(timeout, S3_ANSWERS_WITHIN);
        let mut builder = builder.with_bucket_name(bucket);
        for value in query.split('&').filter(|value| !value.is_empty()) {
            builder = match value.split_once('=') {
                Some(("endpoint", url)) => builder.with_endpoint(url).with_allow_http(url.starts_with("http://")),
                Some(("region", region)) => builder.with_region(region),
                Some(_) | None => return Err(BlobError::Name),
            };
        }
        // Its client takes the process's own; one that was chosen before is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let store = builder.build().map_err(failed("use the S3 store"))?;
        let below = Place::parse(below).map_err(|_bad| BlobError::Name)?;
        Ok(Self { store: Arc::new(store), below })
    }

    fn place(&self, content: ContentHash) -> Place {
        self.below.clone().join(content.to_string())
    }

    /// Keeps a file, and returns the hash that it is known by; whole, or not at all.
    ///
    /// # Errors
    /// [`BlobError`]: keep it again.
    pub async fn put(&self, path: &Path) -> Result<ContentHash, BlobError> {
        let unread = |source| BlobError::File { path: path.to_owned(), source };
        let named = path.to_owned();
        let hashed = tokio::task::spawn_blocking(move || hash(&named)).await;
        let (content, n_bytes) = hashed.map_err(io::Error::other).and_then(|hashed| hashed).map_err(unread)?;
        if n_bytes == 0 {
            return Err(BlobError::Empty { path: path.to_owned() });
        }
        let mut file = File::open(path).map_err(unread)?;
        let step = "keep content";
        let upload = self.store.put_multipart(&self.place(content)).await.map_err(failed(step))?;
        let (mut upload, mut hasher) = (WriteMultipart::new_with_chunk_size(upload, PIECE), blake3::Hasher::new());
        loop {
            let read = tokio::task::spawn_blocking(move || piece(file)).await;
            let (next, bytes) = read.map_err(io::Error::other).and_then(|read| read).map_err(unread)?;
            if bytes.is_empty() {
                break;
            }
            hasher.update(&bytes);
            upload.wait_for_capacity(1).await.map_err(failed(step))?;
            upload.put(bytes.into());
            file = next;
        }
        if *hasher.finalize().as_bytes() != *content.bytes() {
            upload.abort().await.map_err(failed(step))?;
            return Err(BlobError::Changed { path: path.to_owned() });
        }
        upload.finish().await.map_err(failed(step))?;
        Ok(content)
    }

    /// Returns how many bytes a piece of content has; none where it does not lie here.
    ///
    /// # Errors
    /// [`BlobError`]: ask again.
    pub async fn size(&self, content: ContentHash) -> Result<Option<u64>, BlobError> {
        match self.store.head(&self.place(content)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(BlobError::Store { step: "find content", source }),
        }
    }

    /// Reads bytes of a piece of content, as fast as they are taken: each time a little is asked for, so that a box which
    /// takes an hour over it keeps no request open.
    pub(crate) fn read(&self, content: ContentHash, range: Range<u64>) -> Pieces {
        let (store, place) = (Arc::clone(&self.store), self.place(content));
        let pieces = stream::try_unfold(range.start, move |from| {
            let (store, place) = (Arc::clone(&store), place.clone());
            let to = from.saturating_add(READ_AT_ONCE).min(range.end);
            async move {
                if from >= to {
                    return Ok(None);
                }
                store.get_range(&place, from..to).await.map(|bytes| Some((bytes, to)))
            }
        });
        pieces.boxed()
    }
}

fn failed(step: &'static str) -> impl FnOnce(object_store::Error) -> BlobError {
    move |source| BlobError::Store { step, source }
}

/// Hashes a file, and counts its bytes.
fn hash(path: &Path) -> io::Result<(ContentHash, u64)> {
    let (mut file, mut hasher, mut n_bytes) = (File::open(path)?, blake3::Hasher::new(), 0_u64);
    loop {
        let (next, bytes) = piece(file)?;
        if bytes.is_empty() {
            return Ok((ContentHash::from_bytes(*hasher.finalize().as_bytes()), n_bytes));
        }
        hasher.update(&bytes);
        n_bytes = n_bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        file = next;
    }
}

/// Reads the next piece of a file; an empty one at its end.
fn piece(mut file: File) -> io::Result<(File, Vec<u8>)> {
    let mut bytes = Vec::new();
    file.by_ref().take(u64::try_from(PIECE).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok((file, bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::TryStreamExt as _;

    use super::*;

    async fn read(blobs: &Blobs, content: ContentHash, range: Range<u64>) -> Vec<u8> {
        blobs
            .read(content, range)
            .try_fold(Vec::new(), async |all, piece| Ok([all, piece.to_vec()].concat()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn what_is_put_into_a_folder_is_read_again_from_any_byte_on() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state/blobs");
        let blobs = Blobs::open(&format!("file:{}", state.display())).unwrap();
        let path = folder.path().join("film");
        // Two whole pieces and a part of a third.
        let bytes: Vec<u8> = (0..20_000_000_u32).map(|nth| (nth % 251).to_le_bytes()[0]).collect();
        File::create(&path).unwrap().write_all(&bytes).unwrap();
        let content = ContentHash::from_bytes(*blake3::hash(&bytes).as_bytes());
        for _ in 0..2 {
            assert_eq!(blobs.put(&path).await.unwrap(), content);
        }
        assert_eq!(blobs.size(content).await.unwrap(), Some(20_000_000));
        assert_eq!(read(&blobs, content, 0..20_000_000).await, bytes);
        for (from, to) in [(0_usize, 1_usize), (8_388_607, 8_388_610), (19_999_999, 20_000_000)] {
            let range = u64::try_from(from).unwrap()..u64::try_from(to).unwrap();
            assert_eq!(read(&blobs, content, range).await, bytes[from..to]);
        }
        let absent = ContentHash::from_bytes([9; 32]);
        assert_eq!(blobs.size(absent).await.unwrap(), None);
        assert!(blobs.read(absent, 0..1).next().await.unwrap().is_err());
        let lie: Vec<_> = std::fs::read_dir(state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(lie.len(), 1, "nothing half made lies beside it: {lie:?}");
    }

    #[tokio::test]
    async fn a_file_without_bytes_and_a_folder_are_no_content() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&format!("file:{}", folder.path().join("blobs").display())).unwrap();
        let empty = folder.path().join("empty");
        File::create(&empty).unwrap();
        assert!(matches!(blobs.put(&empty).await, Err(BlobError::Empty { .. })));
        for no_file in [folder.path().to_owned(), folder.path().join("none")] {
            assert!(matches!(blobs.put(&no_file).await, Err(BlobError::File { .. })));
        }
    }

    #[test]
    fn a_place_is_a_folder_or_a_bucket_and_nothing_else() {
        for bad in
            ["", "blobs", "file:", "s3:films", "s3://", "s3://films?x=1", "s3://films/a/../b?region=r", "ftp://x"]
        {
            assert!(matches!(Blobs::open(bad), Err(BlobError::Name)), "{bad}");
        }
        for good in ["s3://films?endpoint=http://127.0.0.1:9000&region=r", "s3://films/below/that?region=r"] {
            assert!(Blobs::open(good).is_ok(), "{good}");
        }
    }
}
