//! What a Pod and its containers may use: totals, CRI resources, OOM scores (pure), and the Pods' cgroups (IO).

pub mod cgroup;
pub mod linux;
pub mod oom;
#[cfg(test)]
mod tests;
pub mod total;
