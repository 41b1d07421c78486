// How it runs: kernels, each a row loop over straight-line scalar code in SSA form. Nulls are explicit: a nullable
// value is a value and a boolean. Every instruction is pure and is computed for every row.
#pragma once
#include "compiler/ir/loop/network.h"
#include "compiler/ir/text/text.h"

namespace mlp::loop {

enum class Kind { f64, i64, boolean, string, bag };  // a bag goes to outputs only
using ValueId = ir::Id<struct ValueTag>;

enum class Op {
  constant,      // real | integer | text by kind (boolean: integer 0/1)
  load,          // integer = schema column index: the value (mlp_column.values)
  present,       // integer = schema column index: boolean, true when not null
  fitted,        // integer = number slot: f64
  fitted_text,   // integer = text slot: string
  table_code,    // integer = table slot; args: string → i64 code, dictionary size when absent
  table_value,   // integer = table slot; args: i64 code → f64, by the row's fold
  table_size,    // integer = table slot: i64, number of keys of its dictionary (the code of an absent key)
  add, sub, mul, div,                // f64 or i64 (div: f64 only); i64 wraps
  neg,
  eq, ne, lt, le, gt, ge,            // f64 (ordered: NaN compares false, ne true) or i64 → boolean
  and_, or_, not_,                   // boolean
  select,                            // boolean, a, b
  to_f64,                            // i64 or boolean → f64
  to_i64,                            // boolean → i64
  bag,           // integer = table slot; args: string, i64 recipe (stdlib/builtins/terms.h): the bag of its terms
  hash_bag,      // the same by hash, without a table
  call,                              // text = symbol of a builtin kernel function, args by its C signature
};

struct Instr {
  Op op = Op::constant;
  Kind kind = Kind::f64;         // of the result
  std::vector<ValueId> args;     // each stands before its user
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  template <class A> void fields(A&& a) {
    a("op", op); a("kind", kind); a("args", args); a("integer", integer); a("real", real); a("text", text);
  }
};

struct Output {     // outputs[i].values[row] = value; outputs[i].present[row] = present, when known
  std::string name;
  ValueId value;
  ValueId present;  // unknown: a null is written as NaN (f64 only), or never occurs
  template <class A> void fields(A&& a) { a("name", name); a("value", value); a("present", present); }
};

struct Kernel {
  std::string name;            // features | fit_0 | fit_1 | target
  std::vector<Instr> body;
  std::vector<Output> outputs;
};

// A function of C that kernels call by `symbol`: first a boolean that says whether all arguments are present, then these.
// Where one is missing the function is not called, and the result is 0.
struct External {
  std::string symbol, name;
  std::string file, text;          // the C source
  std::vector<Kind> parameters;
  Kind result = Kind::f64;
  template <class A> void fields(A&& a) { a("symbol", symbol); a("name", name); a("file", file); a("text", text); a("parameters", parameters); a("result", result); }
};

struct Module {
  std::vector<External> externals;
  std::vector<Kernel> kernels;
  std::vector<Function> network;   // score, train, update; none without a network
  const Kernel* find(std::string_view name) const;
};

std::string print(const Module& module);
Module parse_text(std::string_view text);              // throws ir::TextError
std::vector<std::string> verify(const Module& module);
// Of each output of a kernel the column whose floats it holds as they are, a null as NaN; else -1.
std::vector<std::int32_t> plain_columns(const Kernel& kernel);

}  // namespace mlp::loop

namespace mlp::ir {
template <> struct enum_words<loop::Kind> { static constexpr std::string_view words[] = {"f64", "i64", "bool", "string", "bag"}; };
template <> struct enum_words<loop::Op> {
  static constexpr std::string_view words[] = {"constant", "load", "present", "fitted", "fitted_text", "table_code", "table_value", "table_size", "add", "sub", "mul", "div", "neg", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "select", "to_f64", "to_i64", "bag", "hash_bag", "call"};
};
}  // namespace mlp::ir
