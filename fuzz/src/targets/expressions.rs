//! CEL: compiled, estimated and run over an object, within a budget that holds.

use std::sync::{Arc, LazyLock};

use cel::{Bindings, Decl, DeclKind, Env, EvalError, NEWEST, compile, decl_of_schema};
use serde_json::{Value, json};

const BUDGET: u64 = 20_000;

static ENV: LazyLock<Env> = LazyLock::new(|| {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "integer"},
        "s": {"type": "string"},
        "l": {"type": "array", "items": {"type": "string"}},
        "m": {"type": "object", "additionalProperties": {"type": "integer"}},
    }});
    let object = Arc::new(decl_of_schema(&schema, false, "self").expect("the schema has a type"));
    let any = Decl::simple(DeclKind::Dyn, 1);
    Env::new(NEWEST).with("self", object.clone()).with_sizes_of(object).with("object", any).with_mutation()
});

static OBJECT: LazyLock<Value> = LazyLock::new(|| json!({"a": 1, "s": "hello", "l": ["a", "b"], "m": {"k": 1}}));

pub fn expressions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(program) = compile(text, &ENV, &[]) else { return };
    program.estimate();
    let bindings = Bindings::default().json("self", &OBJECT).json("object", &OBJECT);
    let evaluation = program.evaluate(&bindings, BUDGET);
    let over = matches!(evaluation.result, Err(EvalError::OverBudget));
    assert_eq!(over, evaluation.cost > BUDGET, "{} of {BUDGET}", evaluation.cost);
}
