//! A set of field paths, held as a tree: each step says whether the path that ends there is a member.

use serde_json::{Map, Value};

use super::path::PathElement;

/// Paths. Sorted; nothing in it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    nodes: Vec<Node>,
}

/// One step with what lies below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub element: PathElement,
    pub member: bool,
    pub children: FieldSet,
}

impl FieldSet {
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A set of these nodes, in any order, no element twice.
    pub(super) fn of(mut nodes: Vec<Node>) -> Self {
        nodes.retain(|node| node.member || !node.children.is_empty());
        nodes.sort_by(|left, right| left.element.cmp(&right.element));
        Self { nodes }
    }

    /// The set with one path of fields.
    pub fn path(fields: &[&str]) -> Self {
        let [first, rest @ ..] = fields else { return Self::default() };
        let element = PathElement::Field((*first).to_owned().into());
        Self { nodes: vec![Node { element, member: rest.is_empty(), children: Self::path(rest) }] }
    }

    /// Reads fieldsV1. Steps of an unknown kind are dropped, as upstream does.
    pub fn parse(fields: &Value) -> Self {
        let nodes = fields.as_object().into_iter().flatten().filter_map(|(key, below)| {
            let element = PathElement::parse(key).filter(|_| key != ".")?;
            let children = Self::parse(below);
            let member = children.is_empty() || below.get(".").is_some();
            Some(Node { element, member, children })
        });
        Self::of(nodes.collect())
    }

    /// fieldsV1.
    pub fn to_fields(&self) -> Value {
        Value::Object(self.fields(false))
    }

    fn fields(&self, member: bool) -> Map<String, Value> {
        let empty = || Value::Object(Map::new());
        let own = (member && !self.is_empty()).then(|| (".".to_owned(), empty()));
        let below =
            self.nodes.iter().map(|node| (node.element.text(), Value::Object(node.children.fields(node.member))));
        own.into_iter().chain(below).collect()
    }

    /// The node of this element.
    pub(super) fn node(&self, element: &PathElement) -> Option<&Node> {
        self.nodes.binary_search_by(|node| node.element.cmp(element)).ok().map(|at| &self.nodes[at])
    }

    /// Whether the path is a member.
    pub fn has(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.node(last).is_some_and(|node| node.member),
            [first, rest @ ..] => self.node(first).is_some_and(|node| node.children.has(rest)),
        }
    }

    pub fn union(&self, other: &Self) -> Self {
        self.combine(other, true, &|left, right| Node {
            element: left.element.clone(),
            member: left.member || right.member,
            children: left.children.union(&right.children),
        })
    }

    /// As [`FieldSet::union`], without a copy where one of the two is empty.
    pub(super) fn joined(self, other: Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => self.union(&other),
        }
    }

    pub fn intersection(&self, other: &Self) -> Self {
        let both = self.nodes.iter().filter_map(|left| other.node(&left.element).map(|right| (left, right)));
        let nodes = both.map(|(left, right)| Node {
            element: left.element.clone(),
            member: left.member && right.member,
            children: left.children.intersection(&right.children),
        });
        Self::of(nodes.collect())
    }

    /// Without the other's members; what lies below a member stays.
    pub fn difference(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.combine(other, false, &|left, right| Node {
            element: left.element.clone(),
            member: left.member && !right.member,
            children: left.children.difference(&right.children),
        })
    }

    /// Without the root fields of these names and all below them.
    pub(super) fn without_roots(mut self, names: &[&str]) -> Self {
        self.nodes.retain(|node| !matches!(&node.element, PathElement::Field(name) if names.contains(&&**name)));
        self
    }

    /// With what lies below a root field changed.
    pub(super) fn within(mut self, name: &str, change: impl FnOnce(Self) -> Self) -> Self {
        let found =
            self.nodes.iter_mut().find(|node| matches!(&node.element, PathElement::Field(known) if known == name));
        if let Some(node) = found {
            node.member = false;
            node.children = change(std::mem::take(&mut node.children));
        }
        self.nodes.retain(|node| node.member || !node.children.is_empty());
        self
    }

    /// Without these root fields as members; what lies below them stays.
    pub(super) fn without_members(mut self, names: &[&str]) -> Self {
        for node in &mut self.nodes {
            node.member &= !matches!(&node.element, PathElement::Field(name) if names.contains(&&**name));
        }
        self.nodes.retain(|node| node.member || !node.children.is_empty());
        self
    }

    /// All of this set's nodes, those of the other too if `all`; what both have as `both` makes it.
    fn combine(&self, other: &Self, all: bool, both: &dyn Fn(&Node, &Node) -> Node) -> Self {
        let (mut left, mut right) = (self.nodes.iter().peekable(), other.nodes.iter().peekable());
        let mut nodes = Vec::with_capacity(self.nodes.len());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(left), Some(right)) => left.element.cmp(&right.element),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) if all => std::cmp::Ordering::Greater,
                _ => break,
            };
            let (ours, theirs) = (left.next_if(|_| order.is_le()), right.next_if(|_| order.is_ge()));
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => nodes.push(both(ours, theirs)),
                (Some(ours), None) => nodes.push(ours.clone()),
                (None, Some(theirs)) if all => nodes.push(theirs.clone()),
                _ => {}
            }
        }
        nodes.retain(|node| node.member || !node.children.is_empty());
        Self { nodes }
    }

    /// Every member in upstream's order: those of a level before what lies below.
    pub fn paths(&self) -> Vec<Vec<PathElement>> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect(&self, prefix: &mut Vec<PathElement>, paths: &mut Vec<Vec<PathElement>>) {
        for node in self.nodes.iter().filter(|node| node.member) {
            paths.push(prefix.iter().chain([&node.element]).cloned().collect());
        }
        for node in &self.nodes {
            prefix.push(node.element.clone());
            node.children.collect(prefix, paths);
            prefix.pop();
        }
    }
}
