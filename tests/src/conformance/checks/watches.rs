//! Watches: filtered by label, from a revision, reopened, several in the same order.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{Collection, by_label};
use super::super::ctx::Ctx;
use super::super::expect::is;
use super::super::watch::Watch;
use super::checks;

checks! {
    "watch-restart" => reopened;
    "watch-from-rv" => from_a_revision;
    "watch-multi" => several;
    "watch-order" => same_order;
}

fn revision(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap_or_default()
}

async fn watch(maps: &Collection, selector: &str, revision: &str) -> Result<Watch> {
    maps.watch(&format!("{}&resourceVersion={revision}", by_label(selector))).await
}

async fn make(maps: &Collection, name: &str, label: &str) -> Result<Value> {
    maps.create(json!({"metadata": {"name": name, "labels": {"watched": label}}})).await
}

async fn mutate(maps: &Collection, name: &str, value: &str) -> Result<Value> {
    maps.merge(name, json!({"data": {"mutation": value}})).await
}

/// The next event is a change to this value.
async fn modified(watch: &mut Watch, name: &str, value: &str) -> Result<Value> {
    let seen = watch.exactly(&[("MODIFIED", name)]).await?.remove(0);
    is(&seen, "/data/mutation", value)?;
    Ok(seen)
}

async fn reopened(ctx: &Ctx) -> Result<()> {
    let maps = ctx.config_maps();
    let start = maps.list("").await?;
    let mut first = watch(&maps, "watched=yes", revision(&start)).await?;
    make(&maps, "map", "yes").await?;
    mutate(&maps, "map", "1").await?;
    first.exactly(&[("ADDED", "map")]).await?;
    let last = modified(&mut first, "map", "1").await?;
    drop(first);
    mutate(&maps, "map", "2").await?;
    let mut again = watch(&maps, "watched=yes", revision(&last)).await?;
    maps.delete("map").await?;
    modified(&mut again, "map", "2").await.context("the watch begun again")?;
    again.exactly(&[("DELETED", "map")]).await.context("the watch begun again")?;
    again.silent(1).await
}

async fn from_a_revision(ctx: &Ctx) -> Result<()> {
    let maps = ctx.config_maps();
    make(&maps, "map", "yes").await?;
    let first = mutate(&maps, "map", "1").await?;
    mutate(&maps, "map", "2").await?;
    maps.delete("map").await?;
    let mut watch = watch(&maps, "watched=yes", revision(&first)).await?;
    modified(&mut watch, "map", "2").await?;
    watch.exactly(&[("DELETED", "map")]).await?;
    watch.silent(1).await
}

async fn several(ctx: &Ctx) -> Result<()> {
    let maps = ctx.config_maps();
    let start = maps.list("").await?;
    let start = revision(&start);
    let mut a = watch(&maps, "watched=a", start).await?;
    let mut b = watch(&maps, "watched=b", start).await?;
    let mut both = watch(&maps, "watched in (a,b)", start).await?;
    make(&maps, "map-a", "a").await?;
    mutate(&maps, "map-a", "1").await?;
    mutate(&maps, "map-a", "2").await?;
    maps.delete("map-a").await?;
    for watch in [&mut a, &mut both] {
        watch.exactly(&[("ADDED", "map-a")]).await?;
        modified(watch, "map-a", "1").await?;
        modified(watch, "map-a", "2").await?;
        watch.exactly(&[("DELETED", "map-a")]).await?;
    }
    make(&maps, "map-b", "b").await?;
    maps.delete("map-b").await?;
    for watch in [&mut b, &mut both] {
        watch.exactly(&[("ADDED", "map-b"), ("DELETED", "map-b")]).await?;
    }
    for watch in [&mut a, &mut b, &mut both] {
        watch.silent(1).await?;
    }
    Ok(())
}

/// A watch is begun at every revision that the first one sees, while objects come, change and go.
async fn same_order(ctx: &Ctx) -> Result<()> {
    const OBJECTS: usize = 20;
    let maps = ctx.config_maps();
    let start = maps.list("").await?;
    let mut first = watch(&maps, "watched=yes", revision(&start)).await?;
    let write = async {
        for at in 0..OBJECTS {
            let name = format!("map-{at}");
            make(&maps, &name, "yes").await?;
            mutate(&maps, &name, "1").await?;
            if at % 2 == 0 {
                maps.delete(&name).await?;
            }
        }
        anyhow::Ok(())
    };
    let events = OBJECTS * 2 + OBJECTS / 2;
    let read = async {
        let (mut seen, mut others) = (Vec::new(), Vec::new());
        while seen.len() < events {
            let event = first.next(20).await?;
            let at = revision(&event.object).to_owned();
            others.push(watch(&maps, "watched=yes", &at).await?);
            seen.push((event.kind, at));
        }
        for (from, other) in others.iter_mut().enumerate() {
            for (at, expected) in seen.iter().enumerate().skip(from + 1) {
                let event = other.next(20).await.with_context(|| format!("event {at} of a watch from {from}"))?;
                let found = (event.kind, revision(&event.object).to_owned());
                ensure!(found == *expected, "a watch from event {from} has {found:?} as event {at}, not {expected:?}");
            }
        }
        anyhow::Ok(())
    };
    let (written, read) = futures::join!(write, read);
    written?;
    read
}
