//! Volumes of a Pod and where its containers mount them. Sources that are served by CSI drivers or not at all any more are checked for
//! being alone only.

use serde_json::Value;

use super::{Of, environment};
use crate::core::v1::resources::quantity;
use crate::field::Field;
use crate::names;
use crate::tree::{items, text};

/// Checks the volumes; returns those that have nothing wrong, for only they can be mounted.
pub(super) fn volumes<'a>(volumes: &Field<'a>, of: Of) -> Vec<&'a Value> {
    let list: &'a [Value] = volumes.value.as_array().map_or(&[], Vec::as_slice);
    let mut good: Vec<&'a Value> = Vec::new();
    for (value, volume) in list.iter().zip(volumes.items()) {
        let own = crate::field::validate(value, |alone| one(&alone.get("").with(value), &good, of, value));
        // The rules run once more to report at the volume's own place.
        if own.is_empty() {
            good.push(value);
        } else {
            one(&volume, &good, of, value);
        }
    }
    good
}

fn one(volume: &Field, before: &[&Value], of: Of, value: &Value) {
    source(volume, of);
    let name = volume.get("name");
    name.require("", names::dns1123_label);
    if before.iter().any(|other| text(other, "name") == text(value, "name")) {
        name.duplicate();
    }
}

fn source(volume: &Field, of: Of) {
    let sources = volume.map().into_iter().flatten().filter(|(field, value)| *field != "name" && !value.is_null());
    let mut found = false;
    for (kind, _) in sources {
        let source = volume.get(kind);
        if std::mem::replace(&mut found, true) {
            source.forbidden("may not specify more than 1 volume type");
            continue;
        }
        of_kind(kind, &source);
        if let (Of::Pod(pod), "ephemeral") = (of, kind.as_str()) {
            let name = volume.get("name");
            let claim = format!("{pod}-{}", name.text());
            for message in names::dns1123_subdomain(&claim) {
                name.invalid(&format!("PVC name {claim:?}: {message}"));
            }
        }
    }
    if !found {
        volume.required("must specify a volume type");
    }
}

fn of_kind(kind: &str, source: &Field) {
    match kind {
        "emptyDir" => {
            let limit = source.get("sizeLimit");
            if quantity(limit.value).is_some_and(|limit| limit.sign() < 0) {
                limit.forbidden("SizeLimit field must be a valid resource quantity");
            }
        }
        "hostPath" => host_path(source),
        "secret" => {
            required(source, "secretName");
            keyed_files(source);
        }
        "configMap" => {
            required(source, "name");
            keyed_files(source);
        }
        "persistentVolumeClaim" => required(source, "claimName"),
        "nfs" => {
            required(source, "server");
            required(source, "path");
            if !source.get("path").text().starts_with('/') {
                source.get("path").invalid("must be an absolute path");
            }
        }
        "downwardAPI" => {
            mode(&source.get("defaultMode"));
            // Upstream reports these without their index.
            for item in items(source.value, "items") {
                downward_file(&source.with(item));
            }
        }
        "projected" => {
            mode(&source.get("defaultMode"));
            projections(source);
        }
        "csi" => source.get("driver").require("", names::dns1123_subdomain),
        "image" => image(source),
        "ephemeral" if !source.get("volumeClaimTemplate").is_set() => source.get("volumeClaimTemplate").required(""),
        _ => {}
    }
}

fn required(source: &Field, field: &str) {
    if source.get(field).text().is_empty() {
        source.get(field).required("");
    }
}

fn image(source: &Field) {
    required(source, "reference");
    source.get("pullPolicy").require_one_of(&["Always", "IfNotPresent", "Never"]);
}

/// A directory of the node; also in PersistentVolumes.
pub(crate) fn host_path(source: &Field) {
    const TYPES: [&str; 8] =
        ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    let path = source.get("path");
    if path.text().is_empty() {
        return path.required("");
    }
    no_backsteps(&path);
    if source.get("type").is_set() {
        source.get("type").one_of(&TYPES);
    }
}

fn mode(mode: &Field) {
    if mode.int().is_some_and(|mode| !(0..=0o777).contains(&mode)) {
        mode.invalid("must be a number between 0 and 0777 (octal), both inclusive");
    }
}

fn keyed_files(source: &Field) {
    mode(&source.get("defaultMode"));
    source.get("items").items().for_each(|item| key_to_path(&item));
}

fn key_to_path(item: &Field) {
    required(item, "key");
    required(item, "path");
    local_path(&item.get("path"));
    mode(&item.get("mode"));
}

fn downward_file(file: &Field) {
    required(file, "path");
    local_path(&file.get("path"));
    let (of_pod, of_container) = (file.get("fieldRef"), file.get("resourceFieldRef"));
    if of_pod.is_set() {
        environment::field_reference(&of_pod, &environment::VOLUME_FIELDS);
        if of_container.is_set() {
            file.invalid_value(&"resource".into(), "fieldRef and resourceFieldRef can not be specified simultaneously");
        }
    } else if of_container.is_set() {
        environment::resource_reference(&of_container, true);
    } else {
        file.required("one of fieldRef and resourceFieldRef is required");
    }
    mode(&file.get("mode"));
}

fn projections(projected: &Field) {
    let mut paths: Vec<String> = Vec::new();
    for source in projected.get("sources").items() {
        for kind in ["secret", "configMap"] {
            let reference = source.get(kind);
            if !reference.is_set() {
                continue;
            }
            required(&reference, "name");
            for item in reference.get("items").items() {
                key_to_path(&item);
                claim(projected, &mut paths, item.get("path").text(), reference.get("name").value);
            }
        }
        let downward = source.get("downwardAPI");
        for item in items(downward.value, "items") {
            downward_file(&downward.with(item));
            claim(projected, &mut paths, text(item, "path"), &item["path"]);
        }
        token(projected, &source.get("serviceAccountToken"));
        trust_bundle(projected, &source.get("clusterTrustBundle"), &mut paths);
        if source.map().is_some_and(|kinds| kinds.values().filter(|kind| !kind.is_null()).count() > 1) {
            source.forbidden("may not specify more than 1 volume type per source");
        }
    }
}

/// No file twice.
fn claim(projected: &Field, paths: &mut Vec<String>, path: &str, shown: &Value) {
    if path.is_empty() {
        return;
    }
    if paths.iter().any(|taken| taken == path) {
        projected.invalid_value(shown, "conflicting duplicate paths");
    } else {
        paths.push(path.to_owned());
    }
}

fn token(projected: &Field, token: &Field) {
    const SHORTEST: i64 = 10 * 60;
    const LONGEST: i64 = 1 << 32;
    if !token.is_set() {
        return;
    }
    let expiry = token.get("expirationSeconds");
    match expiry.int() {
        None => expiry.required(""),
        Some(seconds) if seconds < SHORTEST => expiry.invalid("may not specify a duration less than 10 minutes"),
        Some(seconds) if seconds > LONGEST => expiry.invalid("may not specify a duration larger than 2^32 seconds"),
        Some(_) => {}
    }
    // Upstream reports the path at the volume's own level.
    let path = projected.get("path");
    match token.get("path").text() {
        "" => path.required(""),
        _ => local_path(&path.with(token.get("path").value)),
    }
}

fn trust_bundle(projected: &Field, bundle: &Field, paths: &mut Vec<String>) {
    if !bundle.is_set() {
        return;
    }
    match (bundle.get("name").is_set(), bundle.get("signerName").is_set()) {
        (true, true) => bundle.invalid("only one of name and signerName may be used"),
        (false, false) => bundle.required("either name or signerName must be specified"),
        _ => {}
    }
    required(bundle, "path");
    local_path(&bundle.get("path"));
    claim(projected, paths, bundle.get("path").text(), bundle.get("path").value);
}

/// A path below the volume's own root.
pub(crate) fn local_path(path: &Field) {
    descending_path(path);
    if path.text().starts_with("..") && !path.text().starts_with("../") {
        path.invalid("must not start with '..'");
    }
}

pub(super) fn descending_path(path: &Field) {
    if path.text().starts_with('/') {
        path.invalid("must be a relative path");
    }
    no_backsteps(path);
}

pub(crate) fn no_backsteps(path: &Field) {
    if path.text().split('/').any(|part| part == "..") {
        path.invalid("must not contain '..'");
    }
}

pub(super) fn mounts(container: &Field, volumes: &[&Value]) {
    let mounts = container.get("volumeMounts");
    let devices = items(container.value, "volumeDevices");
    let mut places: Vec<String> = Vec::new();
    for mount in mounts.items() {
        let (name, path) = (mount.get("name"), mount.get("mountPath"));
        required(&mount, "name");
        if !volumes.iter().any(|volume| text(volume, "name") == name.text()) {
            name.not_found();
        }
        required(&mount, "mountPath");
        if places.iter().any(|place| place == path.text()) {
            path.invalid("must be unique");
        }
        places.push(path.text().to_owned());
        if devices.iter().any(|device| text(device, "name") == name.text()) {
            name.invalid("must not already exist in volumeDevices");
        }
        if devices.iter().any(|device| text(device, "devicePath") == path.text()) {
            path.invalid("must not already exist as a path in volumeDevices");
        }
        sub_paths(&mounts, &mount);
        propagation(&mounts, &mount, container);
    }
}

/// Upstream reports most of these at the list's level.
fn sub_paths(mounts: &Field, mount: &Field) {
    let (plain, expanded) = (mount.get("subPath"), mount.get("subPathExpr"));
    if !plain.text().is_empty() {
        descending_path(&mounts.get("subPath").with(plain.value));
    }
    if !expanded.text().is_empty() {
        if !plain.text().is_empty() {
            expanded.invalid("subPathExpr and subPath are mutually exclusive");
        }
        descending_path(&mounts.get("subPathExpr").with(expanded.value));
    }
}

fn propagation(mounts: &Field, mount: &Field, container: &Field) {
    let mode = mount.get("mountPropagation");
    let place = mounts.get("mountPropagation");
    if mode.is_set() {
        place.with(mode.value).one_of(&["Bidirectional", "HostToContainer", "None"]);
        let privileged = container.get("securityContext").get("privileged").flag();
        if mode.text() == "Bidirectional" && !privileged {
            place.forbidden("Bidirectional mount propagation is available only to privileged containers");
        }
    }
    let recursive = mount.get("recursiveReadOnly");
    let place = mounts.get("recursiveReadOnly");
    match recursive.text() {
        "Enabled" | "IfPossible" => {
            if !mount.get("readOnly").flag() {
                place.forbidden("may only be specified when readOnly is true");
            }
            if mode.is_set() && mode.text() != "None" {
                place.forbidden("may only be specified when mountPropagation is None or not specified");
            }
        }
        "Disabled" => {}
        _ if recursive.is_set() => place.with(recursive.value).not_supported(&["Disabled", "Enabled", "IfPossible"]),
        _ => {}
    }
}

pub(super) fn devices(container: &Field, volumes: &[&Value]) {
    let mounts = items(container.value, "volumeMounts");
    let mut paths: Vec<String> = Vec::new();
    for device in container.get("volumeDevices").items() {
        let (name, path) = (device.get("name"), device.get("devicePath"));
        required(&device, "name");
        if !name.text().is_empty() && !volumes.iter().any(|volume| text(volume, "name") == name.text()) {
            name.not_found();
        }
        required(&device, "devicePath");
        if paths.iter().any(|taken| taken == path.text()) {
            path.invalid("must be unique");
        } else if path.text().contains("..") {
            path.invalid("can not contain backsteps ('..')");
        }
        paths.push(path.text().to_owned());
        if mounts.iter().any(|mount| text(mount, "name") == name.text()) {
            name.invalid("must not already exist in volumeMounts");
        }
        if mounts.iter().any(|mount| text(mount, "mountPath") == path.text()) {
            path.invalid("must not already exist as a path in volumeMounts");
        }
    }
}
