// The tune block: what may be tried, and by what it is judged. Each end of a range is checked as if it were written in the model.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/codes/modules.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

bool higher_is_better(const std::string& metric) {
  static const std::set<std::string> up = {"auc", "accuracy", "precision", "recall", "f1", "macro_f1", "r2", "silhouette", "calinski_harabasz", "adjusted_rand", "average_precision"};
  return up.count(metric) > 0;
}

// Is it a setting that a tune block may vary, and of whole numbers? What a model is (its loss, its seed) stays as written.
std::optional<bool> whole_setting(const std::string& name) {
  std::optional<bool> whole;
  ModelSettings settings;
  settings.fields([&](std::string_view key, auto& value) {
    using T = std::remove_reference_t<decltype(value)>;
    if (key == name && key != "kind" && key != "loss" && key != "quantile" && key != "seed" && key != "calibrate") whole = !std::is_floating_point_v<T>;
  });
  return whole;
}

}  // namespace

void Checker::check_tune(const ast::Tune& tune, const ast::Model& model) {
  if (tune.settled || found_.has_errors() || !kind_known_) return;  // ends of ranges are judged by a model that is right
  Tune t;
  declaration_ = tune.head.span;
  t.span = tune.head.name_span;
  if (!has_trees(module_.model.settings.kind)) t.resource = TuneResource::rows;
  const auto word = [&](auto& into, const ast::Setting& v, const auto& words) {
    const ast::Expr& e = node(v.value);
    const auto found = std::find(std::begin(words), std::end(words), e.text);
    if (e.kind == ast::ExprKind::name && found != std::end(words)) {
      into = static_cast<std::remove_reference_t<decltype(into)>>(found - std::begin(words));
      return;
    }
    std::string list;
    for (const std::string_view w : words) list += (list.empty() ? "`" : ", `") + std::string(w) + "`";
    Diagnostic& d = report(code::bad_setting, "`" + v.name + "` is one of " + list + ", found `" + text(e.span) + "`", e.span);
    suggest_name(d, e.span, e.text, {std::begin(words), std::end(words)});
  };
  const auto number_in = [&](std::int64_t& into, const ast::Setting& v, std::int64_t low, std::int64_t high) {
    const auto n = whole(v.value);
    if (n && *n >= low && *n <= high) into = *n;
    else report(n ? code::out_of_range : code::bad_setting, "`" + v.name + "` is a whole number from " + std::to_string(low) + " to " + std::to_string(high), node(v.value).span, "found `" + text(node(v.value).span) + "`");
  };
  std::int64_t seed = 0;
  const ast::Setting* resource = nullptr;
  take_settings(tune.settings,
                {{"trials", [&](const ast::Setting& v) { number_in(t.trials, v, 1, 10'000); }},
                 {"method", [&](const ast::Setting& v) { word(t.method, v, ir::enum_words<TuneMethod>::words); }},
                 {"seed", [&](const ast::Setting& v) { number_in(seed, v, 0, INT64_MAX); }},
                 {"resource", [&](const ast::Setting& v) { resource = &v, word(t.resource, v, ir::enum_words<TuneResource>::words); }},
                 {"factor", [&](const ast::Setting& v) { number_in(t.factor, v, 2, 100); }}},
                "a tune block", {{"n_trials", "trials"}, {"max_evals", "trials"}, {"algorithm", "method"}, {"eta", "factor"}, {"random_state", "seed"}});
  t.seed = static_cast<std::uint64_t>(seed);
  if (resource && t.resource == TuneResource::trees && !has_trees(module_.model.settings.kind))
    report(code::bad_tune, "a " + model.kind + " model has no trees", node(resource->value).span).edit(node(resource->value).span, "rows").suggest("use `rows`");

  if (!tune.objective.known()) {
    report(code::bad_tune, "the tune block does not say what is best", tune.head.name_span, "no objective").suggest(has_valid_ ? "add `maximize valid.auc` or `minimize valid.rmse`" : "add `maximize cv.auc` or `minimize cv.rmse`");
  } else {
    const ast::Expr& e = node(tune.objective);
    const bool member = e.kind == ast::ExprKind::member && node(e.args[0]).kind == ast::ExprKind::name;
    const std::string part = member ? node(e.args[0]).text : "";
    if (part == "test" || part == "production" || part == "train") {
      const char* better = module_.split.folds > 0 ? "cv" : "valid";
      Diagnostic& d = report(part == "train" ? code::bad_tune : code::tune_on_test, part == "train" ? "the train rows cannot judge what was trained on them" : "tuning on the test rows leaks them into the model",
                             node(e.args[0]).span, part == "train" ? "every trial looks good here" : "no longer unseen when it is measured");
      d.edit(node(e.args[0]).span, better).suggest("judge by `" + std::string(better) + "." + e.text + "`");
    } else if (check_metric(e, t.scope, t.metric)) {
      t.maximize = tune.direction == "maximize";
      const char* right = higher_is_better(t.metric) ? "maximize" : "minimize";
      if (t.metric == "rows") report(code::bad_tune, "`rows` is the same in every trial", e.span).suggest("name a metric of the predictions");
      else if (t.metric == "anomaly_share") report(code::bad_tune, "`anomaly_share` is neither better nor worse", e.span).suggest("measure against a truth, and name a metric of it: `maximize valid.auc`");
      else if (tune.direction != right) report(code::bad_tune, "`" + t.metric + "` is better when it is " + (higher_is_better(t.metric) ? "higher" : "lower"), tune.objective_span).edit(tune.objective_span, right).suggest("write `" + std::string(right) + "`");
    }
  }
  if (tune.ranges.empty()) report(code::bad_tune, "the tune block has nothing to try", tune.head.name_span, "no range").suggest("add ranges: `depth in 3..8`, `learning_rate in log(0.01, 0.3)`");
  std::map<std::string, Span> seen;
  for (const ast::TuneRange& r : tune.ranges) {
    if (const auto before = seen.emplace(r.name, r.name_span); !before.second) {
      report(code::duplicate_name, "`" + r.name + "` is tuned twice", r.name_span, "again").also(before.first->second, "first here").suggest("keep one of the two");
      continue;
    }
    if (r.name == "trees" && t.method == TuneMethod::halving && t.resource == TuneResource::trees) {
      report(code::bad_tune, "halving deals out the trees, so they cannot be tuned too", r.name_span).suggest("remove the range, or say `resource = rows`");
      continue;
    }
    check_range(r, model, t);
  }
  if (!found_.has_errors()) module_.tune.push_back(std::move(t));
}

void Checker::check_range(const ast::TuneRange& r, const ast::Model& model, Tune& into) {
  TuneRange range;
  range.name = r.name;
  range.span = r.name_span;
  const auto param = params_.find(r.name);
  range.param = param != params_.end();
  const std::optional<bool> setting = whole_setting(r.name);
  if (range.param && setting) {
    report(code::bad_tune, "`" + r.name + "` is a param and a setting of the model", r.name_span, "which of the two?").also(param->second.span, "the param").suggest("rename the param");
    return;
  }
  if (range.param && data_params_.count(r.name)) {
    report(code::bad_tune, "param `" + r.name + "` decides what is read, split or predicted, so its trials could not be compared", r.name_span).also(param->second.span, "the param").suggest("tune settings of the model, and params of features");
    return;
  }
  const ast::Expr& e = node(r.values);
  const bool list = e.kind == ast::ExprKind::list, log = e.kind == ast::ExprKind::call && e.text == "log" && e.args.size() == 2;
  if ((!list && !log && e.kind != ast::ExprKind::range) || e.args.empty()) {
    report(code::bad_tune, "a range is `low..high`, `log(low, high)` or a list", e.span, "found `" + text(e.span) + "`").suggest("`" + r.name + " in [1, 2, 4]`");
    return;
  }
  // Each value, in the model or as the param.
  for (const ast::ExprId id : e.args) {
    if (range.param) {
      ParamValue probe = param->second;
      if (!take_param(probe, id, false)) return;
      if (list) range.choices.push_back(probe.literal.text);
      continue;
    }
    ast::Model probe = model;
    std::erase_if(probe.settings, [&](const ast::Setting& s) { return s.name == r.name; });
    probe.settings.push_back({r.name, r.name_span, id});
    const ir::Model kept = module_.model;
    Meaning* const told = std::exchange(meaning_, nullptr);
    check_model(probe);
    meaning_ = told;
    module_.model = kept;
    if (found_.has_errors()) return;
    if (!setting) {
      report(code::bad_tune, "`" + r.name + "` cannot be tuned", r.name_span, "not a number or a word that is tried").suggest("tune numbers and `growth`");
      return;
    }
    const ast::Expr& value = node(id);
    const bool negative = value.kind == ast::ExprKind::unary && value.text == "-";
    if (list) range.choices.push_back((negative ? "-" : "") + (negative ? node(value.args[0]) : value).text);
  }
  if (!list) {
    const Scalar type = range.param ? param->second.column.type.scalar : Scalar::real;
    const auto low = number(e.args[0]), high = number(e.args[1]);
    if ((range.param && type != Scalar::integer && type != Scalar::real) || !low || !high) {
      report(code::bad_tune, "a range is made of numbers, and `" + r.name + "` is not one", e.span).suggest("list the values: `" + r.name + " in [" + text(node(e.args[0]).span) + ", " + text(node(e.args[1]).span) + "]`");
      return;
    }
    range.low = *low;
    range.high = *high;
    range.log = log;
    range.whole = range.param ? type == Scalar::integer : *setting;
    if (!(range.low < range.high) || (log && range.low <= 0)) {
      report(code::bad_tune, range.low < range.high ? "a logarithmic range begins above 0" : "the range `" + text(e.span) + "` is empty", e.span).suggest(range.low < range.high ? "begin with a small number: `log(0.001, 1)`" : "the smaller value comes first");
      return;
    }
  }
  into.ranges.push_back(std::move(range));
}

}  // namespace mlp::checking
