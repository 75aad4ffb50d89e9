//! What a container runs: command and arguments, environment, working directory, from CRI and the image. Pure.

use crate::images::manifest::Config;

pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no command specified")]
pub struct NoCommand;

/// CRI's command replaces the entrypoint and, given alone, the image's arguments too; its args replace the image's.
pub fn args(command: &[String], args: &[String], image: &Config) -> Result<Vec<String>, NoCommand> {
    let has_entrypoint = image.entrypoint.iter().any(|part| !part.is_empty());
    let all: Vec<String> = match (command.is_empty(), args.is_empty()) {
        (false, _) => command.iter().chain(args).cloned().collect(),
        (true, false) if has_entrypoint => image.entrypoint.iter().chain(args).cloned().collect(),
        (true, false) => args.to_vec(),
        (true, true) if has_entrypoint => image.entrypoint.iter().chain(&image.cmd).cloned().collect(),
        (true, true) => image.cmd.clone(),
    };
    if all.first().is_none_or(String::is_empty) { Err(NoCommand) } else { Ok(all) }
}

/// Later ones win; a PATH is always there.
pub fn env(image: &Config, hostname: &str, terminal: bool, given: &[(String, String)]) -> Vec<String> {
    let mut env: Vec<(String, String)> = vec![("PATH".into(), DEFAULT_PATH.into())];
    let mut set = |name: &str, value: &str| match env.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value.to_owned(),
        None => env.push((name.to_owned(), value.to_owned())),
    };
    if terminal {
        set("TERM", "xterm");
    }
    if !hostname.is_empty() {
        set("HOSTNAME", hostname);
    }
    for variable in &image.env {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        set(name, value);
    }
    for (name, value) in given {
        set(name, value);
    }
    env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

pub fn working_dir<'a>(given: &'a str, image: &'a Config) -> &'a str {
    [given, image.working_dir.as_str()].into_iter().find(|directory| !directory.is_empty()).unwrap_or("/")
}

/// The number of STOPSIGNAL: a number, `SIGTERM`, `TERM` or `RTMIN+3`; SIGTERM where it is absent or unknown.
pub fn stop_signal(name: &str) -> i32 {
    const REAL_TIME_MIN: i32 = 34;
    let upper = name.trim().to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Ok(number) = bare.parse::<i32>() {
        return number;
    }
    if let Some(offset) = bare.strip_prefix("RTMIN") {
        return REAL_TIME_MIN + offset.trim_start_matches('+').parse::<i32>().unwrap_or(0);
    }
    format!("SIG{bare}").parse::<nix::sys::signal::Signal>().map_or(libc::SIGTERM, |signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// The table of the Kubernetes documentation, "Define a command and arguments for a container".
    #[test]
    fn command_and_args_combine() {
        let cases = [
            ("/ep-1", "foo bar", "", "", Some("/ep-1 foo bar")),
            ("/ep-1", "foo bar", "/ep-2", "", Some("/ep-2")),
            ("/ep-1", "foo bar", "", "zoo boo", Some("/ep-1 zoo boo")),
            ("/ep-1", "foo bar", "/ep-2", "zoo boo", Some("/ep-2 zoo boo")),
            ("", "sh", "", "", Some("sh")),
            ("", "sh", "", "ls", Some("ls")),
            ("", "", "", "", None),
        ];
        for (entrypoint, cmd, command, given, expected) in cases {
            let image = Config { entrypoint: words(entrypoint), cmd: words(cmd), ..Config::default() };
            let combined = args(&words(command), &words(given), &image).ok();
            assert_eq!(combined, expected.map(words), "{entrypoint} {cmd} {command} {given}");
        }
    }

    #[test]
    fn later_variables_win_and_there_is_a_path() {
        let image = Config { env: words("A=1 B=2 EMPTY"), ..Config::default() };
        let given = [("B".to_owned(), "3".to_owned()), ("C".to_owned(), "x=y".to_owned())];
        let expected = format!("PATH={DEFAULT_PATH} TERM=xterm HOSTNAME=h A=1 B=3 EMPTY= C=x=y");
        assert_eq!(env(&image, "h", true, &given), words(&expected));
        let own_path = Config { env: words("PATH=/x"), ..Config::default() };
        assert_eq!(env(&own_path, "", false, &[]), ["PATH=/x"]);
    }

    #[test]
    fn stop_signals_have_many_spellings() {
        let cases =
            [("", 15), ("SIGQUIT", 3), ("quit", 3), ("9", 9), ("SIGRTMIN+3", 37), ("RTMIN", 34), ("nonsense", 15)];
        for (name, number) in cases {
            assert_eq!(stop_signal(name), number, "{name}");
        }
    }
}
