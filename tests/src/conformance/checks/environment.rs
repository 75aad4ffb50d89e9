//! What is in a container's environment and command line: from ConfigMaps, Secrets, the Pod itself, and expanded.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::contains;
use super::super::pods;
use super::checks;

checks! {
    "cm-env-prefix" => prefixes, "configMapRef";
    "secret-env-prefix" => prefixes, "secretRef";
    "cm-env-key" => config_map_key;
    "secret-env-all" => secret_keys;
    "exp-env" => expanded_variable;
    "exp-args" => expanded_in, "args";
    "exp-command" => expanded_in, "command";
    "da-env-resources" => resources;
    "da-env-default" => default_resources;
    "da-env-hostip" => fields, &[("HOST_IP", "status.hostIP", "/status/hostIP")];
    "da-env-uid" => fields, &[("POD_UID", "metadata.uid", "/metadata/uid")];
    "da-env-name-ns-ip" => fields, &[
        ("POD_NAME", "metadata.name", "/metadata/name"),
        ("POD_NAMESPACE", "metadata.namespace", "/metadata/namespace"),
        ("POD_IP", "status.podIP", "/status/podIP"),
    ];
}

/// The lines of `env` in a Pod with these container fields. No shell stands between: it would drop names that are none of its own.
async fn env(ctx: &Ctx, name: &str, container: Value) -> Result<String> {
    let pod = pods::with(pods::script(ctx, name, ""), json!({"command": ["env"]}));
    pods::output(ctx, pods::with(pod, container)).await
}

fn has_line(printed: &str, line: &str) -> Result<()> {
    ensure!(printed.lines().any(|found| found == line), "{line:?} is not in {printed:?}");
    Ok(())
}

async fn data(ctx: &Ctx, reference: &str) -> Result<()> {
    let metadata = json!({"name": "source"});
    let text = json!({"data-1": "value-1", "data_2": "value-2", "data.3": "value-3"});
    let made = match reference {
        "secretRef" => ctx.here("v1", "secrets").create(json!({"metadata": metadata, "stringData": text})).await,
        _ => ctx.config_maps().create(json!({"metadata": metadata, "data": text})).await,
    };
    made.map(drop)
}

async fn prefixes(ctx: &Ctx, reference: &str) -> Result<()> {
    data(ctx, reference).await?;
    let prefixes = ["", "p-", "1-digits_", "#%&~ '\"\\(){}[];:,.<>?/|!@^*+`_$"];
    let sources: Vec<Value> =
        prefixes.iter().map(|prefix| json!({reference: {"name": "source"}, "prefix": prefix})).collect();
    let printed = env(ctx, "pod", json!({"envFrom": sources})).await?;
    for prefix in prefixes {
        for (key, value) in [("data-1", "value-1"), ("data_2", "value-2"), ("data.3", "value-3")] {
            has_line(&printed, &format!("{prefix}{key}={value}"))?;
        }
    }
    Ok(())
}

async fn config_map_key(ctx: &Ctx) -> Result<()> {
    data(ctx, "configMapRef").await?;
    let from = json!({"configMapKeyRef": {"name": "source", "key": "data-1"}});
    let printed = env(ctx, "pod", json!({"env": [{"name": "CONFIG_DATA_1", "valueFrom": from}]})).await?;
    has_line(&printed, "CONFIG_DATA_1=value-1")
}

async fn secret_keys(ctx: &Ctx) -> Result<()> {
    data(ctx, "secretRef").await?;
    let printed = env(ctx, "pod", json!({"envFrom": [{"secretRef": {"name": "source"}}]})).await?;
    ["data-1=value-1", "data_2=value-2", "data.3=value-3"].iter().try_for_each(|line| has_line(&printed, line))
}

async fn expanded_variable(ctx: &Ctx) -> Result<()> {
    let variables = json!([
        {"name": "FOO", "value": "foo-value"},
        {"name": "BAR", "value": "bar-value"},
        {"name": "FOOBAR", "value": "$(FOO);;$(BAR)"},
        {"name": "ESCAPED", "value": "$$(FOO) $(NONE)"},
    ]);
    let printed = env(ctx, "pod", json!({"env": variables})).await?;
    has_line(&printed, "FOOBAR=foo-value;;bar-value")?;
    has_line(&printed, "ESCAPED=$(FOO) $(NONE)")
}

/// `$(VAR)` in the command or its arguments, where no shell sees it.
async fn expanded_in(ctx: &Ctx, part: &str) -> Result<()> {
    let variables = json!([{"name": "TEST_VAR", "value": "test-value"}]);
    let words = match part {
        "command" => json!({"command": ["sh", "-c", "TEST_VAR=wrong echo \"$(TEST_VAR)\""], "env": variables}),
        _ => json!({"command": ["sh", "-c"], "args": ["TEST_VAR=wrong echo \"$(TEST_VAR)\""], "env": variables}),
    };
    let printed = pods::output(ctx, pods::with(pods::script(ctx, "pod", ""), words)).await?;
    ensure!(printed.trim() == "test-value", "the {part} printed {printed:?}");
    Ok(())
}

fn resource_variables() -> Value {
    let amount =
        |name: &str, resource: &str| json!({"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource}}});
    json!([
        amount("CPU_LIMIT", "limits.cpu"),
        amount("MEMORY_LIMIT", "limits.memory"),
        amount("CPU_REQUEST", "requests.cpu"),
        amount("MEMORY_REQUEST", "requests.memory"),
    ])
}

async fn resources(ctx: &Ctx) -> Result<()> {
    let amounts = json!({"requests": {"cpu": "250m", "memory": "32Mi"}, "limits": {"cpu": "1250m", "memory": "64Mi"}});
    let printed = env(ctx, "pod", json!({"env": resource_variables(), "resources": amounts})).await?;
    for line in ["CPU_LIMIT=2", "MEMORY_LIMIT=67108864", "CPU_REQUEST=1", "MEMORY_REQUEST=33554432"] {
        has_line(&printed, line)?;
    }
    Ok(())
}

/// What the Pod's node can give, in whole cores and bytes.
pub async fn allocatable(ctx: &Ctx, pod: &str) -> Result<(i64, i64)> {
    let pod = ctx.pods().get(pod).await?;
    let node = ctx.everywhere("v1", "nodes").get(pod["spec"]["nodeName"].as_str().context("a node")?).await?;
    let text = |name: &str| node["status"]["allocatable"][name].as_str().unwrap_or_default().to_owned();
    let cores = match text("cpu") {
        milli if milli.ends_with('m') => (milli.trim_end_matches('m').parse::<i64>()? + 999) / 1000,
        cores => cores.parse()?,
    };
    let memory = text("memory");
    let bytes = match memory.trim_end_matches(|letter: char| letter.is_alphabetic()).parse::<i64>()? {
        number if memory.ends_with("Ki") => number << 10,
        number if memory.ends_with("Mi") => number << 20,
        number if memory.ends_with("Gi") => number << 30,
        number => number,
    };
    Ok((cores, bytes))
}

async fn default_resources(ctx: &Ctx) -> Result<()> {
    let printed = env(ctx, "pod", json!({"env": resource_variables()})).await?;
    let (cores, bytes) = allocatable(ctx, "pod").await?;
    has_line(&printed, &format!("CPU_LIMIT={cores}"))?;
    has_line(&printed, &format!("MEMORY_LIMIT={bytes}"))
}

async fn fields(ctx: &Ctx, wanted: &[(&str, &str, &str)]) -> Result<()> {
    let variables: Vec<Value> = wanted
        .iter()
        .map(
            |(name, path, _)| json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}),
        )
        .collect();
    let printed = env(ctx, "pod", json!({"env": variables})).await?;
    let pod = ctx.pods().get("pod").await?;
    for (name, _, pointer) in wanted {
        let value = super::super::expect::text(&pod, pointer)?;
        has_line(&printed, &format!("{name}={value}"))?;
    }
    contains(&printed, "PATH=")
}
