//! Names in the cluster: of Services and Pods, whole and in part, over UDP and TCP, forwards and backwards.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{contains, text};
use super::super::pods;
use super::super::wait::until;
use super::checks;

checks! {
    "dns-externalname" => external_name;
    "dns-hostname" => pod_host_name, "querier.headless";
    "dns-subdomain" => pod_host_name, "headless";
    "dns-services" => services;
    "dns-pqdn" => partial_names;
    "dns-config" => own_configuration;
}

const A: u16 = 1;
const SRV: u16 = 33;

async fn client(ctx: &Ctx) -> Result<()> {
    pods::started(ctx, pods::idle(ctx, "client")).await.map(drop)
}

/// What a lookup over UDP prints once it has this part.
pub async fn looked_up(ctx: &Ctx, kind: &str, name: &str, part: &str) -> Result<String> {
    until(60, &format!("{kind} of {name} to have {part}"), async || {
        let printed =
            pods::exec(ctx, "client", &format!("timeout 5 nslookup -type={kind} {name} 2>&1 || true")).await?;
        let answer = printed.split_once("\n\n").map_or("", |(_, answer)| answer);
        ensure!(answer.contains(part), "it is {printed:?}");
        Ok(printed)
    })
    .await
}

/// As [`looked_up`], by the Pod's search list: busybox goes through it only for names without a dot.
async fn searched(ctx: &Ctx, kind: &str, name: &str, part: &str) -> Result<()> {
    let list = "awk '/^search/ {for (i = 2; i <= NF; i++) print $i}' /etc/resolv.conf";
    let ask = format!("for s in $({list}); do timeout 5 nslookup -type={kind} {name}.$s. 2>&1 || true; done");
    pods::exec_has(ctx, "client", "cat /etc/resolv.conf", "ndots:5").await?;
    until(60, &format!("{kind} of {name} through the search list"), async || {
        let printed = pods::exec(ctx, "client", &ask).await?;
        ensure!(printed.contains(part), "it is {printed:?}");
        Ok(())
    })
    .await
}

/// A query as it goes over the wire by TCP.
fn query(name: &str, kind: u16) -> String {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(63));
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    let length = u16::try_from(message.len()).unwrap_or(0).to_be_bytes();
    length.iter().chain(&message).map(|byte| format!("\\x{byte:02x}")).collect()
}

/// A lookup over TCP has answers.
async fn over_tcp(ctx: &Ctx, name: &str, kind: u16) -> Result<()> {
    let server = pods::exec(ctx, "client", "awk '/^nameserver/ {print $2; exit}' /etc/resolv.conf").await?;
    let ask = format!(
        "(printf '{}'; sleep 1) | timeout 4 nc {} 53 | hexdump -v -e '1/1 \"%02x\"'",
        query(name, kind),
        server.trim()
    );
    until(60, &format!("{name} over TCP"), async || {
        let printed = pods::exec(ctx, "client", &ask).await?;
        let byte = |at: usize| printed.get(at * 2..at * 2 + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (code, answers) = (byte(5).map(|flags| flags & 15), byte(9));
        ensure!(code == Some(0) && answers > Some(0), "rcode {code:?}, {answers:?} answers in {printed:?}");
        Ok(())
    })
    .await
}

async fn server(ctx: &Ctx, name: &str, spec: Value) -> Result<Value> {
    let mut pod = pods::web(ctx, name);
    super::super::lifecycle::merge_into(&mut pod["spec"], &spec);
    pods::started(ctx, pod).await
}

async fn service(ctx: &Ctx, name: &str, headless: bool) -> Result<Value> {
    let mut spec = json!({"selector": {"name": "server"}, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]});
    if headless {
        spec["clusterIP"] = json!("None");
    }
    ctx.here("v1", "services").create(json!({"metadata": {"name": name}, "spec": spec})).await
}

fn full(ctx: &Ctx, name: &str) -> String {
    format!("{name}.{}.svc.{}.", ctx.ns, ctx.settings.domain)
}

async fn services(ctx: &Ctx) -> Result<()> {
    let normal = service(ctx, "normal", false).await?;
    service(ctx, "headless", true).await?;
    let pod = server(ctx, "server", json!({})).await?;
    client(ctx).await?;
    let (cluster, address) = (text(&normal, "/spec/clusterIP")?, text(&pod, "/status/podIP")?);
    for (name, wanted) in [("normal", cluster), ("headless", address)] {
        looked_up(ctx, "a", &full(ctx, name), wanted).await?;
        over_tcp(ctx, &full(ctx, name), A).await?;
        let named = full(ctx, &format!("_http._tcp.{name}"));
        looked_up(ctx, "srv", &named, " 80 ").await?;
        over_tcp(ctx, &named, SRV).await?;
        let reversed: Vec<&str> = wanted.split('.').rev().collect();
        looked_up(
            ctx,
            "ptr",
            &format!("{}.in-addr.arpa.", reversed.join(".")),
            &full(ctx, name)[..full(ctx, name).len() - 1],
        )
        .await
        .with_context(|| format!("backwards from {wanted}"))?;
    }
    Ok(())
}

async fn partial_names(ctx: &Ctx) -> Result<()> {
    let normal = service(ctx, "normal", false).await?;
    server(ctx, "server", json!({})).await?;
    client(ctx).await?;
    let cluster = text(&normal, "/spec/clusterIP")?;
    for name in ["normal".to_owned(), format!("normal.{}", ctx.ns), format!("normal.{}.svc", ctx.ns)] {
        searched(ctx, "a", &name, cluster).await?;
        // Whoever connects goes through the search list too.
        contains(&pods::reaches(ctx, "client", &format!("http://{name}/hostname")).await?, "server")?;
        searched(ctx, "srv", &format!("_http._tcp.{name}"), " 80 ").await?;
    }
    Ok(())
}

/// A Pod with hostname and subdomain behind a headless Service.
async fn pod_host_name(ctx: &Ctx, name: &str) -> Result<()> {
    service(ctx, "headless", true).await?;
    let pod = server(ctx, "server", json!({"hostname": "querier", "subdomain": "headless"})).await?;
    client(ctx).await?;
    let address = text(&pod, "/status/podIP")?;
    looked_up(ctx, "a", &full(ctx, name), address).await?;
    over_tcp(ctx, &full(ctx, name), A).await?;
    let told = pods::exec(ctx, "server", "hostname; cat /etc/hosts").await?;
    ensure!(told.lines().next() == Some("querier"), "the Pod's own name is {told:?}");
    contains(&told, full(ctx, "querier.headless").trim_end_matches('.')).context("/etc/hosts")
}

async fn external_name(ctx: &Ctx) -> Result<()> {
    let services = ctx.here("v1", "services");
    let spec = json!({"type": "ExternalName", "externalName": "foo.example.com"});
    services.create(json!({"metadata": {"name": "outside"}, "spec": spec})).await?;
    client(ctx).await?;
    looked_up(ctx, "cname", &full(ctx, "outside"), "foo.example.com").await?;
    services.merge("outside", json!({"spec": {"externalName": "bar.example.com"}})).await?;
    looked_up(ctx, "cname", &full(ctx, "outside"), "bar.example.com").await.context("after a change")?;
    let changed = services
        .edit("outside", |it| {
            it["spec"]["type"] = json!("ClusterIP");
            it["spec"]["externalName"] = Value::Null;
            it["spec"]["ports"] = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
        })
        .await?;
    let address = text(&changed, "/spec/clusterIP")?;
    looked_up(ctx, "a", &full(ctx, "outside"), address).await.context("as ClusterIP").map(drop)
}

async fn own_configuration(ctx: &Ctx) -> Result<()> {
    let config = json!({"nameservers": ["1.1.1.1"], "searches": ["resolv.conf.local"]});
    let spec = json!({"dnsPolicy": "None", "dnsConfig": config});
    let printed = pods::output(ctx, pods::with_spec(pods::script(ctx, "pod", "cat /etc/resolv.conf"), spec)).await?;
    let lines = |word: &str| -> Vec<Vec<&str>> {
        let all = printed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        all.filter(|line| line.first() == Some(&word)).collect()
    };
    ensure!(lines("nameserver") == [["nameserver", "1.1.1.1"]], "resolv.conf is {printed:?}");
    ensure!(lines("search") == [["search", "resolv.conf.local"]], "resolv.conf is {printed:?}");
    Ok(())
}
