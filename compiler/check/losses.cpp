// The loss of a model: a builtin one, or one written in the language and differentiated here.
#include <algorithm>

#include "base/codes/losses.h"
#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"
#include "compiler/derive/derive.h"

namespace mlp::checking {
namespace {

const std::vector<std::string> builtin_losses = {"squared", "logistic", "softmax", "poisson", "quantile"};

// `score: float[n]`: the loss of a network that sees the scores of all classes.
bool of_all_classes(const ast::Function& f) { return f.parameters[1].type.name == "float" && f.parameters[1].type.shape.size() == 1 && !f.parameters[1].type.nullable; }

}  // namespace

// Parameters `(target: bool or float, score: float, constants…)`, a float as result, a link that fits the target.
bool Checker::check_loss_head(const ast::Loss& loss) {
  const ast::Function& f = loss.function;
  const std::size_t before = found_.all().size();
  const auto plain = [](const ast::TypeRef& type, const char* name) { return type.name == name && !type.nullable && type.shape.empty(); };
  const auto wrong = [&](std::string message, Span span, std::string label) -> Diagnostic& { return report(code::bad_loss, std::move(message), span, std::move(label)); };
  const char* example = "`loss mine(y: float, score: float) -> float = (y - score) ^ 2`";
  if (f.parameters.size() < 2) {
    wrong("loss `" + f.head.name + "` needs the target and the score as its first parameters", f.head.name_span, "takes " + std::to_string(f.parameters.size())).suggest(example);
  } else {
    const ast::Parameter &y = f.parameters[0], &score = f.parameters[1];
    const bool of_classes = of_all_classes(f);
    if (of_classes && !plain(y.type, "int")) wrong("the target of a loss over all scores is an `int`, the number of the class", y.type.span, "`" + y.name + "` is a `" + text(y.type.span) + "`").suggest("`loss mine(y: int, score: float[n]) -> float = …`");
    if (!of_classes && !plain(y.type, "bool") && !plain(y.type, "float")) wrong("the target of a loss is a `bool` or a `float`", y.type.span, "`" + y.name + "` is a `" + text(y.type.span) + "`").suggest(example);
    if (!of_classes && !plain(score.type, "float")) wrong("the score of a loss is a `float`, or `float[n]` of all classes", score.type.span, "`" + score.name + "` is a `" + text(score.type.span) + "`").suggest(example);
    for (const ast::Parameter* p : {&y, &score})
      if (p->fallback.known()) wrong("`" + p->name + "` is given row by row and has no default", p->name_span, "not a constant").suggest("leave the default out");
    std::set<std::string> names;
    for (const ast::Parameter& p : f.parameters) {
      if (!names.insert(p.name).second) report(code::duplicate_name, "parameter `" + p.name + "` is there twice", p.name_span, "again").suggest("rename one of the two");
      if (&p == &y || &p == &score || plain(p.type, "float") || plain(p.type, "int") || plain(p.type, "bool")) continue;
      wrong("a constant of a loss is a `float`, an `int` or a `bool`", p.type.span, "`" + p.name + "` is a `" + text(p.type.span) + "`").suggest("declare it as one of these");
    }
  }
  if (!f.result.name.empty() && !plain(f.result, "float")) wrong("a loss gives a `float`", f.result.span, "says `" + text(f.result.span) + "`").edit(f.result.span, "float");
  if (!loss.link.empty()) {
    const std::vector<std::string> links(std::begin(ir::enum_words<Link>::words), std::end(ir::enum_words<Link>::words));
    if (std::find(links.begin(), links.end(), loss.link) == links.end()) {
      Diagnostic& d = wrong("there is no link `" + loss.link + "`", loss.link_span, "not known");
      suggest_name(d, loss.link_span, loss.link, links);
      if (d.help.empty()) d.suggest("links are: identity log logit");
    } else if (f.parameters.size() > 1 && of_all_classes(f)) {
      wrong("the scores of all classes become shares that add up to 1, and have no link", loss.link_span, "of one score").suggest("leave the link out");
    } else if (loss.link != "logit" && !f.parameters.empty() && f.parameters[0].type.name == "bool") {
      wrong("the score of a `bool` becomes a probability, so its link is `logit`", loss.link_span, "not of a `bool`").suggest("leave the link out, or take the target as a `float`").edit(loss.link_span, "logit");
    }
  }
  return found_.all().size() == before;
}

void Checker::find_losses() {
  for (const ast::File& file : library_)
    for (const ast::Loss& l : file.losses) losses_[l.function.head.name] = {&file, &l, true};
  for (const ast::Loss& l : file_.losses) {
    const ast::Head& head = l.function.head;
    const auto known = losses_.find(head.name);
    if (known != losses_.end() && !known->second.library) {
      report(code::duplicate_name, "loss `" + head.name + "` is defined twice", head.name_span, "again").also(known->second.loss->function.head.name_span, "first here").suggest("rename one of the two");
      continue;
    }
    if (known != losses_.end() || std::find(builtin_losses.begin(), builtin_losses.end(), head.name) != builtin_losses.end())
      report(code::shadowed_function, "loss `" + head.name + "` hides one of the standard library", head.name_span, "same name").suggest("choose another name");
    losses_[head.name] = {&file_, &l, false};
    if (!check_loss_head(l)) broken_losses_.insert(head.name);
  }
}

// Losses that no model uses are differentiated all the same, with 1 for constants that have no default.
void Checker::check_unused_losses() {
  for (const auto& [name, ref] : losses_) {
    if (ref.library || broken_losses_.count(name) || used_functions_.count(&ref.loss->function)) continue;
    std::vector<Argument> constants;
    const ast::Function& f = ref.loss->function;
    if (of_all_classes(f)) continue;  // its shapes are those of a network
    for (std::size_t i = 2; i < f.parameters.size(); ++i) {
      const ast::Parameter& p = f.parameters[i];
      if (p.fallback.known()) continue;
      Value one;
      one.real = one.integer = 1;
      const Scalar scalar = read_scalar(p.type.name).value_or(Scalar::real);
      if (scalar != Scalar::real) one.real = 0;
      else one.integer = 0;
      constants.push_back({p.name, p.name_span, value(constant({scalar, false}, std::move(one), p.name_span), p.name_span)});
    }
    derive_loss(ref, std::move(constants), f.head.name_span, f.head.name_span);
  }
}

ir::LossFunction Checker::derive_loss(const LossRef& ref, std::vector<Argument> constants, Span span, Span name_span) {
  const ast::Function& f = ref.loss->function;
  ir::ExprId inputs[2];
  for (const std::int32_t n : {0, 1}) {
    ir::Expr e;
    e.op = ir::ExprOp::input;
    e.type = {Scalar::real, false};
    e.stage = ir::Stage::row;
    e.column = {n};
    e.span = f.parameters[static_cast<std::size_t>(n)].name_span;
    inputs[n] = add(std::move(e));
  }
  ir::ExprId target = inputs[0];
  if (f.parameters[0].type.name == "bool") {
    ir::Expr e;
    e.op = ir::ExprOp::call;
    e.callee = "ne";
    e.type = {Scalar::boolean, false};
    e.stage = ir::Stage::row;
    e.args = {inputs[0], real_constant(0, f.parameters[0].name_span)};
    e.span = f.parameters[0].name_span;
    target = add(std::move(e));
  }
  std::vector<Argument> args = {{f.parameters[0].name, {}, value(target, span)}, {f.parameters[1].name, {}, value(inputs[1], span)}};
  args.insert(args.end(), std::make_move_iterator(constants.begin()), std::make_move_iterator(constants.end()));
  const Operand result = call_function(f.head.name, {{ref.file, &f, ref.library}}, args, span, name_span);
  if (result.poison) return {};
  const Span body = (*ref.file)[f.body].kind == ast::ExprKind::block ? (*ref.file)[(*ref.file)[f.body].args.back()].span : (*ref.file)[f.body].span;
  if (result.items.size() != 1 || result.vector || type_of(result.items[0].value) != Type{Scalar::real, false}) {
    const std::string found = result.items.empty() ? "a function" : result.vector ? "a vector" : show(type_of(result.items[0].value));
    report(code::bad_loss, "a loss gives a `float`, and `" + f.head.name + "` gives " + found, body, found).suggest("give one number: for a `bool`, `if … then 1 else 0`");
    return {};
  }
  const ir::ExprId root = result.items[0].value;
  ir::ExprId fitted;
  walk(root, [&](ir::ExprId id) {
    const ir::ExprOp op = module_.exprs[static_cast<std::size_t>(id.index)].op;
    if (op == ir::ExprOp::aggregate || op == ir::ExprOp::table) fitted = id;
    return true;
  });
  if (fitted.known()) {
    const ir::Expr& e = module_.exprs[static_cast<std::size_t>(fitted.index)];
    report(code::bad_loss, "a loss sees one row at a time, and `" + e.callee + "` needs all train rows", e.span, "an aggregate").suggest("pass a number as a constant of the loss");
    return {};
  }
  if (const auto stop = derive::obstacle(module_.exprs, root, inputs[1])) {
    report(code::no_derivative, "`" + stop->function + "` has no derivative", module_.exprs[static_cast<std::size_t>(stop->at.index)].span, "depends on `" + f.parameters[1].name + "`")
        .suggest(stop->function == "to_int" ? "use `trunc`, which stays a float and has the derivative 0" : "a loss is made of arithmetic, `if`, and the functions of floats");
    return {};
  }
  ir::LossFunction out;
  out.value = derive::steady(module_.exprs, root);
  out.gradient = derive::derivative(module_.exprs, out.value, inputs[1]);
  out.hessian = derive::derivative(module_.exprs, out.gradient, inputs[1]);
  if (derive::is_constant(module_.exprs, out.gradient, 0)) {
    report(code::no_curvature, "loss `" + f.head.name + "` does not change with `" + f.parameters[1].name + "`", f.head.name_span, "its derivative is 0 everywhere").suggest("nothing can be learned from it: use the score in its result");
    return {};
  }
  if (derive::is_constant(module_.exprs, out.hessian, 0) && module_.model.settings.kind != ModelKind::network) {  // descends by the gradient alone
    report(code::no_curvature, "loss `" + f.head.name + "` has no curvature", f.head.name_span, "its second derivative is 0 everywhere")
        .suggest("smooth its corners: `sqrt(1 + (y - score) ^ 2)` in place of `abs(y - score)`; for quantiles there is `quantile(p)`");
    return {};
  }
  return out;
}

// False, and reported, where the target is a column that lists more than two labels.
bool Checker::takes_two_classes(const std::string& loss, Span span) {
  const ir::Expr& target = module_.exprs[module_.model.target.index];
  if (target.op != ir::ExprOp::column || !is_text(target_type_.scalar)) return true;
  const Column& column = module_.columns[target.column.index];
  if (column.one_of.size() <= 2) return true;
  report(code::loss_mismatch, "loss `" + loss + "` takes two classes, and `" + column.name + "` has " + std::to_string(column.one_of.size()), span, "takes two classes")
      .also(column.span, "its values are listed here").suggest("use `softmax`, which is the default here").edit(span, "softmax");
  return false;
}

// Its tensors are made with the network, when its scores are known. What it predicts are shares of classes, as with `softmax`.
void Checker::check_class_loss(const ast::Expr& written, const LossRef& ref) {
  ir::Model& m = module_.model;
  const std::string& name = ref.loss->function.head.name;
  used_functions_.insert(&ref.loss->function);
  if (m.settings.kind != ModelKind::network) {
    report(code::loss_mismatch, "loss `" + name + "` sees the scores of all classes, which only a network has", written.span, "of a network").suggest("use a `network`, or a loss of one score");
    return;
  }
  if (!m.target.known()) return;
  if (!is_text(target_type_.scalar)) {
    report(code::loss_mismatch, "loss `" + name + "` does not fit the target `" + m.target_name + "`, a " + show(target_type_), written.span, "takes classes").also(m.target_span, "a " + show(target_type_))
        .suggest("declare `" + m.target_name + "` as a `category`");
    return;
  }
  m.settings.loss = Loss::softmax;
  class_loss_ = &ref;
  class_loss_call_ = &written;
}

void Checker::check_custom_loss(const ast::Expr& written, const LossRef& ref) {
  ir::Model& m = module_.model;
  const ast::Function& f = ref.loss->function;
  if (of_all_classes(f)) return check_class_loss(written, ref);
  std::vector<Argument> constants;
  bool bad = false;
  for (std::size_t i = 0; i < written.args.size(); ++i) {
    Argument a;
    a.name = i < written.arg_names.size() ? written.arg_names[i] : "";
    a.name_span = i < written.arg_name_spans.size() ? written.arg_name_spans[i] : Span{};
    a.value = eval(written.args[i]);
    bad = !need_value(a.value, "a constant of a loss") || bad;
    if (bad) continue;
    for (const Item& item : a.value.items) {
      if (stage_of(item.value) == ir::Stage::constant || bad) continue;
      report(code::not_constant, "the constants of a loss must be known when the spec is compiled", a.value.span, "of stage " + std::string(ir::spell(stage_of(item.value)))).suggest("write a number");
      bad = true;
    }
    if (a.name.empty() && i + 2 < f.parameters.size()) a.name = f.parameters[i + 2].name;
    constants.push_back(std::move(a));
  }
  used_functions_.insert(&f);
  if (bad) return;
  const ir::LossFunction loss = derive_loss(ref, std::move(constants), written.span, callee_span(written));
  if (!loss.value.known() || !m.target.known()) return;
  const bool of_bool = f.parameters[0].type.name == "bool";
  if (of_bool != (target_type_.scalar == Scalar::boolean || is_text(target_type_.scalar))) {
    Diagnostic& d = report(code::loss_mismatch, "loss `" + f.head.name + "` does not fit the target `" + m.target_name + "`, a " + show(target_type_), written.span, "takes a `" + f.parameters[0].type.name + "`");
    d.also(m.target_span, "a " + show(target_type_)).suggest(of_bool ? "compare the target: `predict " + m.target_name + " > 0`" : "take the target as a `bool`, or predict `to_float(" + m.target_name + ")`");
    return;
  }
  if (of_bool && !takes_two_classes(f.head.name, written.span)) return;
  m.loss = loss;
  m.settings.loss = of_bool ? Loss::custom_bool : Loss::custom;
  m.settings.loss_name = f.head.name;
  m.settings.link = of_bool || ref.loss->link == "logit" ? Link::logit : ref.loss->link == "log" ? Link::log : Link::identity;
}

void Checker::check_loss(const ast::Setting* setting) {
  ir::Model& m = module_.model;
  if (!setting) return;
  const ast::Expr& e = node(setting->value);
  if (e.kind == ast::ExprKind::name || e.kind == ast::ExprKind::call) {
    if (broken_losses_.count(e.text)) return;
    if (const auto own = losses_.find(e.text); own != losses_.end()) return check_custom_loss(e, own->second);
  }
  static const std::map<std::string, Loss> losses = {{"squared", Loss::squared}, {"logistic", Loss::logistic}, {"softmax", Loss::softmax},
                                                     {"poisson", Loss::poisson}, {"quantile", Loss::quantile}};
  const auto loss = losses.find(e.text);
  const Span name_span = callee_span(e);
  if ((e.kind != ast::ExprKind::name && e.kind != ast::ExprKind::call) || loss == losses.end()) {
    Diagnostic& d = report(code::bad_setting, "there is no loss `" + text(e.span) + "`", name_span, "not known");
    std::vector<std::string> names;
    for (const auto& [name, unused] : losses) names.push_back(name);
    for (const auto& [name, unused] : losses_) names.push_back(name);
    suggest_name(d, name_span, e.text, names);
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : " ") + name;
    if (d.help.empty()) d.suggest("losses are: " + list + "; or write one: `loss " + (e.text.empty() ? "mine" : e.text) + "(y: float, score: float) -> float = …`");
    return;
  }
  if (loss->second == Loss::quantile) {
    const auto q = e.args.size() == 1 ? number(e.args[0]) : std::nullopt;
    if (!q || *q <= 0 || *q >= 1) {
      report(code::bad_setting, "`quantile` needs a share between 0 and 1", e.span, "which quantile").suggest("`loss = quantile(0.9)`");
      return;
    }
    m.settings.quantile = *q;
  } else if (!e.args.empty()) {
    report(code::bad_setting, "the loss `" + e.text + "` takes no argument", e.span).edit(e.span, e.text);
    return;
  }
  if (!m.target.known()) return;
  const Type type = target_type_;
  const bool boolean = type.scalar == Scalar::boolean, category = is_text(type.scalar);
  const bool fits = loss->second == Loss::logistic ? boolean || category : loss->second == Loss::softmax ? category : !boolean && !category;
  if (!fits) {
    const char* natural = boolean ? "logistic" : category ? "softmax" : "squared";
    Diagnostic& d = report(code::loss_mismatch, "loss `" + e.text + "` does not fit the target `" + m.target_name + "`, a " + show(type), e.span, "does not fit");
    d.also(m.target_span, "a " + show(type));
    if (!boolean && !category) d.suggest("use `squared`, or declare `" + m.target_name + "` as a `category`, or compare it: `predict " + m.target_name + " > 0`");
    else d.suggest("use `" + std::string(natural) + "`, which is the default here").edit(e.span, natural);
    return;
  }
  if (loss->second == Loss::logistic && !takes_two_classes("logistic", e.span)) return;
  m.settings.loss = loss->second;
}

}  // namespace mlp::checking
