//! An engine that keeps its log in memory, for simulation and tests: what was appended but not synced is lost by [`MemoryEngine::crash`].

use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::{Engine, EngineError, Loaded, Record};
use crate::item::Revision;

#[derive(Default)]
struct Disk {
    records: Vec<Record>,
    synced_records: usize,
    state: Loaded,
    synced_state: Loaded,
    fail_next_sync: bool,
}

/// Cheap to clone; clones share one disk, so a second store can be opened on what a first one left.
#[derive(Clone, Default)]
pub struct MemoryEngine {
    disk: Arc<Mutex<Disk>>,
}

impl MemoryEngine {
    /// Loses everything that was not synced, as a power cut does.
    pub fn crash(&self) {
        let mut disk = self.disk.lock();
        let keep = disk.synced_records;
        disk.records.truncate(keep);
        disk.state = disk.synced_state;
    }

    /// Makes the next synced append fail, as a full or broken disk does.
    pub fn fail_next_sync(&self) {
        self.disk.lock().fail_next_sync = true;
    }
}

impl Engine for MemoryEngine {
    fn load(&mut self, each: &mut dyn FnMut(Record)) -> Result<Loaded, EngineError> {
        let mut disk = self.disk.lock();
        disk.records.iter().cloned().for_each(each);
        let loaded = disk.state;
        disk.state.clean = false;
        disk.synced_state.clean = false;
        Ok(loaded)
    }

    fn append(&mut self, records: &[Record], high_water: Revision, sync: bool) -> Result<(), EngineError> {
        let mut disk = self.disk.lock();
        if sync && std::mem::take(&mut disk.fail_next_sync) {
            return Err(EngineError::Failed("fsync failed".to_owned()));
        }
        disk.records.extend_from_slice(records);
        disk.state.high_water = high_water;
        if sync {
            disk.synced_records = disk.records.len();
            disk.synced_state = disk.state;
        }
        Ok(())
    }

    fn compact(&mut self, superseded: &[Revision], floor: Revision) -> Result<(), EngineError> {
        let mut disk = self.disk.lock();
        disk.records.retain(|record| superseded.binary_search(&record.revision).is_err());
        disk.state.compacted = floor;
        disk.synced_records = disk.records.len();
        disk.synced_state = disk.state;
        Ok(())
    }

    fn close(&mut self) -> Result<(), EngineError> {
        let mut disk = self.disk.lock();
        disk.state.clean = true;
        disk.synced_records = disk.records.len();
        disk.synced_state = disk.state;
        Ok(())
    }
}
