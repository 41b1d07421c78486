// The model: what it learns from and predicts, and its settings.
#include <algorithm>
#include <cmath>

#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

// The target is known before the features are checked: selectors leave it out, and leaks are judged by it.
void Checker::check_target(const ast::Model& model) {
  ir::Model& m = module_.model;
  m.name = model_name_ = model.head.name;
  m.span = model.head.name_span;
  const std::vector<std::string> kinds(std::begin(ir::enum_words<ModelKind>::words), std::end(ir::enum_words<ModelKind>::words));
  if (const auto kind = std::find(kinds.begin(), kinds.end(), model.kind); kind != kinds.end()) {
    m.settings.kind = static_cast<ModelKind>(kind - kinds.begin());
  } else {
    kind_known_ = false;
    const bool later = model.kind == "import";
    Diagnostic& d = report(later ? code::not_available : code::unknown_model_kind,
                           later ? "`" + model.kind + "` models are not available in this version" : "there is no model kind `" + model.kind + "`", model.kind_span);
    if (!later) {
      static const std::map<std::string, const char*> foreign = {{"xgboost", "gbdt"}, {"lightgbm", "gbdt"}, {"boosting", "gbdt"}, {"gbm", "gbdt"},
                                                                 {"logistic", "linear"}, {"ridge", "linear"}, {"lasso", "linear"}, {"regression", "linear"},
                                                                 {"random_forest", "forest"}, {"randomforest", "forest"}, {"ranger", "forest"}, {"extra_trees", "forest"},
                                                                 {"k_means", "kmeans"}, {"clustering", "kmeans"}, {"iforest", "isolation_forest"}, {"anomaly", "isolation_forest"}, {"outliers", "isolation_forest"}};
      if (const auto f = foreign.find(model.kind); f != foreign.end()) d.suggest("use `" + std::string(f->second) + "`").edit(model.kind_span, f->second);
      else suggest_name(d, model.kind_span, model.kind, kinds);
    }
    if (d.help.empty()) d.suggest("models are: " + listed(kinds));
  }
  if (kind_known_ && !has_target(m.settings.kind)) return check_truth(model);
  const std::string quoted = "`" + model.kind + "`";
  if (kind_known_ && model.truth.known())
    report(code::target_mismatch, "a " + quoted + " model is measured against what it predicts", node(model.truth).span, "only for a model that predicts no column").suggest("remove the line");
  if (kind_known_ && !model.target.known() && model.features_span.known()) {
    report(code::target_mismatch, "a " + quoted + " model learns to predict a column, and this line names none", model.entry_span, "which column?").also(model.kind_span, "a " + quoted + " model")
        .suggest("write `predict COLUMN from " + model.features + "`");
    return;
  }
  if (!model.target.known()) {
    report(code::missing_declaration, "model `" + model.head.name + "` does not say what it predicts", model.head.name_span, "no `predict` line")
        .suggest("add `predict COLUMN from FEATURES`");
    return;
  }
  const ast::Expr& written = node(model.target);
  m.target_span = written.span;
  m.target_name = written.kind == ast::ExprKind::name ? written.text : text(written.span);
  Operand o = eval(model.target);
  if (!need_value(o, "the target")) return;
  if (o.vector) {
    report(code::wrong_target, "a model predicts one value", written.span, "a vector").suggest("predict one of them");
    return;
  }
  ir::ExprId target = o.items[0].value;
  m.target_columns = columns_of(target);
  if (refuse_personal(target, "model `" + model_name_ + "` predicts personal data", written.span)) return;
  const ir::Expr e = module_.exprs[target.index];
  if (e.stage != ir::Stage::row || m.target_columns.empty()) {
    report(code::wrong_target, "the target is the same in every row", written.span, "of stage " + std::string(ir::spell(e.stage))).suggest("predict a column, or something computed from columns");
    return;
  }
  bool fitted = false;
  walk(target, [&](ir::ExprId id) { return fitted = fitted || module_.exprs[id.index].stage == ir::Stage::fit, true; });
  if (fitted) {
    report(code::fitted_target, "the target depends on statistics of the train rows", written.span, "uses an aggregate")
        .suggest("what is predicted must be the same for every split: write the number");
    return;
  }
  switch (e.type.scalar) {
    case Scalar::boolean: {
      m.classes = {"false", "true"};
      if (e.op == ir::ExprOp::column && !module_.columns[e.column.index].true_word.empty())
        m.classes = {module_.columns[e.column.index].false_word, module_.columns[e.column.index].true_word};
      m.settings.loss = Loss::logistic;
      break;
    }
    case Scalar::category:
    case Scalar::string: m.settings.loss = Loss::softmax; break;
    case Scalar::integer:
    case Scalar::real:
    case Scalar::real32:
      target = to_real(target);
      m.settings.loss = Loss::squared;
      break;
    default:
      report(code::wrong_target, "a model cannot predict a " + show(e.type), written.span, show(e.type))
          .suggest(e.type.scalar == Scalar::duration ? "say in which unit: `predict hours(" + m.target_name + ")`" : "predict a `bool`, a `category` or a number");
      return;
  }
  m.target = target;
  target_type_ = e.type;
}

// A model that predicts no column: `learn from FEATURES`, and, if it is known, the truth that it is measured against.
void Checker::check_truth(const ast::Model& model) {
  ir::Model& m = module_.model;
  m.settings.loss = Loss::none;
  const bool clusters = m.settings.kind == ModelKind::kmeans;
  const std::string quoted = "`" + model.kind + "`";
  if (model.target.known()) {
    const Span line{model.entry_span.source, model.entry_span.begin, model.features_span.end};
    report(code::target_mismatch, "a " + quoted + " model predicts no column: it " + (clusters ? "finds clusters" : "finds what is unlike the rest"), line, "names a target")
        .also(model.kind_span, "a " + quoted + " model").edit(line, "learn from " + text(model.features_span))
        .suggest("write `learn from " + model.features + "`, and `measure against " + text(node(model.target).span) + "` if it is the truth to measure it by");
    return;
  }
  if (!model.features_span.known())
    report(code::missing_declaration, "model `" + model.head.name + "` does not say what it learns from", model.head.name_span, "no `learn` line").suggest("add `learn from FEATURES`");
  if (!model.truth.known()) return;
  const ast::Expr& written = node(model.truth);
  m.target_span = written.span;
  m.target_name = written.kind == ast::ExprKind::name ? written.text : text(written.span);
  Operand o = eval(model.truth);
  if (!need_value(o, "the truth")) return;
  const char* wanted = clusters ? "measure against a `category`, a `bool` or an `int`" : "compare it: `measure against " ;
  const ir::ExprId truth = o.items[0].value;
  const ir::Expr e = module_.exprs[truth.index];
  bool fitted = false;
  walk(truth, [&](ir::ExprId id) { return fitted = fitted || module_.exprs[id.index].stage == ir::Stage::fit, true; });
  const bool fits = e.type.scalar == Scalar::boolean || (clusters && (e.type.scalar == Scalar::category || e.type.scalar == Scalar::string || e.type.scalar == Scalar::integer));
  if (o.vector || !fits) {
    report(code::wrong_target, clusters ? "clusters are measured against classes, found " + show(e.type) : "anomalies are measured against a `bool`, true where a row is one, found " + show(e.type), written.span, o.vector ? "a vector" : show(e.type))
        .suggest(clusters ? wanted : wanted + text(written.span) + (is_text(e.type.scalar) ? " == \"fraud\"`" : " > 0`"));
    return;
  }
  m.target_columns = columns_of(truth);
  if (refuse_personal(truth, "model `" + model_name_ + "` is measured against personal data", written.span)) return;
  if (e.stage != ir::Stage::row || m.target_columns.empty() || fitted) {
    report(fitted ? code::fitted_target : code::wrong_target, fitted ? "the truth depends on statistics of the train rows" : "the truth is the same in every row", written.span, fitted ? "uses an aggregate" : "of stage " + std::string(ir::spell(e.stage)))
        .suggest("measure against a column, or something computed from columns");
    return;
  }
  m.target = e.type.scalar == Scalar::integer ? to_real(truth) : truth;
  target_type_ = e.type;
}

void Checker::check_monotone(const ast::Setting& setting, std::vector<std::string>& into) {
  const ast::Expr& list = node(setting.value);
  std::vector<ast::ExprId> names = list.args;
  if (list.kind == ast::ExprKind::name) names = {setting.value};
  else if (list.kind != ast::ExprKind::list) {
    report(code::bad_setting, "`" + setting.name + "` lists features", list.span).suggest("`" + setting.name + " = [tenure]`");
    return;
  }
  for (const ast::ExprId id : names) {
    const ast::Expr& e = node(id);
    bool found = poisoned_features_.count(e.text) > 0;
    std::vector<std::string> known;
    for (const ir::Feature& f : module_.features) {
      known.push_back(f.name);
      if (f.name != e.text && !f.name.starts_with(e.text + "[")) continue;
      found = true;
      mean_feature(e.text, e.span);
      if (f.encoding != ir::Encoding::number) {
        report(code::bad_setting, "feature `" + f.name + (f.encoding == ir::Encoding::bag ? "` is a bag of terms and has no order" : "` is a category and has no order"), e.span, "cannot be " + setting.name).also(f.span, "defined here").suggest("take it out of the list, or give the model a number: `ordinal`, `frequency_encode`");
        break;
      }
      const auto& other = &into == &module_.model.increasing ? module_.model.decreasing : module_.model.increasing;
      if (std::find(other.begin(), other.end(), f.name) != other.end())
        report(code::bad_setting, "feature `" + f.name + "` cannot be both increasing and decreasing", e.span);
      else
        into.push_back(f.name);
    }
    if (found) continue;
    Diagnostic& d = report(code::unknown_name, "there is no feature `" + text(e.span) + "`", e.span, "not known");
    suggest_name(d, e.span, e.text, known);
    if (d.help.empty() && find_column(e.text).known()) d.suggest("`" + e.text + "` is a column; name the feature that is made of it");
  }
}

void Checker::check_model(const ast::Model& model) {
  declaration_ = model.head.span;
  ir::Model& m = module_.model;
  ModelSettings& s = m.settings;
  if (!kind_known_) return;  // its settings are those of another kind
  const bool forest = s.kind == ModelKind::forest;
  if (forest) {  // its defaults are its own: deep trees, that see few features at a time
    const bool number = s.loss == Loss::squared;
    const double features = std::max<double>(1, static_cast<double>(module_.features.size()));
    s.leaves = s.depth = 0;
    s.bins = 1000;
    s.min_rows = number ? 2 : 5;
    s.feature_fraction = number ? 1.0 / 3 : std::sqrt(features) / features;
  }
  std::set<std::string> given;
  const ast::Setting* loss = nullptr;
  const ast::Setting* early = nullptr;
  const ast::Setting *layers = nullptr, *optimizer = nullptr, *rate = nullptr;  // of a network
  if (s.kind == ModelKind::kmeans) s.iterations = 300, s.tolerance = 1e-4;
  const ast::Setting* calibrate = nullptr;
  const auto whole_number = [&](std::int64_t& into, std::int64_t low, std::int64_t high) {
    return [&, low, high, this](const ast::Setting& v) {
      given.insert(v.name);
      const auto n = whole(v.value);
      if (n && *n >= low && *n <= high) {
        into = *n;
        return;
      }
      report(n || number(v.value) ? code::out_of_range : code::bad_setting,
             "`" + v.name + "` is a whole number from " + std::to_string(low) + " to " + std::to_string(high), node(v.value).span, "found `" + text(node(v.value).span) + "`").suggest("left out, it is " + std::to_string(into));
    };
  };
  const auto real_number = [&](double& into, double low, bool open, double high) {
    return [&, low, open, high, this](const ast::Setting& v) {
      given.insert(v.name);
      const auto n = number(v.value);
      if (n && (open ? *n > low : *n >= low) && *n <= high) {
        into = *n;
        return;
      }
      report(n ? code::out_of_range : code::bad_setting, "`" + v.name + "` is a number " + (open ? "above " : "from ") + ir::exact(low) + " to " + ir::exact(high),
             node(v.value).span, "found `" + text(node(v.value).span) + "`").suggest("left out, it is " + ir::exact(into));
    };
  };
  std::int64_t seed = 0;
  constexpr std::int64_t huge = 1'000'000'000;
  std::vector<Option> options = {{"seed", whole_number(seed, 0, INT64_MAX)}};
  const std::vector<Option> of_loss = {{"loss", [&](const ast::Setting& v) { loss = &v; }}};
  const std::vector<Option> weighted = {
      {"weight", [&](const ast::Setting& v) {
         Operand o = eval(v.value);
         if (!need_value(o, "a weight")) return;
         const ir::ExprId w = o.items[0].value;
         const Type type = type_of(w);
         bool fitted = false;
         walk(w, [&](ir::ExprId id) { return fitted = fitted || stage_of(id) == ir::Stage::fit, true; });
         if (o.vector || !is_number(type.scalar)) {
           report(code::type_mismatch, "a weight is a number, found " + show(type), o.span, o.vector ? "a vector" : show(type))
               .suggest(type.scalar == Scalar::boolean ? "`to_float(" + text(o.span) + ")`, or `if … then 2 else 1`" : "use a column of numbers");
         } else if (type.nullable) {
           report(code::null_not_allowed, "a weight must not be null", o.span, "may be null").suggest("`coalesce(" + text(o.span) + ", 1)`");
         } else if (fitted || stage_of(w) != ir::Stage::row) {
           report(code::fitted_target, "a weight is computed from the row alone", o.span, fitted ? "uses an aggregate" : "the same in every row").suggest("use a column");
         } else if (!refuse_personal(w, "the weight of a row is personal data", o.span)) {
           m.weight = to_real(w);
         }
       }},
  };
  const ast::Setting* direction = nullptr;
  const std::vector<Option> of_ensembles = {{"trees", whole_number(s.trees, 1, 100'000)}};
  const std::vector<Option> of_trees = {
      {"depth", whole_number(s.depth, 1, 64)},
      {"leaves", whole_number(s.leaves, 2, 65'536)},
      {"bins", whole_number(s.bins, 2, 65'535)},
      {"min_rows", whole_number(s.min_rows, 1, huge)},
      {"subsample", real_number(s.subsample, 0, true, 1)},
      {"feature_fraction", real_number(s.feature_fraction, 0, true, 1)},
      {"increasing", [&](const ast::Setting& v) { direction = &v, check_monotone(v, m.increasing); }},
      {"decreasing", [&](const ast::Setting& v) { direction = &v, check_monotone(v, m.decreasing); }},
  };
  const std::vector<Option> of_probabilities = {
      {"calibrate", [&](const ast::Setting& v) {
         const ast::Expr& e = node(v.value);
         const auto& words = ir::enum_words<Calibrate>::words;
         const auto found = std::find(std::begin(words), std::end(words), e.text);
         if (e.kind == ast::ExprKind::name && found != std::end(words)) {
           s.calibrate = static_cast<Calibrate>(found - std::begin(words));
           calibrate = &v;
           return;
         }
         Diagnostic& d = report(code::bad_setting, "`calibrate` is `isotonic`, `platt` or `none`, found `" + text(e.span) + "`", e.span);
         if (e.text == "sigmoid" || e.text == "logistic") d.suggest("the sigmoid is called `platt` here").edit(e.span, "platt");
         else d.suggest("`isotonic` follows any rising curve and wants a thousand rows, `platt` is a sigmoid");
       }},
  };
  const std::vector<Option> penalties = {
      {"l1", real_number(s.l1, 0, false, 1e12)},
      {"l2", real_number(s.l2, 0, false, 1e12)},
  };
  const std::vector<Option> stepwise = {
      {"learning_rate", [&](const ast::Setting& v) { rate = &v; real_number(s.learning_rate, 0, true, 10)(v); }},
      {"early_stop", [&](const ast::Setting& v) { early = &v; whole_number(s.early_stop, 0, 100'000)(v); }},
  };
  const std::vector<Option> layered = {
      {"layers", [&](const ast::Setting& v) { layers = &v; }},
      {"optimizer", [&](const ast::Setting& v) { optimizer = &v; }},
      {"epochs", whole_number(s.epochs, 1, 1'000'000)},
      {"batch", whole_number(s.batch, 1, 1'000'000)},
      {"warmup", whole_number(s.warmup, 0, 1'000'000)},
      {"embedding", whole_number(s.embedding, 1, 4096)},
      {"clip", real_number(s.clip, 0, false, 1e12)},
      {"precision", [&](const ast::Setting& v) {
         const ast::Expr& e = node(v.value);
         if (e.kind == ast::ExprKind::name && e.text == "float32") return void(s.precision = Precision::float32);
         if (e.kind == ast::ExprKind::name && e.text == "bf16") return void(s.precision = Precision::bf16);
         Diagnostic& d = report(code::bad_setting, "`precision` is `float32` or `bf16`, found `" + text(e.span) + "`", e.span);
         const std::string near = e.text == "bfloat16" ? "bf16" : nearest(e.text, {"float32", "bf16"});
         if (near.empty()) d.suggest("`bf16` multiplies matrices of numbers with 8 leading bits, and sums them in single precision");
         else d.suggest("did you mean `" + near + "`?").edit(e.span, near);
       }},
      {"schedule", [&](const ast::Setting& v) {
         const ast::Expr& e = node(v.value);
         const auto& words = ir::enum_words<Schedule>::words;
         const auto found = std::find(std::begin(words), std::end(words), e.text);
         if (e.kind == ast::ExprKind::name && found != std::end(words)) s.schedule = static_cast<Schedule>(found - std::begin(words));
         else report(code::bad_setting, "`schedule` is `constant` or `cosine`, found `" + text(e.span) + "`", e.span).suggest("`cosine` lets the learning rate fall to 0 over all epochs");
       }},
  };
  const std::vector<Option> boosted = {
      {"growth", [&](const ast::Setting& v) {
         given.insert(v.name);
         const ast::Expr& e = node(v.value);
         if (e.kind == ast::ExprKind::name && e.text == "leaf_wise") s.growth = Growth::leaf_wise;
         else if (e.kind == ast::ExprKind::name && e.text == "depth_wise") s.growth = Growth::depth_wise;
         else report(code::bad_setting, "`growth` is `leaf_wise` or `depth_wise`, found `" + text(e.span) + "`", e.span).suggest("`leaf_wise` splits the best leaf first, `depth_wise` level by level");
       }},
      {"min_gain", real_number(s.min_gain, 0, false, 1e12)},
      {"min_weight", real_number(s.min_weight, 0, false, 1e12)},
  };
  const std::vector<Option> averaged = {
      {"bootstrap", [&](const ast::Setting& v) {
         given.insert(v.name);
         const ast::Expr& e = node(v.value);
         if (e.kind == ast::ExprKind::boolean) s.bootstrap = e.text == "true";
         else report(code::bad_setting, "`bootstrap` is `true` or `false`, found `" + text(e.span) + "`", e.span).suggest("`false` gives each tree every row once");
       }},
      {"thresholds", [&](const ast::Setting& v) {
         const ast::Expr& e = node(v.value);
         if (e.kind == ast::ExprKind::name && e.text == "best") s.thresholds = Thresholds::best;
         else if (e.kind == ast::ExprKind::name && e.text == "random") s.thresholds = Thresholds::random;
         else report(code::bad_setting, "`thresholds` is `best` or `random`, found `" + text(e.span) + "`", e.span).suggest("`random` draws them, which makes extra-trees");
       }},
  };
  const std::vector<Option> iterated = {
      {"iterations", whole_number(s.iterations, 1, huge)},
      {"tolerance", real_number(s.tolerance, 0, true, 1)},
  };
  const std::vector<Option> clustered = {{"clusters", whole_number(s.clusters, 2, 10'000)}, {"starts", whole_number(s.starts, 1, 10'000)}};
  const std::vector<Option> isolated = {{"sample", whole_number(s.sample, 2, huge)}, {"contamination", real_number(s.contamination, 0, true, 0.5)}};
  const std::vector<std::pair<const std::vector<Option>*, std::set<ModelKind>>> groups = {
      {&of_loss, {ModelKind::gbdt, ModelKind::linear, ModelKind::forest, ModelKind::network}}, {&of_probabilities, {ModelKind::gbdt, ModelKind::linear, ModelKind::forest, ModelKind::network}},
      {&weighted, {ModelKind::gbdt, ModelKind::linear, ModelKind::forest, ModelKind::kmeans, ModelKind::network}}, {&stepwise, {ModelKind::gbdt, ModelKind::network}}, {&layered, {ModelKind::network}},
      {&of_ensembles, {ModelKind::gbdt, ModelKind::forest, ModelKind::isolation_forest}}, {&clustered, {ModelKind::kmeans}}, {&isolated, {ModelKind::isolation_forest}},
      {&of_trees, {ModelKind::gbdt, ModelKind::forest}}, {&penalties, {ModelKind::gbdt, ModelKind::linear}}, {&boosted, {ModelKind::gbdt}},
      {&iterated, {ModelKind::linear, ModelKind::kmeans}}, {&averaged, {ModelKind::forest}}};
  for (const auto& [group, owners] : groups)
    if (owners.contains(s.kind)) options.insert(options.end(), group->begin(), group->end());
  // A setting of another kind of model deserves its own words.
  std::vector<ast::Setting> settings;
  for (const ast::Setting& v : model.settings) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) {
      return !g.second.contains(s.kind) && std::any_of(g.first->begin(), g.first->end(), [&](const Option& o) { return v.name == o.name; });
    });
    if (group == groups.end()) {
      settings.push_back(v);
      continue;
    }
    std::string owners;
    for (const ModelKind kind : group->second) owners += (owners.empty() ? "`" : kind == *group->second.rbegin() ? " and `" : ", `") + std::string(ir::enum_words<ModelKind>::words[static_cast<int>(kind)]) + "`";
    const char* why = !forest ? "remove it"
                      : v.name == "learning_rate" ? "remove it: the trees of a forest are averaged, none builds on another"
                      : v.name == "early_stop"    ? "remove it: more trees make no forest worse"
                                                  : "remove it: `min_rows`, `depth` and `leaves` keep the trees of a forest small";
    report(code::unknown_setting, "`" + v.name + "` is a setting of " + owners + " models", v.name_span, "model `" + m.name + "` is `" + model.kind + "`")
        .also(model.kind_span, "chosen here").suggest(why);
  }
  std::vector<std::pair<const char*, const char*>> aliases = {
                 {"n_estimators", "trees"}, {"num_iterations", "trees"}, {"rounds", "trees"}, {"iterations", "trees"}, {"max_depth", "depth"}, {"num_leaves", "leaves"},
                 {"max_leaves", "leaves"}, {"max_bin", "bins"}, {"eta", "learning_rate"}, {"lr", "learning_rate"}, {"rate", "learning_rate"},
                 {"early_stopping_rounds", "early_stop"}, {"early_stopping", "early_stop"}, {"min_data_in_leaf", "min_rows"}, {"min_child_samples", "min_rows"},
                 {"min_child_weight", "min_weight"}, {"gamma", "min_gain"}, {"min_split_gain", "min_gain"}, {"reg_alpha", "l1"}, {"alpha", "l1"}, {"reg_lambda", "l2"},
                 {"lambda", "l2"}, {"colsample_bytree", "feature_fraction"}, {"bagging_fraction", "subsample"}, {"objective", "loss"}, {"max_iter", "iterations"},
                 {"tol", "tolerance"}, {"batch_size", "batch"}, {"n_epochs", "epochs"}, {"num_epochs", "epochs"}, {"max_epochs", "epochs"}, {"patience", "early_stop"}, {"gradient_clip", "clip"}, {"lr_schedule", "schedule"}, {"warmup_epochs", "warmup"}, {"dtype", "precision"}, {"mixed_precision", "precision"}, {"random_state", "seed"}, {"sample_weight", "weight"}, {"min_samples_leaf", "min_rows"}, {"max_leaf_nodes", "leaves"}, {"max_features", "feature_fraction"},
                 {"mtry", "feature_fraction"}, {"max_samples", "subsample"}, {"sample_fraction", "subsample"}, {"replace", "bootstrap"}, {"splitrule", "thresholds"},
                 {"k", "clusters"}, {"n_clusters", "clusters"}, {"n_init", "starts"}, {"restarts", "starts"}, {"max_samples", "sample"}, {"sample_size", "sample"}, {"threshold", "contamination"}};
  std::erase_if(aliases, [&](const auto& alias) { return std::none_of(options.begin(), options.end(), [&](const Option& o) { return std::string_view(o.name) == alias.second; }); });
  take_settings(settings, options, std::string(s.kind == ModelKind::isolation_forest ? "an " : "a ") + model.kind + " model", aliases);
  s.seed = static_cast<std::uint64_t>(seed);
  check_loss(loss);
  if (calibrate && s.calibrate != Calibrate::none) {
    const bool classes = is_binary(s.loss) || s.loss == Loss::softmax;
    if (!classes && m.target.known())
      report(code::bad_setting, "`calibrate` mends probabilities, and `" + m.name + "` predicts a number", calibrate->name_span, "of classes only").also(m.target_span, "predicted here").suggest("remove it");
    else if (classes && !has_valid_ && module_.split.folds == 0)
      report(code::missing_part, "`calibrate` needs rows that the model was not trained on, and the split has none", calibrate->name_span, "needs valid rows or folds")
          .also(module_.split.span, "neither `valid` nor `folds` here").suggest("give it rows: `valid = 15%`, or `folds = 5` to calibrate on what each fold predicts; or remove `calibrate`");
  }

  if (s.kind == ModelKind::network) {
    check_optimizer(optimizer, rate);
    check_network(model, layers, loss);
  }
  if (forest) {
    if (!given.count("bootstrap")) s.bootstrap = s.thresholds == Thresholds::best;
    if (s.loss != Loss::squared && s.loss != Loss::logistic && s.loss != Loss::softmax && loss)
      report(code::loss_mismatch, "a forest is not trained by a loss: its trees part rows whose labels differ", node(loss->value).span, "needs gradients")
          .also(model.kind_span, "chosen here").suggest("leave `loss` out, or use `gbdt`");
    if (s.loss == Loss::softmax && direction)
      report(code::bad_setting, "a forest of several classes takes no `" + direction->name + "`", direction->name_span, "which class should rise?").suggest("predict one class: `predict " + m.target_name + " == \"…\"`");
    return;
  }
  // Depth alone asks for trees of that depth, all leaves of which may grow.
  if (given.count("depth") && !given.count("growth") && !given.count("leaves")) s.growth = Growth::depth_wise;
  if (s.growth == Growth::depth_wise) {
    if (!given.count("depth")) s.depth = 6;
    if (!given.count("leaves")) s.leaves = s.depth < 16 ? std::int64_t{1} << s.depth : 65'536;
  }
  if (early && s.early_stop > 0 && !has_valid_)
    report(code::missing_part, "`early_stop` watches the valid part, and the split has none", early->name_span, "needs valid rows")
        .also(module_.split.span, "no `valid` here").suggest("give it rows: `valid = 15%`, or remove `early_stop`");
}

}  // namespace mlp::checking
