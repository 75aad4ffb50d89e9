//! The machine the control plane runs on: starts it, lets it die, starts it again from what the disk still has.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apiserver::pki::Pki;
use apiserver::{ApiServer, Config, Identity, Kinds, Objects};
use jiff::Timestamp;
use parking_lot::Mutex;
use store::{MemoryEngine, Options, Store};
use tokio_util::sync::CancellationToken;

use crate::components;
use crate::disk::Disk;
use crate::link::{Address, Link};
use crate::plan::Plan;
use crate::seams::{Chance, Seams};

/// The cluster's keys, made once for all histories: nothing that is checked depends on them.
#[derive(Clone)]
pub struct Keys(Arc<Pki>);

impl Keys {
    /// Makes keys that are valid in the simulation's time; their files go to `folder`.
    pub async fn make(folder: &Path) -> Result<Self, String> {
        let kinds = Kinds::new(api::kinds::ALL);
        let seams = Seams::new(0);
        let env = seams.env(&CancellationToken::new());
        let store = Store::open(Box::new(MemoryEngine::default()), options(&kinds, &seams));
        let store = store.map_err(|error| error.to_string())?;
        let pki = Pki::open(&store, &Config::new(folder), &env).await;
        pki.map(|pki| Self(Arc::new(pki))).map_err(|error| error.to_string())
    }
}

/// The simulated control plane with what outlives it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) seams: Seams,
    pub(crate) disk: Disk,
    pub(crate) plan: Plan,
    pub(crate) address: Address,
    keys: Keys,
    chance: Chance,
    lives: Arc<Mutex<Lives>>,
}

/// The processes of now.
struct Lives {
    server: CancellationToken,
    components: CancellationToken,
    crashes: u64,
}

fn options(kinds: &Kinds, seams: &Seams) -> Options<apiserver::Meta> {
    let clock = seams.clone();
    Options {
        derive: apiserver::derive(kinds.clone()),
        now: Arc::new(move || Timestamp::as_second(clock.now())),
        lazy_prefixes: apiserver::LAZY_PREFIXES.map(str::to_owned).to_vec(),
        ring_bytes: 4 << 20,
        retention_seconds: 300,
        // The disk has ended this life already.
        on_fatal: Arc::new(|_| {}),
        threaded: false,
    }
}

impl Cluster {
    pub(crate) fn new(seams: &Seams, plan: &Plan, keys: &Keys) -> Self {
        let lives = Lives { server: CancellationToken::new(), components: CancellationToken::new(), crashes: 0 };
        Self {
            seams: seams.clone(),
            disk: Disk::new(seams),
            plan: plan.clone(),
            address: Address::default(),
            keys: keys.clone(),
            chance: seams.stream("cluster"),
            lives: Arc::new(Mutex::new(lives)),
        }
    }

    /// A client that speaks as `name`, over the faulty transport.
    pub(crate) fn client(&self, name: &str, groups: &[&str]) -> kube::Client {
        let link = Link::new(&self.address, Identity::new(name, groups), &self.seams, self.plan.clone());
        client::in_process_as(link, "sim")
    }

    pub(crate) fn crashes(&self) -> u64 {
        self.lives.lock().crashes
    }

    /// Kills the server where it stands; [`Cluster::keep_alive`] starts it again.
    pub(crate) fn crash(&self) {
        self.lives.lock().server.cancel();
    }

    /// Ends all of it, so that nothing holds anything any more.
    pub(crate) fn end(&self) {
        let lives = self.lives.lock();
        lives.components.cancel();
        lives.server.cancel();
        self.address.set(None);
    }

    /// Boots, and boots again after every death.
    pub(crate) async fn keep_alive(self) {
        self.start_components();
        loop {
            let life = CancellationToken::new();
            self.lives.lock().server = life.clone();
            match life.run_until_cancelled(self.boot(&life)).await {
                Some(Ok(server)) => {
                    self.address.set(Some((server, life.clone())));
                    self.seams.trace.line(&format!("{} up", self.seams.elapsed_ms()));
                    life.cancelled().await;
                }
                Some(Err(_)) if life.is_cancelled() => {}
                Some(Err(error)) => return self.seams.trace.fail(format!("the server does not start: {error}")),
                None => {}
            }
            self.bury().await;
        }
    }

    /// Takes down what died, loses what was not synced, waits a while.
    async fn bury(&self) {
        self.address.set(None);
        self.disk.crash();
        self.lives.lock().crashes += 1;
        self.seams.trace.line(&format!("{} down", self.seams.elapsed_ms()));
        let whole = self.chance.one_in(2);
        if whole {
            self.lives.lock().components.cancel();
        }
        tokio::time::sleep(Duration::from_millis(100 + self.chance.below(4000))).await;
        if whole {
            self.start_components();
        }
    }

    fn start_components(&self) {
        let life = CancellationToken::new();
        self.lives.lock().components = life.clone();
        components::start(self, &life);
    }

    async fn boot(&self, life: &CancellationToken) -> Result<ApiServer, String> {
        let kinds = Kinds::new(api::kinds::ALL);
        let env = self.seams.env(life);
        let engine = self.disk.engine(life, self.plan.faults());
        let store = Store::open(Box::new(engine), options(&kinds, &self.seams)).map_err(|error| error.to_string())?;
        env.spawn("store", tick(store.clone()));
        let pki = &self.keys.0;
        let server = apiserver::assemble(Config::new("/nowhere"), kinds, Objects::new(store, env), pki);
        let server = server.map_err(|error| error.to_string())?;
        apiserver::bootstrap::run(server.service(Identity::server()), server.objects(), server.config(), pki)
            .await
            .map_err(|error| error.to_string())?;
        Ok(server)
    }
}

/// What the committer's thread does between writes.
async fn tick(store: Store<apiserver::Meta>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if store.tick().is_err() {
            return;
        }
    }
}
