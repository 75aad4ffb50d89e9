//! The API server as a proxy to Pods and Services: methods, redirects, ports by name.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::super::ctx::Ctx;
use super::super::expect::contains;
use super::super::hook::{Hook, Reply};
use super::super::pods;
use super::super::wait::until;
use super::checks;

checks! {
    "proxy-methods" => methods;
    "proxy-service-pod" => ports;
}

/// A Pod that answers any method with its name, at / and at /echo.
const ECHO: &str = r#"mkdir -p /tmp/www/cgi-bin; cat > /tmp/echo <<'END'
#!/bin/sh
read method path rest
while read header; do test "$header" = "$(printf '\r')" && break; done
body="$method $path"
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "${#body}" "$body"
END
chmod +x /tmp/echo; nc -ll -p 8080 -e /tmp/echo & "#;

async fn methods(ctx: &Ctx) -> Result<()> {
    let mut pod = pods::script(ctx, "echo", &format!("{ECHO}{}", pods::IDLE));
    pod["metadata"]["labels"] = json!({"app": "echo"});
    pods::started(ctx, pod).await?;
    let spec = json!({"selector": {"app": "echo"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]});
    ctx.here("v1", "services").create(json!({"metadata": {"name": "echo"}, "spec": spec})).await?;
    for base in ["pods/echo:8080", "services/echo:80"] {
        let path = format!("/api/v1/namespaces/{}/{base}/proxy/some/path?method=any", ctx.ns);
        until(60, &format!("{base} to answer"), async || {
            ctx.api.ask("GET", &path).header("accept", "*/*").done().await
        })
        .await?;
        for method in ["GET", "DELETE", "OPTIONS", "PATCH", "POST", "PUT"] {
            let answer = ctx.api.ask(method, &path).header("accept", "*/*").done().await;
            let text = answer.with_context(|| format!("{method} of {base}"))?.text();
            ensure!(text == format!("{method} /some/path?method=any"), "{method} of {base} was answered {text:?}");
        }
        let bare = format!("/api/v1/namespaces/{}/{base}/proxy", ctx.ns);
        let answer = ctx.api.ask("GET", &bare).header("accept", "*/*").answer().await?;
        let to = answer.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
        ensure!(answer.code == 301 && to.ends_with("/proxy/"), "GET {bare} was answered {} {to:?}", answer.code);
    }
    Ok(())
}

/// A Service with named ports, plain and TLS, asked many times at once.
async fn ports(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| Reply::json(json!(format!("tls {}", asked.path)))).await?;
    let mut pod = pods::web(ctx, "web");
    pod["metadata"]["labels"] = json!({"app": "web"});
    pods::started(ctx, pod).await?;
    let ports = json!([{"name": "portname1", "port": 80}, {"name": "portname2", "port": 81, "targetPort": 80}]);
    let spec = json!({"selector": {"app": "web"}, "ports": ports});
    ctx.here("v1", "services").create(json!({"metadata": {"name": "web"}, "spec": spec})).await?;
    let paths = [
        ("pods/web:80/proxy/hostname".to_owned(), "web"),
        ("pods/http:web:80/proxy/hostname".to_owned(), "web"),
        ("services/web:portname1/proxy/hostname".to_owned(), "web"),
        ("services/http:web:portname2/proxy/hostname".to_owned(), "web"),
        ("services/web:81/proxy/hostname".to_owned(), "web"),
        (format!("services/https:{}:https/proxy/some", hook.service), "tls /some"),
    ];
    for (path, part) in &paths {
        let path = format!("/api/v1/namespaces/{}/{path}", ctx.ns);
        until(60, &format!("{path} to answer"), async || {
            let text = ctx.api.ask("GET", &path).header("accept", "*/*").done().await?.text();
            contains(&text, part)
        })
        .await?;
        let again = (0..20).map(|_| ctx.api.ask("GET", &path).header("accept", "*/*").done());
        for answer in futures::future::join_all(again).await {
            contains(&answer?.text(), part).with_context(|| path.clone())?;
        }
    }
    Ok(())
}
