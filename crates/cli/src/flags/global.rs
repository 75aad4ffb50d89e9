//! Flags that every verb takes.

use std::path::PathBuf;

use clap::Args;
use http::{HeaderName, HeaderValue};

use crate::error::{Error, Result, usage};

#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    #[arg(long, global = true)]
    pub context: Option<String>,
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    #[arg(short, long, global = true, value_name = "URL")]
    pub server: Option<String>,
    #[arg(long, global = true)]
    pub token: Option<String>,
    /// Accept any server certificate
    #[arg(long, global = true)]
    pub insecure_skip_tls_verify: bool,
    #[arg(long, global = true, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE", requires = "client_key")]
    pub client_certificate: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE", requires = "client_certificate")]
    pub client_key: Option<PathBuf>,
    #[arg(long, global = true)]
    pub tls_server_name: Option<String>,
    #[command(flatten)]
    pub impersonate: Impersonate,
    /// The whole command's longest time; 0 is for ever
    #[arg(long, global = true, default_value = "0", value_name = "TIME")]
    pub request_timeout: String,
    #[arg(short = 'v', long = "v", global = true, hide = true)]
    pub verbosity: Option<u8>,
    #[arg(long, global = true, hide = true)]
    pub cache_dir: Option<PathBuf>,
}

/// Whom to act as.
#[derive(Clone, Debug, Default, Args)]
pub struct Impersonate {
    /// Username to impersonate for the operation
    #[arg(long = "as", global = true, value_name = "USER")]
    pub user: Option<String>,
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub groups: Vec<String>,
    #[arg(long = "as-uid", global = true, value_name = "UID")]
    pub uid: Option<String>,
}

impl Impersonate {
    /// The headers that say so.
    pub fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let Some(user) = &self.user else {
            return if self.groups.is_empty() && self.uid.is_none() {
                Ok(Vec::new())
            } else {
                usage("requesting uid, groups or user-extra without impersonating a user name")
            };
        };
        let mut named = vec![("impersonate-user", user)];
        named.extend(self.groups.iter().map(|group| ("impersonate-group", group)));
        named.extend(self.uid.iter().map(|uid| ("impersonate-uid", uid)));
        let header = |(name, value): (&'static str, &String)| {
            let value = HeaderValue::try_from(value).map_err(|error| Error::Use(format!("{name}: {error}")))?;
            Ok((HeaderName::from_static(name), value))
        };
        named.into_iter().map(header).collect()
    }
}
