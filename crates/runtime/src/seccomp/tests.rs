//! Runs the assembled filters on calls, as the kernel does, and compares with what the profile says.

use super::*;

/// Runs a program as the kernel does (Documentation/networking/filter.rst), on a call.
fn judge(program: &Program, architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_le_bytes());
    data.extend(architecture.to_le_bytes());
    data.extend(0_u64.to_le_bytes());
    arguments.iter().for_each(|argument| data.extend(argument.to_le_bytes()));
    let (mut at, mut a) = (0, 0_u32);
    loop {
        let instruction = program[at];
        at += 1;
        let code = u32::from(instruction.code);
        match code & 7 {
            libc::BPF_LD => {
                let from = instruction.k as usize;
                a = u32::from_le_bytes(data[from..from + 4].try_into().expect("four bytes"));
            }
            libc::BPF_ALU => a &= instruction.k,
            libc::BPF_RET => return instruction.k,
            libc::BPF_JMP => {
                let holds = match code & 0xf0 {
                    libc::BPF_JEQ => a == instruction.k,
                    libc::BPF_JGT => a > instruction.k,
                    libc::BPF_JGE => a >= instruction.k,
                    _ => {
                        at += instruction.k as usize;
                        continue;
                    }
                };
                at += usize::from(if holds { instruction.jt } else { instruction.jf });
            }
            other => panic!("instruction class {other}"),
        }
    }
}

const X86_64: u32 = 0xC000_003E;
const I386: u32 = 0x4000_0003;
const EPERM: u32 = errno(libc::EPERM);
const ENOSYS: u32 = errno(libc::ENOSYS);

#[cfg(target_arch = "x86_64")]
#[test]
fn the_default_profile_judges_as_container_engines_do() {
    let none = compile(&Seccomp::RuntimeDefault, 0).expect("compiles").remove(0);
    let admin = compile(&Seccomp::RuntimeDefault, 1 << 21).expect("compiles").remove(0);
    let call = |number: i64, first: u64| (number as u32, [first, 0, 0, 0, 0, 0]);
    let cases = [
        ("read", call(libc::SYS_read, 0), ALLOW, ALLOW),
        ("mount", call(libc::SYS_mount, 0), EPERM, ALLOW),
        ("reboot", call(libc::SYS_reboot, 0), EPERM, EPERM),
        ("thread", call(libc::SYS_clone, 0x3d_0f00), ALLOW, ALLOW),
        ("new user namespace", call(libc::SYS_clone, 0x1000_0000), EPERM, ALLOW),
        ("clone3", call(libc::SYS_clone3, 0), ENOSYS, ALLOW),
        ("tcp socket", call(libc::SYS_socket, 2), ALLOW, ALLOW),
        ("vsock", call(libc::SYS_socket, 40), EPERM, EPERM),
        ("personality", call(libc::SYS_personality, 0xffff_ffff), ALLOW, ALLOW),
        ("odd personality", call(libc::SYS_personality, 0x4_0000), EPERM, EPERM),
        ("io_uring", call(libc::SYS_io_uring_setup, 0), EPERM, EPERM),
        ("x32", (0x4000_0000, [0; 6]), ENOSYS, ENOSYS),
        ("above the table", (100_000, [0; 6]), EPERM, EPERM),
    ];
    for (name, (number, arguments), plain, with_admin) in cases {
        assert_eq!(judge(&none, X86_64, number, arguments), plain, "{name}");
        assert_eq!(judge(&admin, X86_64, number, arguments), with_admin, "{name} with CAP_SYS_ADMIN");
    }
    assert_eq!(judge(&none, I386, 3, [0; 6]), ALLOW, "read of a 32-bit program");
    assert_eq!(judge(&none, I386, 21, [0; 6]), EPERM, "mount of a 32-bit program");
    assert_eq!(judge(&none, 0x1234, 0, [0; 6]), ENOSYS, "another machine's ABI");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn every_comparison_is_of_64_bits() {
    let big = 0x1_0000_0005_u64;
    let cases: &[(&str, &[(u64, bool)])] = &[
        ("SCMP_CMP_EQ", &[(big, true), (5, false), (big + 1, false)]),
        ("SCMP_CMP_NE", &[(big, false), (5, true), (big + 1, true)]),
        ("SCMP_CMP_GT", &[(big, false), (big + 1, true), (5, false), (0x2_0000_0000, true)]),
        ("SCMP_CMP_GE", &[(big, true), (big - 1, false), (0x2_0000_0000, true), (0xffff_ffff, false)]),
        ("SCMP_CMP_LT", &[(big, false), (big - 1, true), (0x2_0000_0000, false), (0xffff_ffff, true)]),
        ("SCMP_CMP_LE", &[(big, true), (big + 1, false), (0xffff_ffff, true), (0x2_0000_0000, false)]),
    ];
    for (op, values) in cases {
        let text = format!(
            r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{{"names":["read","nosuch"],"action":"SCMP_ACT_ALLOW","args":[{{"index":1,"value":{big},"op":"{op}"}},{{"index":0,"value":7,"op":"SCMP_CMP_EQ"}}]}}]}}"#
        );
        let filter = profile::parse(text.as_bytes(), 0).expect("parses");
        let program = assemble::program(&filter).expect("assembles");
        for (value, allowed) in *values {
            let judged = judge(&program, X86_64, 0, [7, *value, 0, 0, 0, 0]);
            assert_eq!(judged == ALLOW, *allowed, "{op} {value:#x}");
            assert_eq!(judge(&program, X86_64, 0, [8, *value, 0, 0, 0, 0]), EPERM, "{op}: the second condition fails");
        }
    }
}

#[test]
fn capabilities_choose_the_rules_of_a_profile() {
    let text = br#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[
        {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
        {"names":["read"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_ADMIN"]}}]}"#;
    let plain = profile::parse(text, 0).expect("parses");
    let admin = profile::parse(text, 1 << 21).expect("parses");
    assert_eq!((plain.otherwise, plain.rules.len(), admin.rules.len()), (ENOSYS, 1, 1));
    assert_eq!((plain.rules[0].names[0].as_str(), admin.rules[0].names[0].as_str()), ("read", "mount"));
    assert!(profile::parse(br#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#, 0).is_err());
}
