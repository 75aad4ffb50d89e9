//! Filters as classic BPF: one section per ABI of the machine, rules tried in order, 64-bit arguments compared in halves. A foreign
//! ABI gets ENOSYS. Kernels from 5.11 on remember calls that are always allowed, so the order costs nothing there.

use std::str::FromStr;

use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

use super::{Comparison, Condition, Filter, Program, Rule, SeccompError, errno};

/// Offsets in the kernel's struct seccomp_data.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;
const PROGRAM_MAX: usize = 4096;

struct Abi {
    architecture: u32,
    number: fn(&str) -> Option<u32>,
    /// Numbers from here on are another ABI in disguise (x32).
    end: Option<u32>,
}

#[cfg(target_arch = "x86_64")]
const ABIS: [Abi; 2] = [
    Abi {
        architecture: 0xC000_003E,
        number: |name| syscalls::x86_64::Sysno::from_str(name).ok().map(|n| n.id() as u32),
        end: Some(0x4000_0000),
    },
    Abi {
        architecture: 0x4000_0003,
        number: |name| syscalls::x86::Sysno::from_str(name).ok().map(|n| n.id() as u32),
        end: None,
    },
];
#[cfg(target_arch = "aarch64")]
const ABIS: [Abi; 2] = [
    Abi {
        architecture: 0xC000_00B7,
        number: |name| syscalls::aarch64::Sysno::from_str(name).ok().map(|n| n.id() as u32),
        end: None,
    },
    Abi {
        architecture: 0x4000_0028,
        number: |name| syscalls::arm::Sysno::from_str(name).ok().map(|n| n.id() as u32),
        end: None,
    },
];

pub fn program(filter: &Filter) -> Result<Program, SeccompError> {
    let mut program = vec![load(ARCHITECTURE)];
    for abi in &ABIS {
        let section = section(filter, abi);
        // A section may be longer than a conditional jump reaches.
        program.push(jump(BPF_JEQ, abi.architecture, 1, 0));
        program.push(statement(BPF_JMP, section.len() as u32));
        program.extend(section);
    }
    program.push(give(errno(libc::ENOSYS)));
    if program.len() > PROGRAM_MAX { Err(SeccompError::TooLong(program.len())) } else { Ok(program) }
}

fn section(filter: &Filter, abi: &Abi) -> Program {
    let mut section = vec![load(NUMBER)];
    if let Some(end) = abi.end {
        section.extend([jump(BPF_JGE, end, 0, 1), give(errno(libc::ENOSYS))]);
    }
    for rule in &filter.rules {
        let mut numbers: Vec<u32> = rule.names.iter().filter_map(|name| (abi.number)(name)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if rule.conditions.is_empty() {
            section.extend(ranges(&numbers).into_iter().flat_map(|(first, last)| range(first, last, rule.action)));
        } else {
            section.extend(numbers.into_iter().flat_map(|number| conditional(number, rule)));
        }
    }
    section.push(give(filter.otherwise));
    section
}

/// Runs of consecutive numbers.
fn ranges(numbers: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

fn range(first: u32, last: u32, action: u32) -> Program {
    if first == last {
        return vec![jump(BPF_JEQ, first, 0, 1), give(action)];
    }
    vec![jump(BPF_JGE, first, 0, 2), jump(BPF_JGT, last, 1, 0), give(action)]
}

/// The number is loaded again after the conditions, for the rules that follow.
fn conditional(number: u32, rule: &Rule) -> Program {
    let mut checks: Vec<Program> = rule.conditions.iter().map(|condition| check(*condition)).collect();
    checks.push(vec![give(rule.action)]);
    let length: usize = checks.iter().map(Vec::len).sum();
    let mut program = vec![jump(BPF_JEQ, number, 0, (length + 1) as u8)];
    let mut after = length;
    for mut check in checks {
        let own = check.len();
        after -= own;
        for (position, instruction) in check.iter_mut().enumerate() {
            let to_end = (own - position - 1 + after) as u8;
            for target in [&mut instruction.jt, &mut instruction.jf] {
                if *target == FAIL {
                    *target = to_end;
                } else if *target == PASS {
                    *target = (own - position - 1) as u8;
                }
            }
        }
        program.extend(check);
    }
    program.push(load(NUMBER));
    program
}

/// Places to jump to that are resolved when the length is known.
const FAIL: u8 = u8::MAX;
const PASS: u8 = u8::MAX - 1;

fn check(condition: Condition) -> Program {
    let (low_at, high_at) = halves(condition.argument);
    let (high, low) = ((condition.value >> 32) as u32, condition.value as u32);
    match condition.comparison {
        Comparison::Equal => {
            vec![load(high_at), jump(BPF_JEQ, high, 0, FAIL), load(low_at), jump(BPF_JEQ, low, 0, FAIL)]
        }
        Comparison::NotEqual => {
            vec![load(high_at), jump(BPF_JEQ, high, 0, PASS), load(low_at), jump(BPF_JEQ, low, FAIL, 0)]
        }
        Comparison::Greater => ordered(condition.argument, high, jump(BPF_JGT, low, 0, FAIL), false),
        Comparison::GreaterOrEqual => ordered(condition.argument, high, jump(BPF_JGE, low, 0, FAIL), false),
        Comparison::Less => ordered(condition.argument, high, jump(BPF_JGE, low, FAIL, 0), true),
        Comparison::LessOrEqual => ordered(condition.argument, high, jump(BPF_JGT, low, FAIL, 0), true),
        Comparison::MaskedEqual(mask) => vec![
            load(high_at),
            statement(BPF_ALU | BPF_AND, (mask >> 32) as u32),
            jump(BPF_JEQ, high, 0, FAIL),
            load(low_at),
            statement(BPF_ALU | BPF_AND, mask as u32),
            jump(BPF_JEQ, low, 0, FAIL),
        ],
    }
}

/// The high half decides unless it is equal; then the low half does.
fn ordered(argument: u32, high: u32, low_half: sock_filter, less: bool) -> Program {
    let (low_at, high_at) = halves(argument);
    let (above, below) = if less { (FAIL, PASS) } else { (PASS, FAIL) };
    vec![load(high_at), jump(BPF_JGT, high, above, 0), jump(BPF_JEQ, high, 0, below), load(low_at), low_half]
}

fn halves(argument: u32) -> (u32, u32) {
    let at = ARGUMENTS + 8 * argument;
    if cfg!(target_endian = "little") { (at, at + 4) } else { (at + 4, at) }
}

fn load(offset: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, offset)
}

fn give(action: u32) -> sock_filter {
    statement(BPF_RET, action)
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: (code | BPF_K) as u16, jt: 0, jf: 0, k }
}

fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | test | BPF_K) as u16, jt, jf, k }
}
