//! The story: what users and fate do to the cluster, drawn from the seed, one step after the other.

use std::time::Duration;

use client::{ObjectKey, Propagation, ResourceType};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::hollow::Hollow;
use crate::seams::Chance;
use crate::user::User;

const NAMESPACE: &str = "default";
const NAMES: [&str; 3] = ["web", "api", "db"];

/// One telling.
pub(crate) struct Story {
    cluster: Cluster,
    user: User,
    chance: Chance,
    nodes: Vec<(u64, CancellationToken)>,
    next_node: u64,
}

impl Story {
    pub(crate) fn new(cluster: &Cluster, user: &User) -> Self {
        let chance = cluster.seams.stream("story");
        Self { cluster: cluster.clone(), user: user.clone(), chance, nodes: Vec::new(), next_node: 0 }
    }

    pub(crate) fn add_node(&mut self) {
        let life = CancellationToken::new();
        Hollow::start(&self.cluster, self.next_node, &life);
        self.nodes.push((self.next_node, life));
        self.next_node += 1;
    }

    /// Tells all of it.
    pub(crate) async fn tell(&mut self) {
        for _ in 0..self.cluster.plan.nodes {
            self.add_node();
        }
        for _ in 0..self.cluster.plan.steps {
            self.step().await;
            tokio::time::sleep(Duration::from_millis(self.chance.below(4000))).await;
        }
    }

    /// Takes the machines away.
    pub(crate) fn end(&self) {
        self.nodes.iter().for_each(|(_, life)| life.cancel());
    }

    async fn step(&mut self) {
        let name = *self.chance.pick(&NAMES).expect("there are names");
        let key = ObjectKey::new(NAMESPACE, name);
        let (deployment, job) = (ResourceType::of::<Deployment>(), ResourceType::of::<Job>());
        let (daemon, service) = (ResourceType::of::<DaemonSet>(), ResourceType::of::<Service>());
        match self.chance.below(20) {
            0..=3 => self.user.create(&deployment, NAMESPACE, &self.deployment(name)).await,
            4 | 5 => self.user.patch(&deployment, &key, &json!({"spec": {"replicas": self.chance.below(5)}})).await,
            6 => self.user.patch(&deployment, &key, &self.roll()).await,
            7 => self.user.delete(&deployment, &key, self.propagation()).await,
            8 | 9 => self.user.create(&job, NAMESPACE, &self.job(name)).await,
            10 => self.user.delete(&job, &key, Some(Propagation::Background)).await,
            11 => self.user.create(&daemon, NAMESPACE, &workload("apps/v1", "DaemonSet", &format!("d{name}"))).await,
            12 => self.user.delete(&daemon, &ObjectKey::new(NAMESPACE, format!("d{name}")), self.propagation()).await,
            13 | 14 => self.user.create(&service, NAMESPACE, &self.service(name)).await,
            15 => self.user.delete(&service, &key, None).await,
            16 => self.delete_a_pod().await,
            17 => self.change_nodes().await,
            _ => self.cluster.crash(),
        }
    }

    fn deployment(&self, name: &str) -> Value {
        let mut object = workload("apps/v1", "Deployment", name);
        object["spec"]["replicas"] = json!(self.chance.below(5));
        if self.chance.one_in(4) {
            object["spec"]["strategy"] = json!({"type": "Recreate"});
        }
        object
    }

    fn roll(&self) -> Value {
        let image = format!("image:{}", self.chance.below(1000));
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}})
    }

    fn job(&self, name: &str) -> Value {
        let mut template = template(name);
        template["spec"]["restartPolicy"] = json!("Never");
        let completions = 1 + self.chance.below(3);
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"completions": completions, "parallelism": 1 + self.chance.below(2), "template": template},
        })
    }

    fn service(&self, name: &str) -> Value {
        let kind = if self.chance.one_in(3) { "NodePort" } else { "ClusterIP" };
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": kind, "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
        })
    }

    fn propagation(&self) -> Option<Propagation> {
        *self.chance.pick(&[None, Some(Propagation::Background), Some(Propagation::Foreground)]).unwrap_or(&None)
    }

    async fn delete_a_pod(&self) {
        let path = ResourceType::of::<Pod>().path(NAMESPACE);
        let Ok(list) = self.user.rest().read::<Value>(&path).await else { return };
        let names: Vec<&str> =
            list["items"].as_array().into_iter().flatten().filter_map(|pod| pod["metadata"]["name"].as_str()).collect();
        if let Some(name) = self.chance.pick(&names) {
            self.user.delete(&ResourceType::of::<Pod>(), &ObjectKey::new(NAMESPACE, *name), None).await;
        }
    }

    /// A node joins, or one breaks and is taken out of the cluster.
    async fn change_nodes(&mut self) {
        if self.nodes.len() < 2 || self.chance.one_in(2) {
            return self.add_node();
        }
        let (index, life) = self.nodes.remove(0);
        life.cancel();
        let node = ObjectKey::cluster(format!("node-{index}"));
        // The machine is gone; its object has to go too, however often the answer is lost.
        loop {
            match self.user.rest().delete(&ResourceType::of::<Node>(), &node, &Default::default()).await {
                Ok(_) => return,
                Err(error) if error.is_not_found() => return,
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }
}

fn template(app: &str) -> Value {
    let container = json!({
        "name": "main", "image": "image:1", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
    });
    json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [container]}})
}

fn workload(api_version: &str, kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template(name)},
    })
}
