//! Unpacked layers, one directory each, found by the chain id of the stack they top. Numbered directories keep overlayfs' options
//! short enough for stacks of hundreds of layers. Leaves out mounting them: containers do that in their own mount namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::digest::{Digest, HashingReader, chain_id};
use super::{ImageError, layer};
use crate::atomic_file;

const RECORD: &str = "layer.json";
const CONTENT: &str = "fs";
const UNFINISHED: &str = "new-";
const REMOVED: &str = "gone-";

pub struct Snapshots {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_chain: BTreeMap<Digest, Snapshot>,
    next: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    pub number: u64,
    pub chain_id: Digest,
    pub parent: Option<Digest>,
    pub bytes: u64,
}

impl Snapshots {
    /// Reads what is there and clears away what a crash left unfinished.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        let mut state = State::default();
        for entry in fs::read_dir(&root)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(UNFINISHED) || name.starts_with(REMOVED) {
                fs::remove_dir_all(entry.path())?;
            } else if let Some(snapshot) = atomic_file::read_json::<Snapshot>(&entry.path().join(RECORD))? {
                state.next = state.next.max(snapshot.number + 1);
                state.by_chain.insert(snapshot.chain_id.clone(), snapshot);
            }
        }
        Ok(Self { root, state: Mutex::new(state) })
    }

    /// The directory that numbers of `stack` are relative to.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn contains(&self, chain: &Digest) -> bool {
        self.state.lock().by_chain.contains_key(chain)
    }

    /// The layer directories of a stack relative to `root`, topmost first, as overlayfs wants them.
    pub fn stack(&self, top: &Digest) -> Option<Vec<String>> {
        let state = self.state.lock();
        let mut stack = Vec::new();
        let mut next = Some(top);
        while let Some(chain) = next {
            let snapshot = state.by_chain.get(chain)?;
            stack.push(format!("{}/{CONTENT}", snapshot.number));
            next = snapshot.parent.as_ref();
        }
        Some(stack)
    }

    /// Bytes of all files in a stack.
    pub fn bytes(&self, top: &Digest) -> u64 {
        let state = self.state.lock();
        let chain =
            std::iter::successors(state.by_chain.get(top), |snapshot| state.by_chain.get(snapshot.parent.as_ref()?));
        chain.map(|snapshot| snapshot.bytes).sum()
    }

    /// Bytes and number of all layers.
    pub fn usage(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.by_chain.values().map(|snapshot| snapshot.bytes).sum(), state.by_chain.len() as u64)
    }

    /// Unpacks a layer, compressed in whatever way, on top of `parent`; its uncompressed digest must be `diff_id`. Blocks.
    pub fn unpack(
        &self,
        compressed: impl Read,
        parent: Option<&Digest>,
        diff_id: &Digest,
    ) -> Result<Digest, ImageError> {
        let chain = chain_id(parent, diff_id);
        if self.contains(&chain) {
            return Ok(chain);
        }
        let parents = match parent {
            None => Vec::new(),
            Some(parent) => self.stack(parent).ok_or_else(|| ImageError::MissingLayer(parent.clone()))?,
        };
        let parents: Vec<PathBuf> = parents.iter().map(|path| self.root.join(path)).collect();
        let number = {
            let mut state = self.state.lock();
            state.next += 1;
            state.next - 1
        };
        let staging = self.root.join(format!("{UNFINISHED}{number}"));
        let outcome = fill(&staging, compressed, &parents, diff_id).and_then(|bytes| {
            let snapshot = Snapshot { number, chain_id: chain.clone(), parent: parent.cloned(), bytes };
            self.commit(&staging, snapshot).map_err(ImageError::Store)
        });
        if outcome.is_err()
            && let Err(error) = fs::remove_dir_all(&staging)
        {
            // The next start clears it away.
            tracing::warn!(%error, directory = %staging.display(), "unfinished layer not removed");
        }
        outcome.map(|()| chain)
    }

    fn commit(&self, staging: &Path, snapshot: Snapshot) -> io::Result<()> {
        rustix::fs::syncfs(fs::File::open(staging)?)?;
        atomic_file::write_json(&staging.join(RECORD), &snapshot)?;
        let mut state = self.state.lock();
        if state.by_chain.contains_key(&snapshot.chain_id) {
            return fs::remove_dir_all(staging);
        }
        fs::rename(staging, self.root.join(snapshot.number.to_string()))?;
        fs::File::open(&self.root)?.sync_all()?;
        state.by_chain.insert(snapshot.chain_id.clone(), snapshot);
        Ok(())
    }

    /// Removes every layer that is in no stack of `tops`; gives the bytes freed. Blocks.
    pub fn retain(&self, tops: &BTreeSet<Digest>) -> io::Result<u64> {
        let doomed: Vec<Snapshot> = {
            let mut state = self.state.lock();
            let mut kept = BTreeSet::new();
            for top in tops {
                let mut next = Some(top.clone());
                while let Some(chain) = next.filter(|chain| kept.insert(chain.clone())) {
                    next = state.by_chain.get(&chain).and_then(|snapshot| snapshot.parent.clone());
                }
            }
            let (live, dead) =
                std::mem::take(&mut state.by_chain).into_iter().partition(|(chain, _)| kept.contains(chain));
            state.by_chain = live;
            let dead: BTreeMap<Digest, Snapshot> = dead;
            for snapshot in dead.values() {
                fs::rename(
                    self.root.join(snapshot.number.to_string()),
                    self.root.join(format!("{REMOVED}{}", snapshot.number)),
                )?;
            }
            dead.into_values().collect()
        };
        for snapshot in &doomed {
            fs::remove_dir_all(self.root.join(format!("{REMOVED}{}", snapshot.number)))?;
        }
        Ok(doomed.iter().map(|snapshot| snapshot.bytes).sum())
    }
}

fn fill(staging: &Path, compressed: impl Read, parents: &[PathBuf], diff_id: &Digest) -> Result<u64, ImageError> {
    let content = staging.join(CONTENT);
    fs::create_dir_all(&content).map_err(ImageError::Store)?;
    let archive = decompress(compressed).map_err(ImageError::Decompress)?;
    let mut archive = HashingReader::new(archive, diff_id);
    let bytes = layer::apply(&mut archive, &content, parents)?;
    let (found, _) = archive.finish().map_err(ImageError::Decompress)?;
    if found != *diff_id {
        return Err(ImageError::WrongDigest { what: "uncompressed layer", expected: diff_id.clone(), found });
    }
    Ok(bytes)
}

/// By what the bytes say, as media types are often wrong: gzip, zstd or a plain archive.
pub fn decompress<'a>(mut compressed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::with_capacity(4);
    compressed.by_ref().take(4).read_to_end(&mut magic)?;
    let is_gzip = magic.starts_with(&[0x1f, 0x8b]);
    let is_zstd = magic == [0x28, 0xb5, 0x2f, 0xfd];
    let whole = io::Cursor::new(magic).chain(compressed);
    Ok(match (is_gzip, is_zstd) {
        (true, _) => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        (_, true) => Box::new(zstd::stream::read::Decoder::new(whole)?),
        _ => Box::new(whole),
    })
}
