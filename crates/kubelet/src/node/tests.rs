//! The node's figures and conditions against upstream's defaults.

use jiff::Timestamp;

use super::capacity::{Figures, capacity};
use super::conditions::{Health, conditions, event};
use super::info::{memory_bytes, os_image};
use super::object::{as_text, own_labels};
use crate::config::Registration;

#[test]
fn capacity_and_allocatable() {
    let figures = Figures { cpus: 2, memory_bytes: 4 << 30, disk_bytes: 100_000_000_000, ..Figures::default() };
    let mut node = Registration { name: "n".into(), pods_max: 110, ..Registration::default() };
    node.capacity.insert("nvidia.com/gpu".into(), "1".into());
    node.reserved.insert("cpu".into(), "500m".into());
    let figures = capacity(&figures, &node).unwrap();
    let capacity = as_text(&figures.capacity);
    assert_eq!(
        (capacity["cpu"].0.as_str(), capacity["memory"].0.as_str(), capacity["pods"].0.as_str()),
        ("2", "4Gi", "110")
    );
    assert_eq!(capacity["nvidia.com/gpu"].0, "1");
    let allocatable = as_text(&figures.allocatable);
    assert_eq!((allocatable["cpu"].0.as_str(), allocatable["memory"].0.as_str()), ("1500m", "3996Mi"));
    assert_eq!(allocatable["ephemeral-storage"].0, "90G");
    node.capacity.insert("x".into(), "many".into());
    assert!(super::capacity::capacity(&Figures::default(), &node).unwrap_err().starts_with("x=many: "));
}

#[test]
fn conditions_turn_with_an_event_and_keep_their_time() {
    let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
    let down = Health { not_ready: vec!["container runtime is down: x".into()], ..Health::default() };
    let first = conditions(&down, &[], at(1));
    let ready = first.iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert_eq!((ready.status.as_str(), ready.reason.as_deref()), ("False", Some("KubeletNotReady")));
    assert_eq!(event(&[], ready), Some("NodeNotReady"));
    let second = conditions(&Health::default(), &first, at(2));
    let ready = second.iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert_eq!((ready.status.as_str(), ready.message.as_deref()), ("True", Some("kubelet is posting ready status")));
    assert_eq!(event(&first, ready), Some("NodeReady"));
    let third = conditions(&Health::default(), &second, at(3));
    for (before, after) in second.iter().zip(&third) {
        assert_eq!(event(&second, after), None);
        assert_eq!(before.last_transition_time, after.last_transition_time);
        assert_ne!(before.last_heartbeat_time, after.last_heartbeat_time);
    }
}

#[test]
fn kernel_files() {
    assert_eq!(memory_bytes("MemTotal:        2048 kB\nMemAvailable:   1024 kB\n", "MemAvailable"), 1 << 20);
    assert_eq!(os_image("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"), "Debian GNU/Linux 12 (bookworm)");
    let node = Registration { name: "n1".into(), ..Registration::default() };
    assert_eq!(own_labels(&node)["kubernetes.io/hostname"], "n1");
}
