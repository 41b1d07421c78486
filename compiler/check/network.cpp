// A network: the features as one vector, the chain of layers over it, the loss of its output, and the optimizer.
#include <algorithm>
#include <cmath>

#include "base/codes/networks.h"
#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/elaborator.h"

namespace mlp::checking {

const FunctionRef* Checker::find_layer(const std::string& name, bool library_scope) const {
  if (!library_scope)
    if (const auto own = own_layers_.find(name); own != own_layers_.end()) return &own->second;
  const auto found = library_layers_.find(name);
  return found == library_layers_.end() ? nullptr : &found->second;
}

std::vector<std::string> Checker::layer_names() const {
  std::vector<std::string> names;
  for (const auto& [name, unused] : own_layers_) names.push_back(name);
  for (const auto& [name, unused] : library_layers_) names.push_back(name);
  return names;
}

// A layer or a function of tensors where columns are computed.
bool Checker::outside_of_network(const std::string& name, Span span) {
  const bool layer = find_layer(name, frame_->library) != nullptr;
  if (!layer && !find_tensor_function(name)) return false;
  report(code::outside_network, "`" + name + "` " + (layer ? "is a layer, and is called in the layers of a `network`" : "works on the tensors of a layer"), span, "not in a network")
      .suggest(layer ? "put it into `layers = …` of the model" : "write a `layer`, and call it in `layers = …` of the model");
  return true;
}

// `layer NAME(v: float[…], settings…)`: the types are known, the first parameter is a tensor, names are there once.
void Checker::find_layers() {
  for (const ast::File& file : library_)
    for (const ast::Layer& l : file.layers) library_layers_[l.head.name] = {&file, &l, true};
  for (const ast::Layer& l : file_.layers) {
    const std::string& name = l.head.name;
    const auto same = own_layers_.find(name);
    const auto function = own_functions_.find(name);
    if (same != own_layers_.end() || function != own_functions_.end()) {
      const ast::Head& first = same != own_layers_.end() ? same->second.function->head : function->second.front().function->head;
      report(code::duplicate_name, "`" + name + "` is defined twice", l.head.name_span, "again").also(first.name_span, "first here").suggest("rename one of the two");
      continue;
    }
    if (library_layers_.contains(name) || is_function(name, true) || find_tensor_function(name))
      report(code::shadowed_function, "layer `" + name + "` hides one of the standard library", l.head.name_span, "same name").suggest("choose another name");
    own_layers_[name] = {&file_, &l, false};
    const std::size_t before = found_.all().size();
    const auto wrong = [&](std::string message, Span span, std::string label) -> Diagnostic& { return report(code::bad_layer, std::move(message), span, std::move(label)); };
    const char* example = "`layer scale(v: float[.., n]) -> float[.., n] = v * weight([n], init = ones)`";
    if (l.parameters.empty() || l.parameters[0].type.shape.empty() || l.parameters[0].type.name != "float")
      wrong("the first parameter of a layer is the tensor that it works on", l.parameters.empty() ? l.head.name_span : l.parameters[0].type.span, l.parameters.empty() ? "takes nothing" : "not a tensor").suggest(example);
    std::set<std::string> names;
    static const std::set<std::string> types = {"float", "float32", "int", "bool", "string", "fn"};
    for (const ast::Parameter& p : l.parameters) {
      if (!names.insert(p.name).second) report(code::duplicate_name, "parameter `" + p.name + "` is there twice", p.name_span, "again").suggest("rename one of the two");
      if (!types.contains(p.type.name)) wrong("a layer has no parameters of type `" + text(p.type.span) + "`", p.type.span, "not of tensors").suggest("types are: float, float[n, m], int, bool, string, fn");
      else if (p.type.nullable) wrong("a layer takes no nulls", p.type.span, "may be null").suggest("features replace nulls: `|> impute(median)`");
    }
    if (!l.result.name.empty() && l.result.name != "float") wrong("a layer gives floats", l.result.span, "says `" + text(l.result.span) + "`").suggest(example);
    if (found_.all().size() != before) broken_functions_.insert(name);
  }
}

namespace {

// The features as one vector: the numbers as they stand, then an embedding of each category, then one of each bag.
Thing input_of(Elaborator& e, const std::vector<ir::Feature>& features, std::int64_t width) {
  std::vector<ir::TensorId> parts;
  ir::Tensor numbers{.op = ir::TensorOp::numbers, .rows = true};
  for (std::size_t f = 0; f < features.size(); ++f)
    if (features[f].encoding == ir::Encoding::number) numbers.features.push_back(static_cast<std::int32_t>(f));
  numbers.shape = {static_cast<std::int64_t>(numbers.features.size())};
  if (!numbers.features.empty()) parts.push_back(e.push(std::move(numbers)));
  for (const bool bags : {false, true})
    for (std::size_t f = 0; f < features.size(); ++f) {
      if (features[f].encoding != (bags ? ir::Encoding::bag : ir::Encoding::category)) continue;
      ir::Weight table{.name = "embedding." + features[f].name, .shape = {0, width}, .init = ir::WeightInit::normal, .scale = 0.05, .table_of = static_cast<std::int32_t>(f), .decays = false, .span = features[f].span};
      const ir::TensorId weight = e.add_weight(std::move(table));
      const ir::TensorId index = e.push({.op = bags ? ir::TensorOp::bag : ir::TensorOp::code, .rows = true, .integer = static_cast<std::int64_t>(f)});
      parts.push_back(e.push({.op = bags ? ir::TensorOp::gather_bag : ir::TensorOp::gather, .shape = {width}, .rows = true, .args = {weight, index}}));
    }
  Thing input;
  input.kind = Thing::Kind::tensor;
  input.tensor = e.concat(parts, 0);
  input.from = "the features";
  return input;
}

}  // namespace

// adam(lr = 1e-3): a function of weight, gradient, number of the batch and rate, then what it keeps, then settings.
void Checker::check_optimizer(const ast::Setting* setting, const ast::Setting* rate) {
  ir::Optimizer& o = module_.model.network.optimizer;
  ast::Expr standing;
  standing.kind = ast::ExprKind::name;
  standing.text = "adam";
  standing.span = module_.model.span;
  const ast::Expr& e = setting ? node(setting->value) : standing;
  const Span name_span = setting ? callee_span(e) : e.span;
  if (e.kind != ast::ExprKind::name && e.kind != ast::ExprKind::call) {
    report(code::bad_setting, "`optimizer` is a function, found `" + text(e.span) + "`", e.span, "not a function").suggest("`optimizer = adam`, or `adam(lr = 1e-3)`");
    return;
  }
  if (broken_functions_.contains(e.text)) return;
  const auto* functions = find_function(e.text, false);
  if (!functions) {
    std::vector<std::string> names;
    for (const ast::File& file : library_)
      for (const ast::Function& f : file.functions)
        if (sources_.name(file.source).ends_with("optimizers.mlp")) names.push_back(f.head.name);
    Diagnostic& d = report(code::unknown_function, "there is no optimizer `" + e.text + "`", name_span, "not known");
    suggest_name(d, name_span, e.text, names);
    if (d.help.empty()) d.suggest("optimizers are: " + listed(names) + "; a spec declares its own, see `mlp explain E0415`");
    return;
  }
  const FunctionRef& ref = functions->front();
  const ast::Function& f = *ref.function;
  mean_called(e.text, name_span);
  const auto refuse = [&](const std::string& message, Span span, const std::string& label) -> Diagnostic& {
    Diagnostic& d = report(code::bad_optimizer, message, name_span, label);
    if (span != name_span) d.also(span, "declared here");
    d.suggest("`fn momentum(w: float, g: float, t: float, rate: float = 0.01, m: float, beta: float = 0.9) -> float[2]`");
    return d;
  };
  const auto plain = [](const ast::Parameter& p) { return p.type.name == "float" && !p.type.nullable && p.type.shape.empty(); };
  if (f.external() || f.parameters.size() < 4 || !std::all_of(f.parameters.begin(), f.parameters.begin() + 4, plain)) {
    refuse("`" + f.head.name + "` is no optimizer: it takes weight, gradient, number of the batch and rate, four floats", f.head.name_span, "takes something else");
    return;
  }
  std::vector<const ast::Parameter*> kept;
  const ast::Parameter* decays = nullptr;  // a bool: whether weight decay touches the weight
  for (std::size_t i = 4; i < f.parameters.size(); ++i) {
    const ast::Parameter& p = f.parameters[i];
    if (p.fallback.known()) continue;
    if (p.name == "decays" && p.type.name == "bool" && !p.type.nullable) {
      decays = &p;
      continue;
    }
    if (!plain(p)) {
      refuse("what an optimizer keeps is a float, and `" + p.name + "` of `" + f.head.name + "` is a `" + text(p.type.span) + "`", p.name_span, "does not fit");
      return;
    }
    kept.push_back(&p);
  }
  std::vector<Argument> args;
  const auto input = [&](const ast::Parameter& p) {
    ir::Expr x;
    x.op = ir::ExprOp::input;
    x.type = {Scalar::real, false};
    x.stage = ir::Stage::row;
    x.column = {static_cast<std::int32_t>(args.size())};
    x.span = p.name_span;
    Operand o = value(add(std::move(x)), name_span);
    bool matched = false;
    if (&p == decays) o = call_builtin("ne", {{"", {}, std::move(o)}, {"", {}, value(real_constant(0, name_span), name_span)}}, name_span, name_span, matched, true);
    args.push_back({p.name, {}, std::move(o)});
  };
  for (std::size_t i = 0; i < 4; ++i) input(f.parameters[i]);
  for (const ast::Parameter* p : kept) input(*p);
  if (decays) input(*decays);
  const ast::Setting* given_rate = rate;
  std::optional<double> learning_rate = rate ? std::optional(module_.model.settings.learning_rate) : std::nullopt;
  std::size_t position = 3;
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    std::string name = e.arg_names[i];
    if (name.empty()) {  // in order: the rate, then the settings
      while (position < f.parameters.size() && position != 3 && !f.parameters[position].fallback.known()) ++position;
      if (position < f.parameters.size()) name = f.parameters[position++].name;
    }
    const Span at = e.arg_name_spans[i].known() ? e.arg_name_spans[i] : node(e.args[i]).span;
    const auto p = std::find_if(f.parameters.begin() + 3, f.parameters.end(), [&](const ast::Parameter& q) { return q.name == name && (&q == &f.parameters[3] || q.fallback.known()); });
    if (p == f.parameters.end()) {
      std::vector<std::string> names = {f.parameters[3].name};
      for (std::size_t q = 4; q < f.parameters.size(); ++q)
        if (f.parameters[q].fallback.known()) names.push_back(f.parameters[q].name);
      Diagnostic& d = report(code::no_matching_call, "`" + f.head.name + "` has no setting " + (e.arg_names[i].empty() ? "more" : "`" + name + "`"), at, "not known");
      suggest_name(d, at, name, names);
      if (d.help.empty()) d.suggest("known are: " + listed(names));
      return;
    }
    if (&*p == &f.parameters[3]) {
      const auto r = number(e.args[i]);
      if (!r || !(*r > 0) || *r > 1000) {
        report(r ? code::out_of_range : code::bad_setting, "a learning rate is a number above 0, and at most 1000", node(e.args[i]).span, "found `" + text(node(e.args[i]).span) + "`")
            .suggest("left out, it is that of the optimizer; 0.001 is a usual one");
        return;
      }
      const bool tuned = std::any_of(file_.tunes.begin(), file_.tunes.end(), [](const ast::Tune& t) { return std::any_of(t.ranges.begin(), t.ranges.end(), [](const ast::TuneRange& range) { return range.name == "learning_rate"; }); });
      if (given_rate && tuned) continue;  // what is tried goes before what the optimizer says
      if (given_rate) {
        report(code::duplicate_name, "the learning rate is set twice", at, "again").also(given_rate->name_span, "first here").suggest("keep one of the two");
        return;
      }
      learning_rate = *r;
      continue;
    }
    Operand v = eval(e.args[i]);
    if (!need_value(v, "a setting of an optimizer")) return;
    if (v.vector || stage_of(v.items[0].value) != ir::Stage::constant) {
      report(code::not_constant, "the settings of an optimizer must be known when the spec is compiled", v.span, "not a constant").suggest("write a number");
      return;
    }
    args.push_back({name, at, std::move(v)});
  }
  if (!learning_rate) {
    const Frame* outer = frame_;
    Frame defaults;
    defaults.file = ref.file;
    defaults.library = ref.library;
    defaults.function = &f;
    defaults.caller = frame_;
    defaults.call = e.span;
    frame_ = &defaults;
    if (f.parameters[3].fallback.known()) learning_rate = number(f.parameters[3].fallback);
    frame_ = outer;
    if (!learning_rate) {
      report(code::bad_setting, "`" + f.head.name + "` needs a learning rate", name_span, "which rate?").suggest("`" + f.head.name + "(" + f.parameters[3].name + " = 0.01)`");
      return;
    }
  }
  const Operand result = call_function(f.head.name, {ref}, args, e.span, name_span);
  if (result.poison) return;
  if (!result.vector || result.items.size() != kept.size() + 1) {
    refuse("`" + f.head.name + "` keeps " + std::to_string(kept.size()) + " " + (kept.size() == 1 ? "number" : "numbers") + ", so it gives a list of " + std::to_string(kept.size() + 1) + ", and gives " + (result.vector ? "one of " + std::to_string(result.items.size()) : "a single value"),
           f.head.name_span, "gives something else");
    return;
  }
  for (const Item& item : result.items) {
    const ir::ExprId id = convert(item.value, Scalar::real);
    bool fitted = false;
    if (id.known()) walk(id, [&](ir::ExprId x) { return fitted = fitted || module_.exprs[static_cast<std::size_t>(x.index)].op == ir::ExprOp::aggregate, true; });
    if (!id.known() || type_of(id).nullable || fitted) {
      refuse("`" + f.head.name + "` gives " + (fitted ? "a statistic of the train rows" : show(type_of(item.value))) + " where a float is needed", f.head.name_span, "not a float of the weight");
      return;
    }
    o.results.push_back(id);
  }
  o.name = f.head.name;
  o.rate = *learning_rate;
  o.kept = static_cast<std::int32_t>(kept.size());
  module_.model.settings.learning_rate = *learning_rate;
}

// After target, features, settings and loss are known.
void Checker::check_network(const ast::Model& model, const ast::Setting* layers, const ast::Setting* loss) {
  ir::Model& m = module_.model;
  if (!layers) {
    report(code::missing_declaration, "network `" + m.name + "` has no layers", model.head.name_span, "no `layers`").also(model.kind_span, "a network").suggest("add `layers = dense(64, relu) |> dense(1)`");
    return;
  }
  if (!poisoned_features_.empty() || module_.features.empty() || !network_inputs_ok_) return;
  ir::Network n;
  Elaborator e(*this, n);
  const ast::Expr& chain = node(layers->value);
  e.stand_at(chain.span);
  Thing value = input_of(e, module_.features, m.settings.embedding);
  const Thing f = e.function(layers->value);
  if (f.poison()) return;
  for (const Applied& step : f.steps) {
    e.stand_at(step.span);
    const std::string name = find_layer(step.name, step.library) ? e.next_name(step.name) : step.name;
    value = e.apply_layer(step, std::move(value));
    if (value.poison()) return;
    if (!value.is_tensor() || e.at(value.tensor).boolean) {
      report(code::output_mismatch, "`" + name + "` gives " + e.describe(value) + ", and a network computes with floats", step.span, "not a tensor of floats").suggest("layers give tensors of floats");
      return;
    }
    value.from = name;
    n.layers.push_back({name, e.shape(value), step.span});
  }
  if (!m.target.known()) return;
  // The output, as the loss sees it.
  const Shape out = e.shape(value);
  const bool classes = m.settings.loss == Loss::softmax;
  const Span last = f.steps.back().span;
  const Span shown = loss ? node(loss->value).span : m.target_span;
  const std::string of_loss = "`" + (class_loss_ ? class_loss_->loss->function.head.name : is_custom(m.settings.loss) ? m.settings.loss_name : std::string(ir::enum_words<Loss>::words[static_cast<std::size_t>(m.settings.loss)])) + "`";
  const auto refuse = [&](const std::string& wanted) -> Diagnostic& {
    return report(code::output_mismatch, "loss " + of_loss + " takes " + wanted + ", and `" + value.from + "` gives " + e.describe(value), last, e.describe(value)).also(shown, "predicted with this loss");
  };
  if (!e.at(value.tensor).rows) {
    report(code::output_mismatch, "`" + value.from + "` gives the same for every row", last, "does not depend on the features");
    return;
  }
  ir::TensorId score = value.tensor;
  if (classes) {
    const ir::Expr& target = module_.exprs[static_cast<std::size_t>(m.target.index)];
    const std::size_t labels = target.op == ir::ExprOp::column ? module_.columns[static_cast<std::size_t>(target.column.index)].one_of.size() : 0;
    if (out.size() != 1 || out[0] < 2 || (labels > 0 && out[0] != static_cast<std::int64_t>(labels))) {
      refuse(labels > 0 ? "float[" + std::to_string(labels) + "], a number for each label of `" + m.target_name + "`" : "a number for each class").suggest("end with `dense(" + (labels > 0 ? std::to_string(labels) : "N") + ")`, one for each class, without an activation");
      return;
    }
  } else if (!(out.empty() || (out.size() == 1 && out[0] == 1))) {
    refuse("float[1]").suggest("end with `dense(1)`, without an activation");
    return;
  } else {
    e.stand_at(last);
    score = e.reshape(score, {});
  }
  e.stand_at(shown);
  const ir::TensorId target = e.push({.op = ir::TensorOp::target, .rows = true});
  n.loss = loss_of(e, score, target, shown);
  if (!n.loss.known()) return;
  n.score = score;
  n.optimizer = std::move(m.network.optimizer);
  m.network = std::move(n);
}

}  // namespace mlp::checking
