//! Who a container runs as: the user of CRI or the image, looked up in the image's /etc/passwd and /etc/group. Pure.

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub additional_gids: Vec<u32>,
}

/// What CRI and the image say.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub run_as_username: &'a str,
    /// The image's USER: `user`, `uid`, and `:group` or `:gid` after it.
    pub image_user: &'a str,
    pub supplemental_groups: &'a [i64],
    /// Whether only the given supplemental groups count, not those of /etc/group.
    pub strict_groups: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    #[error("no user {0:?} in the image's /etc/passwd")]
    UnknownUser(String),
    #[error("no group {0:?} in the image's /etc/group")]
    UnknownGroup(String),
    #[error("user group is specified without user")]
    GroupWithoutUser,
    #[error("id {0} is out of range")]
    OutOfRange(i64),
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
}

pub fn resolve(wanted: &Wanted<'_>, passwd: &str, group: &str) -> Result<User, UserError> {
    let by_cri = wanted.run_as_user.map(|uid| uid.to_string()).unwrap_or_else(|| wanted.run_as_username.to_owned());
    if by_cri.is_empty() && wanted.run_as_group.is_some() {
        return Err(UserError::GroupWithoutUser);
    }
    let user = if by_cri.is_empty() { wanted.image_user } else { by_cri.as_str() };
    let (name, group_name) = user.split_once(':').unwrap_or((user, ""));
    let account = accounts(passwd).find(|account| account.name == name || Ok(account.uid) == name.parse());
    let uid = match (&account, name) {
        (Some(account), _) => account.uid,
        (None, "") => 0,
        (None, _) => name.parse().map_err(|_| UserError::UnknownUser(name.to_owned()))?,
    };
    let own_gid = account.as_ref().map_or(0, |account| account.gid);
    let gid = match (wanted.run_as_group, group_name) {
        (Some(gid), _) => id(gid)?,
        (None, "") => own_gid,
        (None, name) => group_id(group, name).ok_or_else(|| UserError::UnknownGroup(name.to_owned()))?,
    };
    // The primary group is among the additional ones, or dropping groups could grant what they deny.
    let mut additional_gids = vec![gid];
    if let Some(account) = account.filter(|_| !wanted.strict_groups) {
        additional_gids.extend(memberships(group, account.name));
    }
    for gid in wanted.supplemental_groups {
        additional_gids.push(id(*gid)?);
    }
    let mut seen = std::collections::BTreeSet::new();
    additional_gids.retain(|gid| seen.insert(*gid));
    Ok(User { uid, gid, additional_gids })
}

fn id(id: i64) -> Result<u32, UserError> {
    u32::try_from(id).map_err(|_| UserError::OutOfRange(id))
}

fn accounts(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some(Account { name, uid: fields.nth(1)?.trim().parse().ok()?, gid: fields.next()?.trim().parse().ok()? })
    })
}

/// Name, id and members.
fn groups(group: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    group.lines().filter_map(|line| {
        let mut fields = line.split(':');
        Some((fields.next()?, fields.nth(1)?.trim().parse().ok()?, fields.next().unwrap_or_default()))
    })
}

fn group_id(group: &str, wanted: &str) -> Option<u32> {
    let named = groups(group).find(|(name, ..)| *name == wanted).map(|(_, gid, _)| gid);
    named.or_else(|| wanted.parse().ok())
}

fn memberships<'a>(group: &'a str, user: &'a str) -> impl Iterator<Item = u32> + 'a {
    groups(group)
        .filter(move |(_, _, members)| members.split(',').any(|member| member.trim() == user))
        .map(|(_, gid, _)| gid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnginx:x:101:102:nginx:/nonexistent:/bin/false\nbroken\n";
    const GROUP: &str = "root:x:0:\nnginx:x:102:\nadm:x:4:syslog,nginx\nweb:x:33:nginx\n";

    fn user(uid: u32, gid: u32, additional: &[u32]) -> Result<User, UserError> {
        Ok(User { uid, gid, additional_gids: additional.to_vec() })
    }

    /// As containerd's CRI plugin resolves them (its tests of user options).
    #[test]
    fn users_are_looked_up_in_the_image() {
        let image = |image_user| Wanted { image_user, ..Wanted::default() };
        let cases = [
            (image(""), user(0, 0, &[0])),
            (image("nginx"), user(101, 102, &[102, 4, 33])),
            (image("101"), user(101, 102, &[102, 4, 33])),
            (image("nginx:adm"), user(101, 4, &[4, 33])),
            (image("1000"), user(1000, 0, &[0])),
            (image("1000:1001"), user(1000, 1001, &[1001])),
            (image("nobody"), Err(UserError::UnknownUser("nobody".into()))),
            (image("nginx:nope"), Err(UserError::UnknownGroup("nope".into()))),
            (Wanted { run_as_user: Some(5), ..image("nginx") }, user(5, 0, &[0])),
            (
                Wanted { run_as_user: Some(101), run_as_group: Some(7), supplemental_groups: &[9, 33], ..image("") },
                user(101, 7, &[7, 4, 33, 9]),
            ),
            (Wanted { strict_groups: true, supplemental_groups: &[9], ..image("nginx") }, user(101, 102, &[102, 9])),
            (Wanted { run_as_username: "nginx", ..image("0") }, user(101, 102, &[102, 4, 33])),
            (Wanted { run_as_group: Some(7), ..image("nginx") }, Err(UserError::GroupWithoutUser)),
            (Wanted { run_as_user: Some(-1), ..image("") }, Err(UserError::UnknownUser("-1".into()))),
        ];
        for (wanted, expected) in cases {
            assert_eq!(resolve(&wanted, PASSWD, GROUP), expected, "{wanted:?}");
        }
    }
}
