//! Between a terminal and containers: logs, exec, attach, port-forward, copies, debug of a Pod with two containers.

use super::Row;

/// One with two containers, one that ends by itself.
pub const PODS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: two}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: one
    image: busybox
    command: ["sh", "-c", "echo first; exec sleep 100000"]
  - name: other
    image: busybox
    command: ["sh", "-c", "echo second; exec sleep 100000"]
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  volumes:
  - name: scratch
    emptyDir: {}
---
apiVersion: v1
kind: Pod
metadata: {name: brief}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    command: ["sh", "-c", "for n in 1 2 3; do echo line $n; sleep 0.5; done"]
"#;

/// Waits for a port of the node to answer, then asks it and ends the forwarding.
pub const ROWS: &[Row] = &[
    ("kubectl apply -f pods.yaml -f job.yaml", &["pod/two created", "job.batch/backup-job created"]),
    ("kubectl wait --for=jsonpath='{.status.phase}'=Running pod/brief --timeout=60s", &[]),
    ("timeout 30 kubectl logs -f brief", &["line 1\nline 2\nline 3\n"]),
    ("kubectl wait --for=condition=Ready pod/two --timeout=60s", &["pod/two condition met"]),
    ("kubectl logs two", &["Defaulted container \"one\" out of: one, other", "first\n"]),
    ("test \"$(kubectl logs two -c other)\" = second", &[]),
    ("kubectl logs two --all-containers --prefix", &["[pod/two/one] first", "[pod/two/other] second"]),
    ("kubectl logs -l app=nginx --tail=1", &[]),
    ("kubectl logs two -c one --timestamps --since=1h", &["Z first\n"]),
    ("! kubectl logs two -c nosuch", &["container nosuch is not valid for pod two"]),
    ("kubectl exec two -c other -- sh -c 'echo $HOSTNAME; ls -d /scratch'", &["two\n/scratch\n"]),
    ("kubectl exec deployment/nginx-deployment -- nginx -v", &["nginx version: nginx/"]),
    ("echo given | kubectl exec -i two -c one -- cat", &["given\n"]),
    (
        "mkfifo typed; { echo 'tty; echo $((6 * 7)) answers; exit' > typed; } & \
         timeout 30 script -qec 'kubectl exec -it two -c one -- /bin/sh' /dev/null <>typed",
        &["/dev/pts/", "42 answers"],
    ),
    ("! kubectl exec two -c one -- sh -c 'exit 7'", &["command terminated with exit code 7"]),
    (
        "seq 100000 > there; kubectl cp there two:/tmp/copy -c other; kubectl cp two:/tmp/copy back -c other; cmp there back",
        &[],
    ),
    (
        "kubectl port-forward svc/nginx-clusterip 18080:80 > forwarded 2>&1 & \
         timeout 20 sh -c 'until busybox wget -qO- http://127.0.0.1:18080/; do sleep 0.1; done'; kill $!",
        &["Welcome to nginx!"],
    ),
    ("kubectl wait --for=condition=complete job/backup-job --timeout=60s", &["condition met"]),
    ("kubectl logs job/backup-job", &["Backup completed\n"]),
    ("kubectl get jobs", &["Complete", "1/1"]),
    ("kubectl delete -f job.yaml", &["job.batch \"backup-job\" deleted"]),
    ("kubectl delete pod brief --grace-period=0 --force", &["pod \"brief\" force deleted"]),
];
