//! ConfigMaps and Secrets as files, in volumes of their own and in projected ones: content, paths, modes, owners.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::pods;
use super::checks;

checks! {
    "cmv-default" => file, CONFIG_MAP, &PLAIN;
    "cmv-mode" => file, CONFIG_MAP, &DEFAULT_MODE;
    "cmv-map" => file, CONFIG_MAP, &MAPPED;
    "cmv-map-mode" => file, CONFIG_MAP, &ITEM_MODE;
    "cmv-map-nonroot" => file, CONFIG_MAP, &MAPPED_NON_ROOT;
    "pcm-mode" => file, PROJECTED_CONFIG_MAP, &DEFAULT_MODE;
    "pcm-map" => file, PROJECTED_CONFIG_MAP, &MAPPED;
    "pcm-map-mode" => file, PROJECTED_CONFIG_MAP, &ITEM_MODE;
    "pcm-nonroot" => file, PROJECTED_CONFIG_MAP, &NON_ROOT;
    "secv-default" => file, SECRET, &PLAIN;
    "secv-nonroot-fsgroup" => file, SECRET, &FS_GROUP;
    "secv-map" => file, SECRET, &MAPPED;
    "secv-map-mode" => file, SECRET, &ITEM_MODE;
    "psec-mode" => file, PROJECTED_SECRET, &DEFAULT_MODE;
    "psec-map" => file, PROJECTED_SECRET, &MAPPED;
    "psec-map-mode" => file, PROJECTED_SECRET, &ITEM_MODE;
    "psec-nonroot-fsgroup" => file, PROJECTED_SECRET, &FS_GROUP;
    "pcm-multi" => twice, PROJECTED_CONFIG_MAP;
    "secv-multi" => twice, SECRET;
    "secv-other-ns" => other_namespace;
    "cmv-binary" => binary;
}

/// The kind of the source, and whether its volume is a projected one.
#[derive(Clone, Copy)]
pub struct Source {
    pub kind: &'static str,
    pub projected: bool,
}

pub const CONFIG_MAP: Source = Source { kind: "configMap", projected: false };
pub const PROJECTED_CONFIG_MAP: Source = Source { projected: true, ..CONFIG_MAP };
pub const SECRET: Source = Source { kind: "secret", projected: false };
pub const PROJECTED_SECRET: Source = Source { projected: true, ..SECRET };

/// How the file is asked for, and how it has to look.
struct Shape {
    default_mode: Option<u32>,
    path: &'static str,
    item_mode: Option<u32>,
    user: Option<u32>,
    fs_group: Option<u32>,
    mode: &'static str,
}

const PLAIN: Shape =
    Shape { default_mode: None, path: "data-1", item_mode: None, user: None, fs_group: None, mode: "644" };
const DEFAULT_MODE: Shape = Shape { default_mode: Some(0o400), mode: "400", ..PLAIN };
const MAPPED: Shape = Shape { path: "path/to/data-2", ..PLAIN };
const ITEM_MODE: Shape = Shape { item_mode: Some(0o400), mode: "400", ..MAPPED };
const NON_ROOT: Shape = Shape { user: Some(1000), ..PLAIN };
const MAPPED_NON_ROOT: Shape = Shape { user: Some(1000), ..MAPPED };
const FS_GROUP: Shape =
    Shape { default_mode: Some(0o440), user: Some(1000), fs_group: Some(1001), mode: "440", ..PLAIN };

impl Source {
    /// Makes the object, in the check's namespace or another.
    pub async fn create(self, ctx: &Ctx, namespace: &str, name: &str, data: Value) -> Result<()> {
        let (plural, field) = if self.kind == "secret" { ("secrets", "stringData") } else { ("configmaps", "data") };
        let body = json!({"metadata": {"name": name}, field: data});
        ctx.inside(namespace, "v1", plural).create(body).await.map(drop)
    }

    /// The volume that has it, with more fields of the source.
    pub fn volume(self, name: &str, fields: Value, default_mode: Option<u32>) -> Value {
        let mut source = fields;
        let name_field = if self.kind == "secret" && !self.projected { "secretName" } else { "name" };
        source[name_field] = json!(name);
        match self.projected {
            true => json!({"projected": {"sources": [{self.kind: source}], "defaultMode": default_mode}}),
            false => {
                source["defaultMode"] = json!(default_mode);
                json!({self.kind: source})
            }
        }
    }
}

async fn file(ctx: &Ctx, source: Source, shape: &Shape) -> Result<()> {
    source.create(ctx, &ctx.ns, "source", json!({"data-1": "value-1"})).await?;
    let fields = match shape.path {
        "data-1" => json!({}),
        path => json!({"items": [{"key": "data-1", "path": path, "mode": shape.item_mode}]}),
    };
    let at = format!("/etc/source/{}", shape.path);
    let pod = pods::script(ctx, "pod", &format!("stat -L -c %a {at}; cat {at}"));
    let mut pod = pods::with_volume(pod, "source", "/etc/source", source.volume("source", fields, shape.default_mode));
    pod["spec"]["securityContext"] = json!({"runAsUser": shape.user, "fsGroup": shape.fs_group});
    let printed = pods::output(ctx, pod).await?;
    let wanted = format!("{}\nvalue-1", shape.mode);
    ensure!(printed.trim_end() == wanted, "the file's mode and content are {printed:?}, expected {wanted:?}");
    Ok(())
}

async fn twice(ctx: &Ctx, source: Source) -> Result<()> {
    source.create(ctx, &ctx.ns, "source", json!({"data-1": "value-1"})).await?;
    let volume = source.volume("source", json!({}), None);
    let pod = pods::script(ctx, "pod", "cat /etc/one/data-1; echo; cat /etc/two/data-1");
    let pod = pods::with_volume(pod, "one", "/etc/one", volume.clone());
    let printed = pods::output(ctx, pods::with_volume(pod, "two", "/etc/two", volume)).await?;
    ensure!(printed.trim_end() == "value-1\nvalue-1", "the two files are {printed:?}");
    Ok(())
}

async fn other_namespace(ctx: &Ctx) -> Result<()> {
    let other = ctx.another_namespace("other", json!({})).await?;
    SECRET.create(ctx, &other, "source", json!({"data-1": "of another namespace"})).await?;
    SECRET.create(ctx, &ctx.ns, "source", json!({"data-1": "of this namespace"})).await?;
    let pod = pods::script(ctx, "pod", "cat /etc/source/data-1");
    let pod = pods::with_volume(pod, "source", "/etc/source", SECRET.volume("source", json!({}), None));
    let printed = pods::output(ctx, pod).await?;
    ensure!(printed.trim_end() == "of this namespace", "the file has {printed:?}");
    Ok(())
}

async fn binary(ctx: &Ctx) -> Result<()> {
    // 0xde, 0xca, 0xfe, 0x00, 0xba, 0xd0, 0xfe, 0xff
    let data = json!({"metadata": {"name": "source"}, "data": {"text": "value-1"}, "binaryData": {"dump.bin": "3sr+ALrQ/v8="}});
    ctx.config_maps().create(data).await?;
    let pod = pods::script(ctx, "pod", "cat /etc/source/text; echo; hexdump -v -e '1/1 \"%02x\"' /etc/source/dump.bin");
    let pod = pods::with_volume(pod, "source", "/etc/source", CONFIG_MAP.volume("source", json!({}), None));
    let printed = pods::output(ctx, pod).await.context("read the files")?;
    ensure!(printed.trim_end() == "value-1\ndecafe00bad0feff", "the files have {printed:?}");
    Ok(())
}
