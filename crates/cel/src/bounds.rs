//! Nothing that a user writes panics, overflows the stack or runs far past its budget.

use proptest::prelude::*;
use serde_json::json;

use crate::{Bindings, Decl, DeclKind, Env, EvalError, NEWEST, compile, decl_of_schema};

/// Half the stack of the API server's workers.
const STACK: usize = 1 << 20;

fn env() -> Env {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "integer"}, "s": {"type": "string"}, "l": {"type": "array", "items": {"type": "string"}},
        "m": {"type": "object", "additionalProperties": {"type": "integer"}}}});
    let decl = std::sync::Arc::new(decl_of_schema(&schema, false, "self").expect("a declaration"));
    Env::new(NEWEST).with("self", decl.clone()).with_sizes_of(decl).with("x", Decl::simple(DeclKind::Dyn, 1))
}

/// Compiles, estimates and runs; what comes of it does not matter, but the budget does.
fn survive(source: &str, budget: u64) {
    let Ok(program) = compile(source, &env(), &[]) else { return };
    let estimate = program.estimate();
    assert!(estimate.min <= estimate.max || estimate.max == u64::MAX, "{source}: {estimate:?}");
    let object = json!({"a": 1, "s": "hello", "l": ["a", "b"], "m": {"k": 1}});
    let any = json!([1, "a", {"b": [2.5, null, true]}]);
    let bindings = Bindings::default().json("self", &object).json("x", &any);
    let evaluation = program.evaluate(&bindings, budget);
    let over = matches!(evaluation.result, Err(EvalError::OverBudget));
    assert_eq!(over, evaluation.cost > budget, "{source}: {} of {budget}", evaluation.cost);
}

fn in_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(test).expect("a thread");
    thread.join().expect("no panic");
}

#[test]
fn deep_expressions_fit_into_a_workers_stack() {
    in_small_stack(|| {
        for depth in [50, 63, 65, 199, 201, 20_000] {
            let open = |left: &str, middle: &str, right: &str| {
                format!("{}{middle}{}", left.repeat(depth), right.repeat(depth))
            };
            survive(&open("(", "1", ")"), 1_000_000);
            survive(&open("[", "1", "]"), 1_000_000);
            survive(&open("{'a':", "1", "}"), 1_000_000);
            survive(&open("size([", "1", "])"), 1_000_000);
            survive(&open("[1].map(y, ", "1", ")"), 1_000_000);
            survive(&open("true ? ", "1", " : 1"), 1_000_000);
            survive(&open("!", "x", ""), 1_000_000);
            survive(&open("-", "x", ""), 1_000_000);
            survive(&open("", "1", " + 1"), 1_000_000);
            survive(&open("", "x", " && x"), 1_000_000);
            survive(&open("", "x", ".a"), 1_000_000);
            survive(&open("", "x", "[0]"), 1_000_000);
            survive(&open("", "'a'", ".trim()"), 1_000_000);
            survive(&open("(", "1", " + 1 + 1 + 1 + 1 + 1)"), 1_000_000);
            survive(&open("", "x", ".?a"), 1_000_000);
        }
    });
}

#[test]
fn what_grows_fast_ends() {
    for source in [
        "lists.range(1000000).distinct()",
        "lists.range(100000).map(i, lists.range(100000))",
        "lists.range(1000).all(i, lists.range(1000).all(j, lists.range(1000).all(k, true)))",
        "sets.contains(lists.range(1000000), lists.range(1000000))",
        "optional.of([1]).optMap(a, a + a).optMap(a, a + a).optMap(a, a + a).optMap(a, a + a).optMap(a, a + a).optMap(a, a + a)",
        "lists.range(60).map(i, self.s.replace('', self.s).replace('', self.s).replace('', self.s).replace('', self.s).replace('', self.s))",
        "lists.range(100000).map(i, string(i)).join('').matches('(a|b|c)*d')",
        "lists.range(100000).transformMap(i, v, v)",
    ] {
        survive(source, 1_000_000);
    }
    let chain = format!("optional.of([1]){}", ".optMap(a, a + a)".repeat(40));
    survive(&chain, 1_000_000);
    // Of each of these names nothing is known but a type's parameter.
    survive(&format!("t{}", ".?w.optMap(t, tsub.upperAscii()).o".repeat(20)), 1_000_000);
}

const WORDS: [&str; 60] = [
    "self",
    "x",
    ".a",
    ".s",
    ".l",
    ".m",
    ".nope",
    "[0]",
    "['k']",
    "[?0]",
    ".?a",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    " in ",
    "&&",
    "||",
    "!",
    "1",
    "2u",
    "1.5",
    "'a'",
    "b'a'",
    "null",
    "true",
    "has(self.a)",
    ".all(y, y",
    ".map(y, y",
    ".filter(y, y",
    ".exists(i, y, y",
    ".size()",
    ".matches('a+')",
    ".split('')",
    ".join(',')",
    ".sum()",
    ".startsWith('a')",
    "size(",
    "string(",
    "int(",
    "type(",
    "duration('1s')",
    "timestamp('2020-01-01T00:00:00Z')",
    ".optMap(z, z)",
    ".orValue(1)",
    "quantity('1')",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(source in "\\PC{0,60}") {
        survive(&source, 1000);
    }

    #[test]
    fn any_row_of_words_is_survived(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..24), budget in 0_u64..2000) {
        survive(&words.concat(), budget);
    }

    #[test]
    fn any_expression_is_survived(source in expressions(), budget in 0_u64..5000) {
        survive(&source, budget);
    }
}

/// Well formed expressions, most of which have a type.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "self.a", "self.s", "self.l", "self.m", "x", "x[0]", "x[2].b", "1", "'a'", "2.5", "true", "null", "[1, 2]",
        "{'a': 1}", "self.?s",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "==", "<", "&&", "||", "in"]);
        let method = prop::sample::select(vec![
            "size()",
            "trim()",
            "sum()",
            "sort()",
            "distinct()",
            "hasValue()",
            "getHours()",
            "isSorted()",
        ]);
        let macros = prop::sample::select(vec!["all", "exists", "map", "filter", "exists_one", "sortBy"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            (inner.clone(), method).prop_map(|(target, method)| format!("{target}.{method}")),
            (inner.clone(), macros, inner.clone())
                .prop_map(|(target, name, body)| format!("{target}.{name}(y, {body} == y)")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(c, a, b)| format!("({c} == 1 ? {a} : {b})")),
            inner.clone().prop_map(|value| format!("dyn({value})")),
            (inner.clone(), inner.clone()).prop_map(|(value, index)| format!("{value}[{index}]")),
            (inner.clone(), inner)
                .prop_map(|(left, right)| format!("[dyn({left}), {right}].map(i, v, v).filter(w, w == w)")),
        ]
    })
}
