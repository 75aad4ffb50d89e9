//! The messages of the field table: which field stands under which number, inlined structs being messages of their own.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::schema::{Field, Type, TypeId, table};

/// A message: its slots sorted by number, the order in which upstream writes them.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub slots: Vec<(u32, Slot)>,
}

/// What stands under a number.
#[derive(Debug)]
pub(super) enum Slot {
    Field(&'static Field),
    /// A struct inlined in JSON: its fields belong to the object around it.
    Inlined(Layout),
}

/// The layout of a type.
pub(super) fn of(id: TypeId) -> &'static Layout {
    static LAYOUTS: LazyLock<HashMap<TypeId, Layout>> = LazyLock::new(|| {
        let named = table().types().filter_map(|object_type| Some((table().by_name(object_type.name)?, object_type)));
        named.map(|(id, object_type)| (id, Layout::of(object_type))).collect()
    });
    LAYOUTS.get(&id).expect("every type of the table has a layout")
}

impl Layout {
    pub fn slot(&self, number: u32) -> Option<&Slot> {
        let found = self.slots.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(&self.slots[found].1)
    }

    fn of(object_type: &'static Type) -> Self {
        let mut layout = Layout::default();
        for field in &object_type.fields {
            layout.place(field, &field.numbers);
        }
        layout
    }

    /// Fields without a number (`kind`, `apiVersion`) are not encoded.
    fn place(&mut self, field: &'static Field, numbers: &[u32]) {
        let Some((first, inner)) = numbers.split_first() else { return };
        let found = self.slots.binary_search_by_key(first, |(number, _)| *number);
        match (found, inner.is_empty()) {
            (Err(at), true) => self.slots.insert(at, (*first, Slot::Field(field))),
            (Err(at), false) => {
                let mut layout = Layout::default();
                layout.place(field, inner);
                self.slots.insert(at, (*first, Slot::Inlined(layout)));
            }
            (Ok(at), _) => match &mut self.slots[at].1 {
                Slot::Inlined(layout) => layout.place(field, inner),
                Slot::Field(other) => unreachable!("{} and {} have one number", other.name, field.name),
            },
        }
    }
}
