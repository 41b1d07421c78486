// Texts as bags of terms: tf_idf, count_terms, hash_terms.
#include <algorithm>

#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

constexpr std::int64_t longest_term = 20, widest_bag = 1 << 24;

// The constant arguments of one call, checked. What is wrong is reported once, and the default stands for it.
template <class Report>
class Constants {
 public:
  Constants(const Builtin& row, const std::vector<Argument>& bound, const std::vector<ir::Expr>& exprs, Report report)
      : row_(row), bound_(bound), exprs_(exprs), report_(std::move(report)) {}
  bool failed = false;

  bool flag(std::string_view name, bool otherwise) {
    const std::size_t n = place(name);
    if (n == row_.parameters.size()) return otherwise;
    const ir::Expr* e = constant(n, "`true` or `false`");
    return e ? e->value.integer != 0 : otherwise;
  }
  std::int64_t whole(std::string_view name, std::int64_t otherwise, std::int64_t low, std::int64_t high) {
    const std::size_t n = place(name);
    if (n == row_.parameters.size()) return otherwise;
    const ir::Expr* e = constant(n, "a whole number");
    if (!e) return otherwise;
    if (e->type.scalar == Scalar::integer && e->value.integer >= low && e->value.integer <= high) return e->value.integer;
    fail(code::out_of_range, n, "`" + std::string(name) + "` must be a whole number from " + std::to_string(low) + " to " + std::to_string(high), "`" + std::string(name) + " = " + std::to_string(std::clamp(otherwise, low, high)) + "`");
    return otherwise;
  }
  double share(std::string_view name, double otherwise) {
    const std::size_t n = place(name);
    if (n == row_.parameters.size()) return otherwise;
    const ir::Expr* e = constant(n, "a share");
    if (!e) return otherwise;
    const double v = e->type.scalar == Scalar::integer ? static_cast<double>(e->value.integer) : e->value.real;
    if (v > 0 && v <= 1) return v;
    fail(code::out_of_range, n, "`" + std::string(name) + "` is a share of the train rows: above 0 and at most 100%", "`" + std::string(name) + " = 50%`");
    return otherwise;
  }
  void fail(Code code, std::size_t n, const std::string& message, const std::string& example) {
    if (!failed) report_(code, message, bound_[n].value.span, "write " + example);
    failed = true;
  }

 private:
  std::size_t place(std::string_view name) const {
    std::size_t n = 0;
    while (n < row_.parameters.size() && row_.parameters[n].name != name) ++n;
    return n;
  }
  const ir::Expr* constant(std::size_t n, const std::string& what) {
    const std::string& name = row_.parameters[n].name;
    const Operand& o = bound_[n].value;
    const ir::Expr* e = o.vector || o.items.empty() ? nullptr : &exprs_[o.items[0].value.index];
    if (e && e->op == ir::ExprOp::constant && !e->value.null && (is_number(e->type.scalar) || e->type.scalar == Scalar::boolean)) return e;
    fail(code::not_constant, n, "`" + name + "` must be a constant", what + ", or a param");
    return nullptr;
  }
  const Builtin& row_;
  const std::vector<Argument>& bound_;
  const std::vector<ir::Expr>& exprs_;
  Report report_;
};

}  // namespace

bool Checker::makes_bag(std::string_view name) { return name == "tf_idf" || name == "count_terms" || name == "hash_terms"; }

// The text, how it is cut into terms, and the vocabulary that is fitted on the train rows.
Operand Checker::expand_bag(const std::string& name, const std::vector<Argument>& args, Span span) {
  const Builtin& row = *find_builtins(name).front();
  const ir::ExprId v = args[0].value.items[0].value;
  if (!is_text(type_of(v).scalar)) {
    report(code::type_mismatch, "`" + name + "` takes a text, found " + show(type_of(v)), args[0].value.span, show(type_of(v)))
        .suggest("a number is a feature by itself; `to_text(v)` makes a text of it");
    return poison();
  }
  if (stage_of(v) != ir::Stage::row) {
    report(code::bad_feature_type, "a text that is the same in every row cannot be a feature", args[0].value.span, "constant").suggest("remove it");
    return poison();
  }
  Constants constants(row, args, module_.exprs, [&](Code code, const std::string& message, Span at, const std::string& help) { report(code, message, at).suggest(help); });
  Item item;
  item.value = v;
  item.encoding = ir::Encoding::bag;
  BagSettings& bag = item.bag;
  const std::size_t by = name == "hash_terms" ? 2 : 1;
  if (const std::string& word = args[by].value.function; !word.empty()) {
    const auto& words = ir::enum_words<TermKind>::words;
    const auto at = std::find(std::begin(words), std::end(words), word);
    if (at == std::end(words)) {
      Diagnostic& d = report(code::unknown_name, "`by` is `words`, `chars` or `chars_in_words`, not `" + word + "`", args[by].value.span, "not known");
      suggest_name(d, args[by].value.span, word, {std::begin(words), std::end(words)});
      if (d.help.empty()) d.suggest("write `by = words`");
      return poison();
    }
    bag.by = static_cast<TermKind>(at - std::begin(words));
  }
  bag.shortest = constants.whole("shortest", 1, 1, longest_term);
  bag.longest = constants.whole("longest", 1, 1, longest_term);
  if (!constants.failed && bag.longest < bag.shortest)
    constants.fail(code::out_of_range, by + 2, "the longest term is shorter than the shortest one", "`longest = " + std::to_string(bag.shortest) + "`");
  bag.binary = constants.flag("binary", false);
  bag.sublinear = constants.flag("sublinear", false);
  bag.norm = constants.flag("norm", false);
  const std::int64_t min_rows = constants.whole("min_rows", 1, 1, std::int64_t{1} << 40), max_size = constants.whole("max_size", 0, 0, widest_bag);
  const double max_share = constants.share("max_share", 1);
  if (name == "hash_terms") bag.buckets = constants.whole("size", 1 << 18, 2, widest_bag);
  if (constants.failed) return poison();
  if (bag.buckets == 0) {
    const auto number = [&](std::int64_t n) {
      Value value;
      value.integer = n;
      return Argument{"", {}, this->value(constant({Scalar::integer, false}, std::move(value), span), span)};
    };
    bool matched = false;
    const Argument share{"", {}, value(real_constant(max_share, span), span)};
    const Operand table = call_builtin("terms", {args[0], number(static_cast<std::int64_t>(bag.by)), number(bag.shortest), number(bag.longest), number(min_rows), share,
                                                 number(max_size), number(name == "tf_idf")}, span, span, matched, true);
    if (table.poison) return table;
    item.table = table.items[0].value;
  }
  Operand o;
  o.items = {item};
  o.span = span;
  return o;
}

// tokens(v, length, size): the code of each of the first words, 0 where there is none.
Operand Checker::expand_tokens(const std::vector<Argument>& args, Span span) {
  const Builtin& row = *find_builtins("tokens").front();
  const ir::ExprId v = args[0].value.items[0].value;
  if (!is_text(type_of(v).scalar)) {
    report(code::type_mismatch, "`tokens` takes a text, found " + show(type_of(v)), args[0].value.span, show(type_of(v))).suggest("a number is a feature by itself; `to_text(v)` makes a text of it");
    return poison();
  }
  Constants constants(row, args, module_.exprs, [&](Code code, const std::string& message, Span at, const std::string& help) { report(code, message, at).suggest(help); });
  const std::int64_t length = constants.whole("length", 32, 1, 1024), size = constants.whole("size", 4096, 1, widest_bag);
  if (constants.failed) return poison();
  const auto number = [&](std::int64_t n) {
    Value value;
    value.integer = n;
    return Argument{"", {}, this->value(constant({Scalar::integer, false}, std::move(value), span), span)};
  };
  Operand o;
  o.vector = true;
  o.span = span;
  for (std::int64_t n = 0; n < length; ++n) {
    bool matched = false;
    Operand code = call_builtin("word_code", {args[0], number(n), number(size)}, span, span, matched, true);
    if (!code.poison && type_of(v).nullable) code = call_builtin("coalesce", {Argument{"", {}, std::move(code)}, number(0)}, span, span, matched, true);
    if (code.poison) return code;
    o.items.push_back({to_real(code.items[0].value)});
  }
  return o;
}

}  // namespace mlp::checking
