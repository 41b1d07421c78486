// Which declarations there are and how they hang together; the order in which they are checked.
#include <algorithm>
#include <tuple>

#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

Checker::Checker(const SourceMap& sources, const ast::File& file, const std::vector<ast::File>& library, Diagnostics& diagnostics, Meaning* meaning)
    : sources_(sources), file_(file), library_(library), out_(diagnostics), meaning_(meaning) {
  root_.file = &file;
  frame_ = &root_;
}

void Checker::find_functions() {
  for (const ast::File& file : library_)
    for (const ast::Function& f : file.functions) library_functions_[f.head.name].push_back({&file, &f, true});
  for (const ast::Function& f : file_.functions) {
    auto& overloads = own_functions_[f.head.name];
    const auto same = std::find_if(overloads.begin(), overloads.end(), [&](const FunctionRef& other) {
      const auto& a = other.function->parameters;
      return std::equal(a.begin(), a.end(), f.parameters.begin(), f.parameters.end(), [](const ast::Parameter& x, const ast::Parameter& y) { return x.type.name == y.type.name; });
    });
    if (same != overloads.end())
      report(code::duplicate_name, "function `" + f.head.name + "` is defined twice with the same parameters", f.head.name_span, "again")
          .also(same->function->head.name_span, "first here").suggest("rename one of the two");
    else if (overloads.empty() && is_function(f.head.name, true))
      report(code::shadowed_function, "function `" + f.head.name + "` hides one of the standard library", f.head.name_span, "same name").suggest("choose another name");
    overloads.push_back({&file_, &f, false});
    std::vector<std::string> types(std::begin(ir::enum_words<Scalar>::words), std::end(ir::enum_words<Scalar>::words));
    types.emplace_back("fn");
    std::set<std::string> names;
    const auto check_type = [&](const ast::TypeRef& type) {
      if (type.name.empty() || std::find(types.begin(), types.end(), type.name) != types.end()) return;
      const Span span{type.span.source, type.span.begin, type.span.begin + static_cast<std::uint32_t>(type.name.size())};
      Diagnostic& d = report(code::unknown_type, "there is no type `" + type.name + "`", span, "not known");
      suggest_name(d, span, type.name, types);
      overloads.pop_back();
    };
    const std::size_t before = overloads.size();
    for (const ast::Parameter& p : f.parameters) {
      if (overloads.size() == before) check_type(p.type);
      if (!names.insert(p.name).second)
        report(code::duplicate_name, "parameter `" + p.name + "` is there twice", p.name_span, "again").suggest("rename one of the two");
    }
    if (overloads.size() == before) check_type(f.result);
    if (overloads.size() == before && f.external() && !check_external(f)) overloads.pop_back();
    if (overloads.empty()) broken_functions_.insert(f.head.name), own_functions_.erase(f.head.name);
  }
}

// Functions that nothing calls are checked with values of their declared types.
void Checker::check_unused_functions() {
  for (const auto& [name, overloads] : own_functions_)
    for (const FunctionRef& ref : overloads) {
      if (used_functions_.count(ref.function)) continue;
      std::vector<Operand> bound;
      bool typed = true;
      for (const ast::Parameter& p : ref.function->parameters) {
        const auto scalar = read_scalar(p.type.name);
        typed = typed && scalar && p.type.shape.empty();
        ir::Expr e;
        e.op = ir::ExprOp::column;
        e.type = {scalar == Scalar::real32 ? Scalar::real : scalar.value_or(Scalar::real), p.type.nullable};
        e.stage = ir::Stage::row;
        e.span = p.name_span;
        bound.push_back(value(add(std::move(e)), p.name_span));
      }
      if (typed && ref.function->external()) call_external(ref, std::move(bound), ref.function->head.name_span);
      else if (typed) inline_function(ref, std::move(bound), ref.function->head.name_span);
    }
}

bool Checker::refers(const std::string& name, Span span, const std::string& wanted, const char* what) {
  if (name == wanted || wanted.empty()) return true;
  Diagnostic& d = report(code::unknown_name, std::string("there is no ") + what + " `" + name + "`", span, "not known");
  d.suggest("did you mean `" + wanted + "`?").edit(span, wanted);
  return false;
}

sem::Module Checker::run() {
  module_.split.defaulted = true;
  find_functions();
  find_layers();
  find_losses();
  const Span start{file_.source, 0, 0};
  // One of each, no more: a second one is reported, a missing one too.
  const auto only = [&](const auto& list, const char* what, const char* example, bool needed) -> decltype(list.data()) {
    for (std::size_t i = 1; i < list.size(); ++i)
      report(code::too_many_declarations, std::string("a spec has one ") + what + " block, found `" + list[i].head.name + "` too", list[i].head.name_span, "one too many")
          .also(list[0].head.name_span, "first here").suggest("remove one of the two, or move it to a spec of its own");
    if (list.empty() && needed)
      report(code::missing_declaration, std::string("the spec has no ") + what + " block", start).suggest(std::string("add `") + example + "`");
    return list.empty() ? nullptr : list.data();
  };
  const auto finish = [&]() {
    std::set<std::tuple<int, std::int32_t, std::uint32_t, std::uint32_t>> seen;  // one report for one cause
    std::vector<Diagnostic> list = found_.take();
    std::stable_sort(list.begin(), list.end(), [](const Diagnostic& a, const Diagnostic& b) { return std::tie(a.span.source, a.span.begin) < std::tie(b.span.source, b.span.begin); });
    for (Diagnostic& d : list)
      if (seen.insert({static_cast<int>(d.code), d.span.source, d.span.begin, d.span.end}).second) out_.add(std::move(d));
  };
  if (file_.order.empty()) {
    report(code::missing_declaration, "the spec is empty", start).suggest("`mlp init data.csv --predict COLUMN` writes a first one");
    finish();
    return std::move(module_);
  }

  check_params();
  if (found_.has_errors()) {  // what names a param would fall with it
    finish();
    return std::move(module_);
  }
  const ast::Pipeline* pipeline = only(file_.pipelines, "pipeline", "", false);
  const bool tables = !file_.tables.empty();
  if (tables && file_.sources.empty()) only(file_.sources, "source", "source rows: Row = csv(\"data.csv\")", true);
  const ast::Source* source = tables ? nullptr : only(file_.sources, "source", "source rows: Row = csv(\"data.csv\")", true);
  const ast::Model* model = only(file_.models, "model", "model m = gbdt { predict label from x }", true);
  const ast::Split* split = only(file_.splits, "split", "", false);
  const ast::Features* features = only(file_.features, "features", "features x from SOURCE { … }", true);
  const ast::Deploy* deploy = only(file_.deploys, "deploy", "", false);
  const ast::Tune* tune = only(file_.tunes, "tune", "", false);

  if (pipeline) {
    module_.name = pipeline->head.name;
    module_.description = !pipeline->head.description.empty() ? pipeline->head.description : pipeline->head.doc;
  } else if (model) {
    module_.name = model->head.name;
  }
  if (source) {
    check_schema_of(*source);
    check_source(*source);
  }
  std::string source_name = source ? source->head.name : "";
  if (tables) {
    check_relations();
    const Relation* read = features ? find_relation(features->source, features->source_span) : nullptr;
    for (const ast::Expect& e : file_.expects)
      if (const Relation* of = find_relation(e.head.name, e.head.name_span); of && of != read) check_expect_of(*of, e);
    if (read) {
      source_name = read->name;
      take_relation(*read);
    } else {
      schema_ok_ = false;  // what uses a column stays silent
    }
  }
  for (const ast::Expect& e : file_.expects)
    if (tables ? e.head.name == source_name : refers(e.head.name, e.head.name_span, source_name, "source")) check_expect(e);
  const std::size_t before = found_.all().size();
  if (split && !(tables && source_name.empty()) && refers(split->head.name, split->head.name_span, source_name, tables ? "table that features read," : "source")) check_split(*split);
  if (schema_ok_ && found_.all().size() == before) check_parts(split, source);
  if (model) check_target(*model);
  for (const auto& [name, literal] : literals_) data_params_.insert(name->text);
  if (features) {
    if (!tables) refers(features->source, features->source_span, source_name, "source");
    check_features(*features);
  }
  if (model) {
    if (model->features_span.known() && features) refers(model->features, model->features_span, features->head.name, "features block");
    check_model(*model);
  }
  const std::string model_name = model ? model->head.name : "";
  if (tune && model && refers(tune->head.name, tune->head.name_span, model_name, "model")) check_tune(*tune, *model);
  for (const ast::Test& t : file_.tests)
    if (refers(t.head.name, t.head.name_span, model_name, "model")) check_test(t);
  if (deploy) {
    refers(deploy->model, deploy->model_span, model_name, "model");
    check_deploy(*deploy);
    check_population(*deploy);
  }
  for (const ast::Monitor& m : file_.monitors) {
    if (!deploy) {
      report(code::unknown_name, "there is no deployment `" + m.head.name + "`", m.head.name_span, "not known").suggest("declare it: `deploy " + m.head.name + " serves " + (model_name.empty() ? "m" : model_name) + " { }`");
      continue;
    }
    if (refers(m.head.name, m.head.name_span, deploy->head.name, "deployment")) check_monitor(m);
  }
  check_ranges();
  check_unused_functions();
  check_unused_losses();
  finish();
  if (!out_.has_errors()) sweep();
  return std::move(module_);
}

void Checker::sweep() {
  std::vector<char> used(module_.exprs.size());
  const auto mark = [&](ir::ExprId id) { if (id.known()) used[id.index] = 1; };
  for (const ir::Feature& f : module_.features) mark(f.value), mark(f.table);
  mark(module_.model.target);
  mark(module_.model.weight);
  mark(module_.model.population);
  ir::LossFunction& loss = module_.model.loss;
  mark(loss.value), mark(loss.gradient), mark(loss.hessian);
  for (const ir::ExprId id : module_.model.network.optimizer.results) mark(id);
  for (std::size_t i = used.size(); i-- > 0;)  // arguments stand before their users
    if (used[i])
      for (const ir::ExprId arg : module_.exprs[i].args) used[arg.index] = 1;
  std::vector<ir::ExprId> place(module_.exprs.size());
  std::vector<ir::Expr> kept;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) continue;
    place[i] = {static_cast<std::int32_t>(kept.size())};
    ir::Expr e = std::move(module_.exprs[i]);
    for (ir::ExprId& arg : e.args) arg = place[arg.index];
    kept.push_back(std::move(e));
  }
  const auto move = [&](ir::ExprId& id) { if (id.known()) id = place[id.index]; };
  for (ir::Feature& f : module_.features) move(f.value), move(f.table);
  move(module_.model.target);
  move(module_.model.weight);
  move(module_.model.population);
  move(loss.value), move(loss.gradient), move(loss.hessian);
  for (ir::ExprId& id : module_.model.network.optimizer.results) move(id);
  module_.exprs = std::move(kept);
}

}  // namespace mlp::checking

namespace mlp {

sem::Module check(const SourceMap& sources, const ast::File& file, const std::vector<ast::File>& library, Diagnostics& diagnostics, Meaning* meaning) {
  return checking::Checker(sources, file, library, diagnostics, meaning).run();
}

}  // namespace mlp
