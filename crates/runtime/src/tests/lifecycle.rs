//! A container's life: image, sandbox, start, log, exec, stop, remove; ends of all kinds; the server's and the supervisor's deaths.

use std::collections::BTreeMap;

use super::harness::{Cri, World, isolated, pod, script};
use super::image;
use crate::cri::v1::*;

async fn with_image(world: &World) -> Cri {
    let cri = world.start().await;
    let archive = image::busybox(&world.directory);
    cri.server.node().images.import(&archive, false).await.expect("the image is imported");
    cri
}

#[test]
fn a_container_lives_and_goes() {
    isolated("tests::lifecycle::a_container_lives_and_goes", |world| async move {
        let mut cri = with_image(&world).await;
        let listed = cri.images.list_images(ListImagesRequest::default()).await.expect("a list").into_inner().images;
        assert_eq!(listed[0].repo_tags, [image::NAME]);
        let sandbox = cri.sandbox(pod("web", &world.directory)).await;
        let config =
            script("main", "echo out; echo err >&2; trap 'echo bye; exit 3' TERM; while true; do sleep 0.05; done");
        let id = cri.run(&sandbox, config).await;
        let log = world.directory.join("web/main.log");
        let text = world.file_has(&log, |text| text.lines().count() == 2).await;
        let mut lines: Vec<&str> = text.lines().map(|line| line.split_once(' ').expect("a time").1).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["stderr F err", "stdout F out"]);

        assert_eq!(cri.shell(&id, "hostname; pwd; echo $FROM_IMAGE $HOSTNAME; id -u").await, "web\n/\nyes web\n0\n");
        let failed = cri.exec(&id, &["sh", "-c", "echo no >&2; exit 7"], 10).await.expect("it runs");
        assert_eq!((failed.exit_code, failed.stderr.as_slice()), (7, b"no\n".as_slice()));
        let late = cri.exec(&id, &["sleep", "60"], 1).await.expect_err("it takes too long");
        assert_eq!(late.code(), tonic::Code::DeadlineExceeded);
        let missing = cri.exec(&id, &["nosuch"], 10).await.expect_err("there is no such program");
        assert!(missing.message().contains("exec: \"nosuch\": executable file not found in $PATH"), "{missing}");

        cri.stop(&id, 10).await;
        let status = cri.ended(&id).await;
        assert_eq!((status.exit_code, status.reason.as_str()), (3, "Error"));
        assert!(std::fs::read_to_string(&log).expect("a log").ends_with("stdout F bye\n"));
        cri.remove_sandbox(&sandbox).await;
        let left = cri.runtime.list_containers(ListContainersRequest::default()).await.expect("a list").into_inner();
        assert!(left.containers.is_empty());
        nothing_is_left(&world, &cri).await;
    });
}

/// No mount, no namespace, no control group, no file of a container.
async fn nothing_is_left(world: &World, cri: &Cri) {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let run = world.paths().run;
    let below: Vec<&str> = mounts.lines().filter(|line| line.contains(&format!("{}/", run.display()))).collect();
    assert!(below.is_empty(), "{below:?}");
    world
        .file_has(&world.paths().run.join("none"), |_| {
            let empty = |path| std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
            empty(run.join("containers"))
                && empty(run.join("sandboxes"))
                && empty(world.paths().data.join("containers"))
        })
        .await;
    let groups = crate::cgroups::Cgroups::detect().expect("control groups");
    let own = groups.directory("memory", &world.paths().cgroup()).expect("a directory");
    let names: Vec<_> = std::fs::read_dir(own)
        .expect("own group")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(names, ["supervisor"]);
    assert_eq!(cri.server.node().ledger.entries().len(), 3, "the run dir, its mount, the node's group");
}

#[test]
fn ends_have_reasons() {
    isolated("tests::lifecycle::ends_have_reasons", |world| async move {
        let mut cri = with_image(&world).await;
        let sandbox = cri.sandbox(pod("ends", &world.directory)).await;
        for (name, text, code, reason) in [
            ("good", "exit 0", 0, "Completed"),
            ("bad", "exit 42", 42, "Error"),
            ("killed", "kill -9 $$; sleep 1", 137, "Error"),
        ] {
            let mut config = script(name, text);
            if name == "killed" {
                // pid 1 gets no signal from inside, so its child is killed and it ends as a shell does then. A last command would
                // take the shell's place as pid 1.
                config.command[2] = "sh -c 'kill -9 $$'; exit $?".into();
            }
            let id = cri.run(&sandbox, config).await;
            let status = cri.ended(&id).await;
            assert_eq!((status.exit_code, status.reason.as_str()), (code, reason), "{name}");
            assert!(status.started_at > 0 && status.finished_at >= status.started_at, "{status:?}");
        }
        let mut hungry = script("hungry", "tail /dev/zero");
        let resources = LinuxContainerResources {
            memory_limit_in_bytes: 16 << 20,
            memory_swap_limit_in_bytes: 16 << 20,
            ..Default::default()
        };
        hungry.linux.as_mut().expect("linux").resources = Some(resources);
        let id = cri.run(&sandbox, hungry).await;
        let status = cri.ended(&id).await;
        assert_eq!((status.exit_code, status.reason.as_str()), (137, "OOMKilled"));

        let mut unknown = script("unknown", "");
        unknown.command = vec!["/nosuch".into()];
        let id = cri.create(&sandbox, unknown).await.expect("created");
        let error = cri.start(&id).await.expect_err("there is no such program");
        assert!(error.message().contains("exec: \"/nosuch\": stat /nosuch: no such file or directory"), "{error}");
        let status = cri.status(&id).await;
        assert_eq!(
            (status.state(), status.exit_code, status.reason.as_str()),
            (ContainerState::ContainerExited, 128, "StartError")
        );
        cri.remove_sandbox(&sandbox).await;
    });
}

/// runc and containerd say why the process did not start, and nothing of what removing its group met.
#[test]
fn a_failed_start_says_why_however_its_group_is_removed() {
    isolated("tests::lifecycle::a_failed_start_says_why_however_its_group_is_removed", |world| async move {
        let mut cri = with_image(&world).await;
        let sandbox = cri.sandbox(pod("fails", &world.directory)).await;
        let groups = crate::cgroups::Cgroups::detect().expect("control groups");
        let mut gone = script("gone", "");
        gone.command = vec!["/nosuch".into()];
        let mut nowhere = script("nowhere", "");
        nowhere.mounts =
            vec![Mount { host_path: "/".into(), container_path: "/etc/passwd/x".into(), ..Default::default() }];
        for (config, says) in
            [(gone, "exec: \"/nosuch\": stat /nosuch: no such file or directory"), (nowhere, "/etc/passwd/x")]
        {
            let id = cri.create(&sandbox, config).await.expect("created");
            // While it has a group below it, libcontainer cannot remove the container's.
            let group = groups.directory("memory", &world.paths().cgroup().join(&id)).expect("a directory");
            std::fs::create_dir_all(group.join("below")).expect("a group");
            let error = cri.start(&id).await.expect_err("it cannot start");
            assert!(error.message().contains(says), "{error}");
            let of_groups =
                ["cleanup", "cgroup", "could not delete"].iter().find(|word| error.message().contains(**word));
            assert!(of_groups.is_none(), "{error}");
            assert!(!group.exists(), "the supervisor removes it");
        }
        cri.remove_sandbox(&sandbox).await;
    });
}

#[test]
fn a_stop_without_patience_kills() {
    isolated("tests::lifecycle::a_stop_without_patience_kills", |world| async move {
        let mut cri = with_image(&world).await;
        let sandbox = cri.sandbox(pod("deaf", &world.directory)).await;
        let id = cri.run(&sandbox, script("deaf", "trap '' TERM; while true; do sleep 0.05; done")).await;
        cri.stop(&id, 1).await;
        let status = cri.status(&id).await;
        assert_eq!((status.exit_code, status.reason.as_str()), (137, "Error"));
        cri.remove_sandbox(&sandbox).await;
    });
}

#[test]
fn a_new_server_finds_its_containers() {
    isolated("tests::lifecycle::a_new_server_finds_its_containers", |world| async move {
        let mut cri = with_image(&world).await;
        let sandbox = cri.sandbox(pod("stay", &world.directory)).await;
        let text = "echo begun; trap 'echo bye; exit 5' TERM; while true; do sleep 0.05; done";
        let stays = cri.run(&sandbox, script("stays", text)).await;
        let ends = cri.run(&sandbox, script("ends", "while test ! -e /tmp/end; do sleep 0.05; done; exit 9")).await;
        let pid = std::fs::read_to_string(world.paths().container(&stays).join("process.json")).expect("a record");
        cri.shell(&ends, "(sleep 0.3; touch /tmp/end) &").await;
        let Cri { server, .. } = cri;
        server.stop().await.expect("the server stops");
        let mut cri = world.start().await;
        assert_eq!(cri.status(&stays).await.state(), ContainerState::ContainerRunning);
        let status = cri.ended(&ends).await;
        assert_eq!((status.exit_code, status.reason.as_str()), (9, "Error"));
        let after = std::fs::read_to_string(world.paths().container(&stays).join("process.json")).expect("a record");
        assert_eq!(pid, after);
        assert_eq!(cri.shell(&stays, "echo again").await, "again\n");
        cri.stop(&stays, 10).await;
        assert_eq!(cri.status(&stays).await.exit_code, 5);
        cri.remove_sandbox(&sandbox).await;
        nothing_is_left(&world, &cri).await;
    });
}

#[test]
fn a_new_supervisor_adopts() {
    isolated("tests::lifecycle::a_new_supervisor_adopts", |world| async move {
        let mut cri = with_image(&world).await;
        let sandbox = cri.sandbox(pod("adopt", &world.directory)).await;
        let text = "trap 'echo bye; exit 5' TERM; n=0; while true; do n=$((n+1)); echo $n; sleep 0.01; done";
        let id = cri.run(&sandbox, script("main", text)).await;
        let log = world.directory.join("adopt/main.log");
        world.file_has(&log, |text| text.lines().count() > 3).await;
        for _ in 0..5 {
            another_supervisor(&world).await;
            // At once: who asks while the new one takes over is answered by it.
            assert_eq!(cri.shell(&id, "echo adopted").await, "adopted\n");
        }
        let before = std::fs::read_to_string(&log).expect("a log").lines().count();
        world.file_has(&log, |text| text.lines().count() > before + 3).await;
        cri.stop(&id, 10).await;
        let text = std::fs::read_to_string(&log).expect("a log");
        let numbers: Vec<u32> = text.lines().filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "no line is lost or doubled: {numbers:?}");
        assert_eq!(cri.status(&id).await.state(), ContainerState::ContainerExited);
        cri.remove_sandbox(&sandbox).await;
    });
}

/// Kills the supervisor and waits until the next has begun.
async fn another_supervisor(world: &World) {
    let file = world.paths().run.join("supervisor.pid");
    let old = std::fs::read_to_string(&file).expect("a pid");
    let pid: i32 = old.split(' ').next().expect("a pid").parse().expect("a number");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).expect("killed");
    world.file_has(&file, |text| !text.is_empty() && text != old).await;
}

#[test]
fn labels_filter_lists() {
    isolated("tests::lifecycle::labels_filter_lists", |world| async move {
        let mut cri = world.start().await;
        for name in ["one", "two"] {
            let mut config = pod(name, &world.directory);
            config.labels = BTreeMap::from([("app".to_owned(), name.to_owned())]);
            cri.sandbox(config).await;
        }
        let filter =
            PodSandboxFilter { label_selector: BTreeMap::from([("app".into(), "two".into())]), ..Default::default() };
        let request = ListPodSandboxRequest { filter: Some(filter) };
        let listed = cri.runtime.list_pod_sandbox(request).await.expect("a list").into_inner().items;
        let names: Vec<_> =
            listed.iter().map(|sandbox| sandbox.metadata.as_ref().expect("given").name.as_str()).collect();
        assert_eq!(names, ["two"]);
    });
}
