//! Order of merged lists: what the patch names keeps the patch's order, what only the server has keeps its place among its neighbours.

use serde_json::Value;

/// What makes two items the same: a field of theirs, or themselves.
#[derive(Clone, Copy)]
pub(super) struct Identity<'a> {
    pub merge_key: Option<&'a str>,
}

impl Identity<'_> {
    pub fn of<'v>(&self, item: &'v Value) -> Option<&'v Value> {
        match self.merge_key {
            Some(key) => item.get(key),
            None => Some(item),
        }
    }

    pub fn position(&self, list: &[Value], item: &Value) -> Option<usize> {
        let wanted = self.of(item);
        list.iter().position(|other| self.of(other) == wanted)
    }
}

/// Sorts `merged` by the patch's order and the server's order.
pub(super) fn arrange(
    merged: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    identity: Identity,
) -> Vec<Value> {
    let in_patch = |item: &Value| identity.position(patch_order, item).is_some();
    let (mut from_patch, mut from_server): (Vec<Value>, Vec<Value>) = merged.into_iter().partition(in_patch);
    from_patch.sort_by_key(|item| identity.position(patch_order, item));
    from_server.sort_by_key(|item| identity.position(server_order, item));
    interleave(from_server, from_patch, server_order, identity)
}

/// Merges two sorted lists; a server item comes first where the server had it before the patch's next item.
pub(super) fn interleave(
    server: Vec<Value>,
    patch: Vec<Value>,
    server_order: &[Value],
    identity: Identity,
) -> Vec<Value> {
    let mut result = Vec::with_capacity(server.len() + patch.len());
    let mut server = server.into_iter().peekable();
    let mut patch = patch.into_iter().peekable();
    while let (Some(left), Some(right)) = (server.peek(), patch.peek()) {
        let places = (identity.position(server_order, left), identity.position(server_order, right));
        let server_first = matches!(places, (Some(left), Some(right)) if left < right);
        result.extend(if server_first { server.next() } else { patch.next() });
    }
    result.extend(server);
    result.extend(patch);
    result
}
