//! Roles and their bindings.

use serde_json::Value;

use super::related::Related;
use super::text::{Text, at, items, text, texts};

fn head(object: &Value, out: &mut Text) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.map(0, "Labels", at(object, "metadata.labels"));
    out.annotations(0, "Annotations", at(object, "metadata.annotations"));
}

/// One line per resource and URL of the rules.
pub fn role(role: &Value, _: &Related, out: &mut Text) {
    head(role, out);
    out.line(0, "PolicyRule:\n  Resources\tNon-Resource URLs\tResource Names\tVerbs\n  ---------\t-----------------\t--------------\t-----");
    for line in lines(items(role, "rules")) {
        out.line(1, line);
    }
}

fn lines(rules: &[Value]) -> Vec<String> {
    let mut broken: Vec<(String, String, String, Vec<String>)> = Vec::new();
    let mut add = |line: (String, String, String), verbs: &[String]| match broken
        .iter_mut()
        .find(|(resource, url, name, _)| (resource, url, name) == (&line.0, &line.1, &line.2))
    {
        Some(known) => known.3.extend(verbs.iter().filter(|verb| !known.3.contains(verb)).cloned().collect::<Vec<_>>()),
        None => broken.push((line.0, line.1, line.2, verbs.to_vec())),
    };
    for rule in rules {
        let (verbs, names) = (texts(rule, "verbs"), texts(rule, "resourceNames"));
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                let resource = match group.as_str() {
                    "" => resource,
                    group => match resource.split_once('/') {
                        Some((plain, sub)) => format!("{plain}.{group}/{sub}"),
                        None => format!("{resource}.{group}"),
                    },
                };
                if names.is_empty() {
                    add((resource, String::new(), String::new()), &verbs);
                } else {
                    names.iter().for_each(|name| add((resource.clone(), String::new(), name.clone()), &verbs));
                }
            }
        }
        texts(rule, "nonResourceURLs").into_iter().for_each(|url| add((String::new(), url, String::new()), &verbs));
    }
    let in_brackets = |text: &str| if text.is_empty() { "[]".to_owned() } else { format!("[{text}]") };
    // kubectl sorts rules by their whole text, verbs first.
    broken.sort_by_key(|(resource, url, name, verbs)| {
        let (plain, group) = match resource.split_once('.') {
            Some((plain, rest)) => match rest.split_once('/') {
                Some((group, sub)) => (format!("{plain}/{sub}"), group.to_owned()),
                None => (plain.to_owned(), rest.to_owned()),
            },
            None => (resource.clone(), String::new()),
        };
        format!("[{}] [{group}] [{plain}] {} {}", verbs.join(" "), in_brackets(name), in_brackets(url))
    });
    let line = |(resource, url, name, verbs): (String, String, String, Vec<String>)| {
        format!("{resource}\t{}\t{}\t[{}]", in_brackets(&url), in_brackets(&name), verbs.join(" "))
    };
    broken.into_iter().map(line).collect()
}

/// The role and who has it.
pub fn binding(binding: &Value, _: &Related, out: &mut Text) {
    head(binding, out);
    out.line(0, "Role:");
    out.field(1, "Kind", text(binding, "roleRef.kind"));
    out.field(1, "Name", text(binding, "roleRef.name"));
    out.line(0, "Subjects:\n  Kind\tName\tNamespace\n  ----\t----\t---------");
    for subject in items(binding, "subjects") {
        out.line(
            1,
            format_args!("{}\t{}\t{}", text(subject, "kind"), text(subject, "name"), text(subject, "namespace")),
        );
    }
}
