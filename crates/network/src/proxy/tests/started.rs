//! The running proxy against a scripted API: what it applies, when it says so, and that it comes back after a flush.

use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::super::{Config, start};
use crate::ledger::memory::MemoryLedger;
use crate::ledger::{Made, undo};
use crate::nft::Connection;
use crate::table::{Cidrs, Table, skeleton};
use crate::tests::fake_api::FakeApi;
use crate::tests::{as_host, eventually};

fn slice(addresses: &[&str]) -> serde_json::Value {
    let endpoints: Vec<_> = addresses.iter().map(|address| json!({"addresses": [address]})).collect();
    json!({
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "1", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4", "ports": [{"port": 80}], "endpoints": endpoints,
    })
}

fn endpoints(table: &Table) -> usize {
    Connection::open().unwrap().elements(table.id(), "endpoints4").unwrap().len()
}

#[test]
fn it_follows_the_api_and_puts_back_what_others_flush() {
    as_host(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let api = FakeApi::default();
            api.put("nodes", json!({"metadata": {"name": "here", "uid": "n"}}));
            let spec = json!({"clusterIP": "10.43.0.5", "ports": [{"port": 80}]});
            api.put("services", json!({"metadata": {"name": "web", "namespace": "shop", "uid": "s"}, "spec": spec}));
            api.put("endpointslices", slice(&["10.42.0.2", "10.42.0.3"]));
            let ledger = Arc::new(MemoryLedger::default());
            let table = Arc::new(Table::open("test".into(), skeleton(&Cidrs::default(), "oxtest"), &*ledger).unwrap());
            let spawn = |_: &'static str, task| drop(tokio::spawn(task));
            let env = Env::new(jiff::Timestamp::now, |buffer| buffer.fill(1), spawn);
            let stop = CancellationToken::new();
            let config = Config {
                node_name: "here".into(),
                cluster_cidrs: vec![],
                table: table.clone(),
                ledger,
                stop: stop.clone(),
            };
            let handle = start(config, api.client(), &env).unwrap();
            let mut applied = handle.applied();
            let revision = *applied.wait_for(|revision| *revision > 0).await.unwrap();
            assert_eq!(endpoints(&table), 2);
            let second = ["10.42.0.3".parse().unwrap()];
            assert!(!handle.wait_without(&second, Duration::from_millis(50)).await, "it is still served");
            api.put("endpointslices", slice(&["10.42.0.2"]));
            assert!(handle.wait_without(&second, Duration::from_secs(5)).await);
            applied.wait_for(|newer| *newer > revision).await.unwrap();
            assert_eq!(endpoints(&table), 1);
            undo(Made::Table, "inet oxkube").unwrap();
            eventually("the flushed table is back", || endpoints(&table) == 1).await;
            stop.cancel();
        });
    });
}
