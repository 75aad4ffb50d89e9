//! Endpoints and EndpointSlices that controllers keep.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::super::collection::{by_label, items, name_of};
use super::super::ctx::Ctx;
use super::super::expect::is;
use super::super::pods;
use super::super::wait::until;
use super::checks;

checks! {
    "net-apiserver-endpoints" => of_the_server;
    "eps-for-pods" => of_pods;
    "eps-empty" => empty_slice;
    "ep-empty" => empty_endpoints;
    "eps-mirror" => mirrored;
    "svc-latency" => latency;
}

/// The slices of a Service in the check's namespace.
pub async fn slices(ctx: &Ctx, service: &str) -> Result<Vec<Value>> {
    ctx.here("discovery.k8s.io/v1", "endpointslices").labelled(&format!("kubernetes.io/service-name={service}")).await
}

/// All addresses in Endpoints or in slices.
fn addresses(objects: &[Value], list: &str, field: &str) -> Vec<String> {
    let mut found: Vec<String> = objects
        .iter()
        .flat_map(|object| object[list].as_array().into_iter().flatten())
        .flat_map(|part| part["addresses"].as_array().into_iter().flatten())
        .map(|address| if field.is_empty() { address } else { &address[field] })
        .flat_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

async fn of_the_server(ctx: &Ctx) -> Result<()> {
    let endpoints = ctx.inside("default", "v1", "endpoints").get("kubernetes").await?;
    let by_endpoints = addresses(std::slice::from_ref(&endpoints), "subsets", "ip");
    ensure!(!by_endpoints.is_empty(), "Endpoints default/kubernetes has no address");
    let slices = ctx.inside("default", "discovery.k8s.io/v1", "endpointslices");
    let found = items(&slices.list(&by_label("kubernetes.io/service-name=kubernetes")).await?);
    let by_slices = addresses(&found, "endpoints", "");
    ensure!(by_slices == by_endpoints, "slices have {by_slices:?}, Endpoints have {by_endpoints:?}");
    // Each address is an API server of this cluster: it has its certificate.
    let port = endpoints["subsets"][0]["ports"][0]["port"].as_i64().context("a port")?;
    for address in by_endpoints {
        let mut connection = ctx.api.connection.clone();
        connection.server = format!("https://{address}:{port}");
        super::super::api::Api::new(connection)?.get("/version").await.with_context(|| format!("ask {address}"))?;
    }
    Ok(())
}

async fn of_pods(ctx: &Ctx) -> Result<()> {
    let ports = json!([{"name": "web", "port": 80, "targetPort": "http"}]);
    let spec = json!({"selector": {"app": "slice"}, "ports": ports});
    ctx.here("v1", "services").create(json!({"metadata": {"name": "slice"}, "spec": spec})).await?;
    let has_pods = async |wanted: &[&Value]| {
        until(60, &format!("slices with {} Pods", wanted.len()), async || {
            let slices = slices(ctx, "slice").await?;
            let mut found = addresses(&slices, "endpoints", "");
            found.dedup();
            let mut expected: Vec<String> =
                wanted.iter().map(|pod| pod["status"]["podIP"].as_str().unwrap_or_default().to_owned()).collect();
            expected.sort();
            ensure!(found == expected, "they have {found:?}, expected {expected:?}");
            for pod in wanted {
                refers_to(&slices, pod)?;
            }
            Ok(())
        })
        .await
    };
    let mut made = Vec::new();
    for name in ["one", "two"] {
        let mut pod = pods::with(pods::web(ctx, name), json!({"ports": [{"name": "http", "containerPort": 80}]}));
        pod["metadata"]["labels"] = json!({"app": "slice"});
        made.push(pods::started(ctx, pod).await?);
        has_pods(&made.iter().collect::<Vec<_>>()).await?;
    }
    ctx.pods().delete("one").await?;
    has_pods(&[&made[1]]).await.context("after one Pod was deleted")
}

/// A slice has the Pod as a ready endpoint, with its name, node and the Service's port.
fn refers_to(slices: &[Value], pod: &Value) -> Result<()> {
    for slice in slices {
        let endpoints = slice["endpoints"].as_array().into_iter().flatten();
        if let Some(endpoint) = endpoints.into_iter().find(|it| it["targetRef"]["name"] == pod["metadata"]["name"]) {
            is(endpoint, "/targetRef/kind", "Pod")?;
            is(endpoint, "/targetRef/uid", pod["metadata"]["uid"].clone())?;
            is(endpoint, "/nodeName", pod["spec"]["nodeName"].clone())?;
            is(endpoint, "/conditions/ready", true)?;
            is(slice, "/ports/0/name", "web")?;
            return is(slice, "/ports/0/port", 80);
        }
    }
    bail!("no slice refers to {}", name_of(pod))
}

async fn empty(ctx: &Ctx) -> Result<()> {
    let spec = json!({"selector": {"app": "nobody"}, "ports": [{"port": 80}]});
    ctx.here("v1", "services").create(json!({"metadata": {"name": "empty"}, "spec": spec})).await.map(drop)
}

async fn empty_slice(ctx: &Ctx) -> Result<()> {
    empty(ctx).await?;
    until(30, "a slice without endpoints", async || {
        let found = slices(ctx, "empty").await?;
        ensure!(found.len() == 1, "there are {} slices", found.len());
        ensure!(addresses(&found, "endpoints", "").is_empty(), "it has {}", found[0]["endpoints"]);
        Ok(())
    })
    .await?;
    ctx.here("v1", "services").delete("empty").await?;
    until(60, "the slice to go with its Service", async || {
        let found = slices(ctx, "empty").await?.len();
        ensure!(found == 0, "there are {found}");
        Ok(())
    })
    .await
}

async fn empty_endpoints(ctx: &Ctx) -> Result<()> {
    empty(ctx).await?;
    let endpoints = ctx.here("v1", "endpoints");
    let found = endpoints.when(30, "empty", |_| Ok(())).await?;
    ensure!(addresses(std::slice::from_ref(&found), "subsets", "ip").is_empty(), "it has {}", found["subsets"]);
    ctx.here("v1", "services").delete("empty").await?;
    endpoints.gone(60, "empty").await
}

async fn mirrored(ctx: &Ctx) -> Result<()> {
    let ports = json!([{"name": "web", "port": 80}]);
    ctx.here("v1", "services").create(json!({"metadata": {"name": "mirror"}, "spec": {"ports": ports}})).await?;
    let endpoints = ctx.here("v1", "endpoints");
    let subsets = |address: &str| json!([{"addresses": [{"ip": address}], "ports": [{"name": "web", "port": 80}]}]);
    endpoints.create(json!({"metadata": {"name": "mirror"}, "subsets": subsets("10.1.2.3")})).await?;
    let shows = async |wanted: &[&str]| {
        until(60, &format!("a mirror with {wanted:?}"), async || {
            let found = slices(ctx, "mirror").await?;
            let found = addresses(&found, "endpoints", "");
            ensure!(found == wanted, "it has {found:?}");
            Ok(())
        })
        .await
    };
    shows(&["10.1.2.3"]).await?;
    let slice = slices(ctx, "mirror").await?.remove(0);
    let by = &slice["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"];
    ensure!(by == "endpointslicemirroring-controller.k8s.io", "it is managed by {by}");
    endpoints.edit("mirror", |it| it["subsets"] = subsets("10.2.3.4")).await?;
    shows(&["10.2.3.4"]).await.context("after an update")?;
    endpoints.delete("mirror").await?;
    until(60, "the mirror to go", async || {
        let found = slices(ctx, "mirror").await?.len();
        ensure!(found == 0, "there are {found} slices");
        Ok(())
    })
    .await
}

/// From a Service's creation until its Endpoints have the Pod, 100 times.
async fn latency(ctx: &Ctx) -> Result<()> {
    const SAMPLES: usize = 100;
    let mut pod = pods::web(ctx, "pod");
    pod["metadata"]["labels"] = json!({"app": "latency"});
    pods::started(ctx, pod).await?;
    let mut watch = ctx.here("v1", "endpoints").watch("").await?;
    let mut times = Vec::new();
    for at in 0..SAMPLES {
        let name = format!("latency-{at}");
        let spec = json!({"selector": {"app": "latency"}, "ports": [{"port": 80}]});
        let start = tokio::time::Instant::now();
        ctx.here("v1", "services").create(json!({"metadata": {"name": name}, "spec": spec})).await?;
        loop {
            let event = watch.next(60).await.with_context(|| format!("Endpoints of {name}"))?;
            let filled = !addresses(std::slice::from_ref(&event.object), "subsets", "ip").is_empty();
            if name_of(&event.object) == name && filled {
                break;
            }
        }
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let (half, most) = (times[SAMPLES / 2], times[SAMPLES * 9 / 10]);
    ensure!(half < 20.0 && most < 50.0, "p50 is {half:.2} s, p90 is {most:.2} s");
    Ok(())
}
