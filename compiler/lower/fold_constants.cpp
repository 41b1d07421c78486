#include <optional>

#include "compiler/lower/passes.h"
#include "compiler/pass/arithmetic.h"

namespace mlp::lowering {
namespace {

using loop::Instr;
using loop::Kind;
using loop::Op;
using loop::ValueId;

class Folder {
 public:
  explicit Folder(const loop::Kernel& kernel) : k_(kernel) {}

  // As `replace` of rewrite.
  ValueId operator()(Instr& i, ValueId) {
    if (i.op == Op::constant) return {};
    if (i.op == Op::select && i.kind == Kind::boolean) {  // presence makes many of these
      if (is(i.args[2], false)) i = {Op::and_, Kind::boolean, {i.args[0], i.args[1]}, 0, 0, {}};
      else if (is(i.args[1], true)) i = {Op::or_, Kind::boolean, {i.args[0], i.args[2]}, 0, 0, {}};
    }
    if (const ValueId same = identity(i); same.known()) return same;
    std::vector<Constant> constants;
    for (const ValueId a : i.args) {
      const auto c = constant(a);
      if (!c) return {};
      constants.push_back(*c);
    }
    if (const auto result = compute(word(i.op), constants)) i = {Op::constant, i.kind, {}, result->integer, result->real, {}};
    return {};
  }

 private:
  std::optional<Constant> constant(ValueId id) const {
    const Instr& i = k_.body[id.index];
    if (i.op != Op::constant || i.kind == Kind::string) return {};
    return i.kind == Kind::f64 ? Constant::of(i.real) : i.kind == Kind::i64 ? Constant::of(i.integer) : Constant::of(i.integer != 0);
  }
  bool is(ValueId id, bool value) const {
    const auto c = constant(id);
    return c && c->kind == Constant::Kind::boolean && (c->integer != 0) == value;
  }
  // Whether `id` is the operation `op` with `part` among its arguments: and(x, and(y, x)) is the inner one.
  bool holds(ValueId id, Op op, ValueId part) const {
    const Instr& i = k_.body[id.index];
    return i.op == op && (i.args[0] == part || i.args[1] == part);
  }
  // An argument that the instruction always equals.
  ValueId identity(const Instr& i) const {
    if (i.op == Op::select) {
      if (is(i.args[0], true) || i.args[1] == i.args[2]) return i.args[1];
      if (is(i.args[0], false)) return i.args[2];
    }
    if (i.op == Op::and_ || i.op == Op::or_) {
      const bool neutral = i.op == Op::and_;  // true for and, false for or; the other one decides
      const ValueId a = i.args[0], b = i.args[1];
      if (is(a, neutral) || is(b, !neutral) || a == b) return b;
      if (is(b, neutral) || is(a, !neutral)) return a;
      if (holds(b, i.op, a)) return b;
      if (holds(a, i.op, b)) return a;
    }
    if (i.op == Op::not_ && k_.body[i.args[0].index].op == Op::not_) return k_.body[i.args[0].index].args[0];
    return {};
  }

  const loop::Kernel& k_;
};

}  // namespace

std::string_view word(Op op) { return ir::enum_words<Op>::words[static_cast<int>(op)]; }

// Operations on constants, and operations that change nothing. Never reorders floating point.
void fold_constants(const flow::Program&, loop::Module& module) {
  for (loop::Kernel& kernel : module.kernels) rewrite(kernel, Folder(kernel));
}

}  // namespace mlp::lowering
