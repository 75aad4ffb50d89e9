//! A server without a node of its own, and a node behind masquerade: nothing on the server's side has a route to it. Its tunnel does.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;

use super::{Story, Tier};
use crate::agent::Agent;
use crate::certificate::Certified;
use crate::cluster::Cluster;
use crate::machine::Machine;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "masquerade",
    shows: "logs, exec, a webhook's Pod and Pods in the host's network on a node that the server has no route to, before and after restarts",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run,
};

/// Two servers in the node's own network, one of them for the node alone.
const HOST: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: host, labels: {app: host}}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers:
  - name: host
    image: nginx:1.21
    command: [sh, -c, "mkdir /www && echo from the host > /www/index.html && httpd -p 127.0.0.1:9101 -h /www && exec httpd -f -p 9100 -h /www"]
    readinessProbe: {tcpSocket: {port: 9100}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: host}
spec: {selector: {app: host}, ports: [{port: 80, targetPort: 9100}]}
"#;

/// nginx ends TLS; a script behind it answers reviews: no.
const HOOK: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: hook}
data:
  nginx.conf: |
    user nobody nogroup;
    pid /run/nginx.pid;
    error_log stderr;
    events {}
    http {
      server {
        listen 8443 ssl;
        ssl_certificate /tls/tls.crt;
        ssl_certificate_key /tls/tls.key;
        location / { proxy_pass http://127.0.0.1:8080/cgi-bin/review; }
      }
    }
  review: |
    #!/bin/sh
    uid=$(sed -n 's/.*"request":{.*"uid":"\([^"]*\)","userInfo".*/\1/p')
    echo "Content-Type: application/json"
    echo
    echo '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"'$uid'","allowed":false,"status":{"message":"says the Pod"}}}'
---
apiVersion: v1
kind: Pod
metadata: {name: hook, labels: {app: hook}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: hook
    image: nginx:1.21
    command: [sh, -c, "echo started; httpd -p 127.0.0.1:8080 -h /www && exec nginx -c /hook/nginx.conf -g 'daemon off;'"]
    ports: [{containerPort: 8443}]
    readinessProbe: {tcpSocket: {port: 8443}, periodSeconds: 1}
    volumeMounts: [{name: hook, mountPath: /hook}, {name: script, mountPath: /www/cgi-bin}, {name: tls, mountPath: /tls}]
  volumes:
  - {name: hook, configMap: {name: hook}}
  - {name: script, configMap: {name: hook, defaultMode: 0755}}
  - {name: tls, secret: {secretName: hook}}
---
apiVersion: v1
kind: Service
metadata: {name: hook}
spec: {selector: {app: hook}, ports: [{port: 443, targetPort: 8443}]}
"#;

fn run(folder: &Path) -> Result<()> {
    let machine = Machine::start_behind_masquerade()?;
    let mut cluster = Cluster::start_with(folder, &["--disable-agent"])?;
    let kubelet: SocketAddr = format!("{}:10250", machine.address).parse()?;
    let mut agent = Agent::on(machine, &cluster);
    agent.start(&cluster)?;
    let direct = TcpStream::connect_timeout(&kubelet, Duration::from_secs(2));
    ensure!(direct.is_err(), "the server's side has a way to {kubelet} without the tunnel");
    let certified = Certified::new("hook.default.svc")?;
    let (certificate, key) = (encoded(&certified.chain), encoded(&certified.key));
    cluster.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: hook}}\ntype: kubernetes.io/tls\ndata: {{tls.crt: {certificate}, tls.key: {key}}}\n"
    ))?;
    cluster.apply(HOOK)?;
    cluster.apply(HOST)?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "--timeout=60s", "pod/hook", "pod/host"])?;
    reached(&cluster)?;
    proxied(&cluster)?;
    denied(&cluster, &encoded(&certified.authority))?;
    agent.stop()?;
    agent.start(&cluster).context("start the agent again")?;
    reached(&cluster).context("after the agent's restart")?;
    cluster.kill_server()?;
    cluster.start_server()?;
    wait_for("the tunnel to a new server", Duration::from_secs(30), || reached(&cluster))?;
    drop(agent.uninstall()?);
    cluster.uninstall()
}

fn encoded(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// What runs through the kubelet.
fn reached(cluster: &Cluster) -> Result<()> {
    let logs = cluster.kubectl(&["logs", "hook"])?;
    ensure!(logs.contains("started"), "the Pod's log is {logs:?}");
    let told = cluster.kubectl(&["exec", "hook", "--", "echo", "from inside"])?;
    ensure!(told.trim() == "from inside", "exec gave {told:?}");
    Ok(())
}

/// The proxies lead to what listens on the node's address, and to nothing on its loopback.
fn proxied(cluster: &Cluster) -> Result<()> {
    let node = format!("/api/v1/nodes/{}", cluster.kubectl(&["get", "pod", "host", "-o=jsonpath={.spec.nodeName}"])?);
    let service = "/api/v1/namespaces/default/services/host/proxy/".to_owned();
    let pod = "/api/v1/namespaces/default/pods/host:9100/proxy/".to_owned();
    for path in [format!("{node}:9100/proxy/"), pod, service] {
        wait_for(&path, Duration::from_secs(10), || {
            let told = cluster.kubectl(&["get", "--raw", &path])?;
            ensure!(told.trim() == "from the host", "{path} gave {told:?}");
            Ok(())
        })?;
    }
    let inner = cluster.try_kubectl(&["get", "--raw", &format!("{node}:9101/proxy/")])?;
    ensure!(inner.code != 0, "the node's loopback answers: {inner:?}");
    Ok(())
}

/// The API server calls the webhook's Service, whose only endpoint is behind the tunnel.
fn denied(cluster: &Cluster, authority: &str) -> Result<()> {
    cluster.apply(&format!(
        r#"
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {{name: hook}}
webhooks:
- name: hook.example.com
  clientConfig: {{service: {{namespace: default, name: hook, path: /}}, caBundle: {authority}}}
  rules: [{{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}}]
  namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: default}}}}
  admissionReviewVersions: [v1]
  sideEffects: None
"#
    ))?;
    let says = r#"admission webhook "hook.example.com" denied the request: says the Pod"#;
    wait_for("the webhook to be asked", Duration::from_secs(10), || {
        let printed = cluster.try_kubectl(&["create", "configmap", "refused", "--dry-run=server"])?;
        ensure!(printed.code == 1 && printed.err.contains(says), "{printed:?}, expected {says:?}");
        Ok(())
    })
}
