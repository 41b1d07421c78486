// What a spec must keep apart, by the taxonomy of Kapoor and Narayanan (2023): a test part (L1.1), statistics of train
// rows (L1.2), features chosen without looking (L1.3), times (L3.1), groups (L3.2), the deployment's population (L3.3).
// The label and what stands for it (L2) are taints, see features.cpp; duplicates (L1.4) are found in data, see engine.
#include <algorithm>

#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

void Checker::check_parts(const ast::Split* written, const ast::Source* source) {
  const Split& s = module_.split;
  const auto setting = [&](const char* name) -> const ast::Setting* {
    if (written)
      for (const ast::Setting& v : written->settings)
        if (v.name == name) return &v;
    return nullptr;
  };
  const bool target = file_.models.empty() || (file_.models.front().kind != "kmeans" && file_.models.front().kind != "isolation_forest");
  if (!has_test_ && target && (s.folds == 0 || !file_.tunes.empty())) {  // folds measure on unseen rows, unless they chose what was trained
    const ast::Setting* at = setting("test");
    if (!at) at = setting("train");
    report(code::no_test_part, "nothing measures the model on rows that it has not seen: the test part is empty", at ? node(at->value).span : written->head.name_span,
           "leaves no test rows")
        .suggest("give the test part a share: `test = 20%`");
  }

  const Column *moment = nullptr, *group = nullptr;
  for (const Column& c : module_.columns) {
    if (!moment && c.event_time && (c.type.scalar == Scalar::timestamp || c.type.scalar == Scalar::date)) moment = &c;
    if (!group && c.group) group = &c;
  }
  const std::string source_name = source ? source->head.name : "rows";
  // Where `by` stands or would stand, and the edit that makes it `wanted`.
  const ast::Setting* by = setting("by");
  const Span at = by ? node(by->value).span : written ? written->head.name_span : source ? source->head.name_span : Span{};
  const auto mend = [&](Diagnostic& d, const std::string& wanted) {
    d.suggest("split by it: `by = " + wanted + "`");
    if (by) d.edit(at, wanted);
    else if (written && !written->settings.empty()) d.edit({at.source, written->settings.front().name_span.begin, written->settings.front().name_span.begin}, "by = " + wanted + ", ");
    else if (!written && source) d.edit({at.source, source->head.span.end, source->head.span.end}, "\n\nsplit " + source_name + " { train = 70%, valid = 15%, test = 15%, by = " + wanted + " }");
  };
  const std::string how = written ? "" : ", the default without a split block,";
  const bool scattered = s.method == SplitMethod::random || s.method == SplitMethod::stratified || s.method == SplitMethod::every;
  const bool by_value = s.method == SplitMethod::hash || s.method == SplitMethod::group;
  if (moment && scattered) {
    mend(report(code::future_rows, "a split by `" + std::string(ir::enum_words<SplitMethod>::words[static_cast<int>(s.method)]) + "`" + how + " trains on rows that are later than those of the test part", at,
                "in no order of time")
             .also(moment->span, "`" + moment->name + "` is declared `@event_time` here"),
         "time(" + spell_name(moment->name) + ")");
    return;
  }
  if (s.method == SplitMethod::time && moment && s.column.known()) {
    const Column& c = module_.columns[s.column.index];
    const bool other = &c != moment && (c.type.scalar == Scalar::timestamp || c.type.scalar == Scalar::date);
    if (other)
      mend(report(code::future_rows, "the split goes by `" + c.name + "`, and rows happen at `" + moment->name + "`", at, "another moment")
               .also(moment->span, "declared `@event_time` here"),
           "time(" + spell_name(moment->name) + ")");
  }
  const bool kept = by_value && s.column.known() && group && &module_.columns[s.column.index] == group;
  if (group && !kept && s.method != SplitMethod::column && !(s.method == SplitMethod::time && moment)) {
    mend(report(code::parted_group, "rows of one `" + group->name + "` stand in train and in test", at, "parts what belongs together")
             .also(group->span, "`" + group->name + "` is declared `@group` here"),
         "group(" + spell_name(group->name) + ")");
  } else if (moment && by_value && !kept) {
    report(code::mixed_times, "a split by `" + module_.columns[s.column.index].name + "` trains on rows that are later than some of the test part", at, "in no order of time")
        .also(moment->span, "`" + moment->name + "` is declared `@event_time` here")
        .suggest("split by time: `by = time(" + spell_name(moment->name) + ")`; or declare `" + module_.columns[s.column.index].name + "` as `@group`, if its rows belong together");
  }
}

std::string Checker::spell_name(const std::string& name) const {
  const bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
                     std::all_of(name.begin(), name.end(), [](char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
  return plain ? name : "`" + name + "`";
}

// mean(age, over = all): an argument that asks for the rows of a part.
bool Checker::asks_for_rows(const ast::Expr& call) {
  static const std::set<std::string> arguments = {"over", "rows", "part", "parts", "on", "data", "fit", "fit_on", "using"};
  static const std::set<std::string> parts = {"all", "train", "valid", "test", "everything", "data", "rows"};
  if (!is_function(call.text, frame_->library)) return false;
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    const ast::Expr& value = node(call.args[i]);
    const bool word = value.kind == ast::ExprKind::name || value.kind == ast::ExprKind::string;
    if (!word || !arguments.count(call.arg_names[i]) || !parts.count(value.text) || frame_->locals.count(value.text) || find_column(value.text).known()) continue;
    const Span whole{value.span.source, call.arg_name_spans[i].begin, value.span.end};
    Diagnostic& d = report(code::not_train_rows, "`" + call.text + "` is computed over the train rows, and over no others", whole, "asks for other rows");
    d.suggest("leave the argument out");
    if (i == 0 || frame_->library) return true;
    const Span before = node(call.args[i - 1]).span;  // with the comma
    if (text({whole.source, before.end, whole.begin}).find_first_not_of(", \t\n") == std::string::npos) d.edit({whole.source, before.end, whole.end}, "");
    return true;
  }
  return false;
}

// Names of other systems for choosing features by the data.
bool Checker::chooses_by_data(const std::string& name, Span span) {
  static const std::set<std::string> known = {"select_best", "select_k_best", "select_percentile", "select_features", "best_features", "top_features", "select_from_model", "rfe", "rfecv", "variance_threshold",
                                              "drop_correlated", "drop_low_variance", "boruta", "stepwise", "mutual_information", "feature_selection"};
  if (!known.count(name)) return false;
  report(code::selected_by_data, "features are not chosen by looking at the data", span, "not in the language")
      .suggest("leave the step out: trees pass over what does not help, `l1` of a linear model does it on train rows alone; `except (…)` leaves columns out by name");
  return true;
}

// serve on CONDITION
void Checker::check_population(const ast::Deploy& deploy) {
  if (!deploy.population.known()) return;
  const Span span = node(deploy.population).span;
  Operand o = eval(deploy.population);
  if (!need_value(o, "the condition of `serve on`")) return;
  const ir::ExprId written = o.items[0].value;
  const auto refuse = [&](const std::string& what, Span at, const std::string& label) -> Diagnostic& { return report(code::bad_population, what, at, label); };
  if (o.vector || type_of(written).scalar != Scalar::boolean) {
    refuse("`serve on` takes a condition, found " + show(type_of(written)), span, o.vector ? "a vector" : show(type_of(written))).suggest("compare it: `serve on tenure >= 1`");
    return;
  }
  bool fitted = false;
  ir::ExprId late;
  const auto& target = module_.model.target_columns;
  walk(written, [&](ir::ExprId id) {
    const ir::Expr& e = module_.exprs[id.index];
    fitted = fitted || e.stage == ir::Stage::fit;
    if (e.op != ir::ExprOp::column || !e.column.known() || late.known()) return true;
    const Column& c = module_.columns[e.column.index];
    if (c.label || c.future || std::find(target.begin(), target.end(), e.column) != target.end()) late = id;
    return true;
  });
  if (late.known()) {
    const ir::Expr& e = module_.exprs[late.index];
    const Column& c = module_.columns[e.column.index];
    const bool predicted = std::find(target.begin(), target.end(), e.column) != target.end();
    Diagnostic& d = refuse("`serve on` depends on `" + c.name + "`, which is unknown when a prediction is made", e.span, predicted ? "what the model predicts or is measured against" : c.label ? "a `@label`" : "known only later");
    d.also(predicted ? module_.model.target_span : c.span, predicted ? "said here" : "declared here").suggest("say by other columns which rows are served");
    return;
  }
  if (fitted || stage_of(written) != ir::Stage::row) {
    refuse(fitted ? "`serve on` is computed from the row alone" : "`serve on` is the same for every row", span, fitted ? "uses an aggregate" : "a constant").suggest("compare a column with a constant: `serve on tenure >= 1`");
    return;
  }
  ir::ExprId condition = written;
  if (type_of(condition).nullable) {  // a row of which it is not known is not served
    Value never;
    Argument a{"", {}, value(condition, span)}, b{"", {}, value(constant({Scalar::boolean, false}, std::move(never), span), span)};
    bool matched = false;
    condition = call_builtin("coalesce", {a, b}, span, span, matched, true).items[0].value;
  }
  module_.model.population = to_real(condition);
  population_span_ = span;
}

}  // namespace mlp::checking
