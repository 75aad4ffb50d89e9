//! Comparing secrets without telling by the time taken where they differ.

use subtle::ConstantTimeEq;

/// Whether both are the same; the length may show.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
