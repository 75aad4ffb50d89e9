//! End-to-end stories: the real binary, real kubectl, real containers. Each story runs in pid, mount and network namespaces of its own
//! that die with it; the runner compares the machine before and after. `bench` measures the same binary the same way.

#![allow(clippy::disallowed_methods, reason = "a tool on the outside of what it tests")]

mod agent;
mod bench;
mod certificate;
mod cluster;
mod conformance;
mod corner_images;
mod dns;
mod footprint;
mod http;
mod images;
mod isolation;
mod kube_watcher;
mod leaks;
mod listener;
mod load;
mod machine;
mod process;
mod registry;
mod runner;
mod seed;
mod stories;
mod writes;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("inside") => isolation::run_story(&arguments[1..]),
        Some("conformance") => conformance::main(&arguments[1..]),
        Some("conformance-inside") => conformance::inside(&arguments[1..]),
        Some("kube-watcher") => kube_watcher::main(),
        Some("machine") => machine::hold(&arguments[1..]),
        Some("measure") => isolation::run_measure(&arguments[1..]),
        Some("bench") => bench::run(&arguments[1..]),
        Some("null-server") => bench::null_server::main(&arguments[1..]),
        _ => runner::run(&arguments),
    }
}
