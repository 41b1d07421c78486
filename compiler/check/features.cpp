// Entries of a features block: names, encodings, and what must never reach a model.
#include <algorithm>

#include "base/codes/networks.h"
#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

void Checker::walk(ir::ExprId root, const std::function<bool(ir::ExprId)>& enter) const {
  seen_.resize(module_.exprs.size());
  const std::uint32_t now = ++walks_;
  std::vector<ir::ExprId> open{root};
  while (!open.empty()) {
    const ir::ExprId id = open.back();
    open.pop_back();
    if (seen_[id.index] == now) continue;
    seen_[id.index] = now;
    if (!enter(id)) continue;
    const auto& args = module_.exprs[id.index].args;
    open.insert(open.end(), args.rbegin(), args.rend());
  }
}

std::vector<ColumnId> Checker::columns_of(ir::ExprId root) const {
  std::set<ColumnId> columns;
  walk(root, [&](ir::ExprId id) {
    if (const ir::Expr& e = module_.exprs[id.index]; e.op == ir::ExprOp::column && e.column.known()) columns.insert(e.column);
    return true;
  });
  return {columns.begin(), columns.end()};
}

void Checker::check_features(const ast::Features& features) {
  module_.features_name = features.head.name;
  if (features.entries.empty())
    report(code::missing_declaration, "features `" + features.head.name + "` has no entries", features.head.name_span, "empty")
        .suggest("name a column on a line of its own");
  in_features_ = true;
  for (const ast::FeatureEntry& entry : features.entries) check_entry(entry);
  in_features_ = false;
  check_scales();
}

void Checker::check_entry(const ast::FeatureEntry& entry) {
  const ast::Expr& written = node(entry.value);
  // A bare column, or a pipe that begins with one, is its own name.
  std::string name = entry.name;
  Span name_span = entry.name_span;
  if (name.empty()) {
    const ast::Expr* head = &written;
    while (head->kind == ast::ExprKind::pipe) head = &node(head->args[0]);
    if (head->kind == ast::ExprKind::name) name = head->text, name_span = head->span;
  }
  if (const auto param = params_.find(entry.name); param != params_.end())
    report(code::duplicate_name, "feature `" + entry.name + "` has the name of a param", entry.name_span, "again").also(param->second.span, "the param").suggest("rename one of the two");
  Operand o = eval(entry.value);
  if (!entry.name.empty()) feature_entries_.emplace(entry.name, entry.name_span);
  mean_value(entry.name_span, o);
  if (!o.poison && o.items.empty()) need_value(o, "a feature");
  if (!o.poison && name.empty() && (!o.vector || o.items.front().name.empty())) {
    report(code::unnamed_feature, "a computed feature needs a name", written.span, "no name").suggest("write `name = " + text(written.span) + "`")
        .edit({written.span.source, written.span.begin, written.span.begin}, "name = ");
    return;
  }
  if (o.poison) {
    if (!name.empty()) poisoned_features_.insert(name);
    return;
  }
  if (!o.vector) {
    const Item item = o.items.front();
    add_feature(entry, name, name_span, item);
  } else {
    for (std::size_t i = 0; i < o.items.size(); ++i) {
      const Item& item = o.items[i];
      const bool own = entry.name.empty() && !item.name.empty();  // each(float): the columns keep their names
      add_feature(entry, own ? item.name : name + "[" + std::to_string(i) + "]", own ? written.span : name_span, item);
    }
  }
  if (!entry.name.empty()) feature_values_[name] = std::move(o);
}

void Checker::add_feature(const ast::FeatureEntry& entry, std::string name, Span name_span, const Item& item) {
  if (const auto before = feature_spans_.find(name); before != feature_spans_.end()) {
    Diagnostic& d = report(code::duplicate_name, "feature `" + name + "` is there twice", name_span, "again").also(before->second, "first here");
    if (text(name_span).starts_with("each") || text(name_span).starts_with("columns"))
      d.suggest("leave it out of the selection: `" + text(name_span) + " except (" + name + ")`");
    else if (entry.name.empty()) d.suggest("remove one of the two");
    else d.suggest("give it another name");
    return;
  }
  feature_spans_.emplace(name, name_span);
  ir::Feature f;
  f.name = std::move(name);
  f.span = name_span;
  const Span value_span = node(entry.value).span;
  if (!encode(f, item, value_span)) return;
  f.columns = columns_of(f.value);
  f.description = !entry.description.empty() ? entry.description : entry.doc;
  if (f.description.empty() && f.columns.size() == 1 && module_.exprs[item.value.index].op == ir::ExprOp::column)
    f.description = module_.columns[f.columns[0].index].description;
  check_taints(f, name_span);
  check_fits_model(f, value_span);
  module_.features.push_back(std::move(f));
}

// A feature is a double: numbers as they are, a bool as 0 or 1, a category as its code in the vocabulary.
bool Checker::encode(ir::Feature& f, const Item& item, Span value_span) {
  const ir::Expr source = module_.exprs[item.value.index];
  const std::string written = text(value_span);
  if (source.op == ir::ExprOp::table) {
    report(code::table_misused, "a fitted table is no feature by itself", value_span, "a table")
        .suggest("look a text up in it: `code(v, vocabulary(v))`, `lookup(v, frequencies(v))`");
    return false;
  }
  if (item.encoding == ir::Encoding::one_hot) {
    f.value = item.value;
    f.encoding = item.encoding;
    f.table = item.table;
    const ir::Expr& code = module_.exprs[source.args[0].index];
    f.nullable = type_of(code.args[0]).nullable;
    return true;
  }
  if (item.encoding == ir::Encoding::bag) {
    f.value = item.value;
    f.encoding = item.encoding;
    f.table = item.table;
    f.bag = item.bag;
    f.nullable = source.type.nullable;
    return true;
  }
  const auto refuse = [&](const std::string& hint) {
    report(code::bad_feature_type, "a " + show(source.type) + " cannot be a feature by itself", value_span, show(source.type)).suggest(hint);
    return false;
  };
  switch (source.type.scalar) {
    case Scalar::boolean:
    case Scalar::integer:
    case Scalar::real:
    case Scalar::real32:
      f.value = to_real(item.value);
      f.nullable = source.type.nullable;
      return true;
    case Scalar::category:
    case Scalar::string: {
      if (source.stage != ir::Stage::row) {
        report(code::bad_feature_type, "a text that is the same in every row cannot be a feature", value_span, "constant").suggest("remove it");
        return false;
      }
      if (const std::vector<std::string>* order = order_of(item.value); order && module_.model.settings.kind != ModelKind::linear && module_.model.settings.kind != ModelKind::network) {
        f.value = to_real(rank_of(item.value, std::vector<std::string>(*order), false, value_span).items[0].value);
        f.nullable = source.type.nullable;
        return true;
      }
      bool matched = false;
      Argument v{"", {}, value(item.value, value_span)};
      Operand table = call_builtin("vocabulary", {v}, value_span, value_span, matched, true);
      Operand code = call_builtin("code", {v, {"", {}, table}}, value_span, value_span, matched, true);
      if (code.poison) return false;
      f.value = to_real(code.items[0].value);
      f.table = table.items[0].value;
      f.encoding = ir::Encoding::category;
      f.nullable = source.type.nullable;
      return true;
    }
    case Scalar::timestamp: return refuse("take a part of it: `month(" + written + ")`, `hour(" + written + ")`, `weekday(" + written + ")`");
    case Scalar::date: return refuse("take a part of it: `month(" + written + ")`, `weekday(" + written + ")`");
    case Scalar::duration: return refuse("say in which unit: `hours(" + written + ")`, `days(" + written + ")`");
    case Scalar::text: return refuse("take its words, or something from it: `tf_idf(" + written + ")`, `tokens(" + written + ")`, `word_count(" + written + ")`, `contains(" + written + ", \"…\")`, `hash_bucket(" + written + ", 256)`");
    case Scalar::id: return refuse("an id names one row and predicts nothing; `hash_bucket(" + written + ", 256)` makes groups of ids");
    case Scalar::image: break;  // its numbers come one by one
  }
  return false;
}

// The column through which personal data comes in; hash_id and redact end the trace.
ir::ExprId Checker::personal_in(ir::ExprId root) const {
  ir::ExprId found;
  walk(root, [&](ir::ExprId id) {
    if (laundered_.count(id)) return false;
    const ir::Expr& e = module_.exprs[id.index];
    if (e.op == ir::ExprOp::column && e.column.known() && !found.known() && module_.columns[e.column.index].pii) found = id;
    return true;
  });
  return found;
}

bool Checker::refuse_personal(ir::ExprId root, std::string message, Span span) {
  const ir::ExprId from = personal_in(root);
  if (!from.known()) return false;
  const ir::Expr& e = module_.exprs[from.index];
  const Column& column = module_.columns[e.column.index];
  Diagnostic& d = report(code::personal_data, std::move(message), span, "depends on `" + column.name + "`, which is `@pii`");
  if (e.span != span) d.also(e.span, "`" + column.name + "` is used here");
  d.also(column.span, "declared `@pii` here").suggest("use a column that is not personal, or remove the attribute if this one is not");
  return true;
}

void Checker::check_taints(const ir::Feature& f, Span name_span) {
  const auto& target = module_.model.target_columns;
  const bool selected = text(name_span).find('(') != std::string::npos;  // the place is a selector, not a name
  Span leak, personal;
  ColumnId leaked, person, guarded, later;
  Span late;
  bool label_means = false;
  walk(f.value, [&](ir::ExprId id) {
    const ir::Expr& e = module_.exprs[id.index];
    if (e.op == ir::ExprOp::table && e.callee == "target_means") label_means = true;
    if (e.op != ir::ExprOp::column || !e.column.known()) return true;
    const bool label = module_.columns[e.column.index].label || std::find(target.begin(), target.end(), e.column) != target.end() || shares_origin(e.column);
    if (!leaked.known() && label) leaked = e.column, leak = e.span;
    if (!guarded.known() && module_.columns[e.column.index].protected_) guarded = e.column;
    if (!later.known() && !label && module_.columns[e.column.index].future) later = e.column, late = e.span;
    return true;
  });
  if (const ir::ExprId from = personal_in(f.value); from.known()) person = module_.exprs[from.index].column, personal = module_.exprs[from.index].span;
  if (leaked.known()) {
    const std::string& column = module_.columns[leaked.index].name;
    const bool predicted = std::find(target.begin(), target.end(), leaked) != target.end() || !module_.columns[leaked.index].label;
    Diagnostic& d = report(code::label_leak, "feature `" + f.name + "` leaks the label", name_span,
                           "depends on `" + column + "`, which " + (!predicted ? "is declared `@label`" : "model `" + model_name_ + (has_target(module_.model.settings.kind) ? "` predicts" : "` is measured against")));
    if (leak != name_span) d.also(leak, "`" + column + "` is used here");
    if (predicted && !has_target(module_.model.settings.kind)) d.also(module_.model.target_span, "measured against here").suggest("remove the feature, or measure against another column");
    else if (predicted) d.also(module_.model.target_span, "predicted here").suggest("remove the feature, or predict another column");
    else d.also(module_.columns[leaked.index].span, "declared `@label` here").suggest("remove the feature: a label is not known when a prediction is made");
  }
  if (later.known() && !leaked.known()) {
    const Column& column = module_.columns[later.index];
    Diagnostic& d = report(code::future_value, "feature `" + f.name + "` is not known yet when a prediction is made", name_span, "depends on `" + column.name + "`, which is `@future`");
    if (late != name_span) d.also(late, "`" + column.name + "` is used here");
    d.also(column.span, "declared `@future` here").suggest("remove the feature, or use what is known at that moment");
  }
  if (person.known()) {
    const Column& column = module_.columns[person.index];
    Diagnostic& d = report(code::personal_data, "feature `" + f.name + "` carries personal data", name_span, "depends on `" + column.name + "`, which is `@pii`");
    if (personal != name_span) d.also(personal, "`" + column.name + "` is used here");
    d.also(column.span, "declared `@pii` here");
    if (selected) d.suggest("leave it out: `" + text(name_span) + " except (" + column.name + ")`");
    else if (is_text(column.type.scalar)) d.suggest("remove the feature, or let only `hash_id(" + column.name + ")` through");
    else d.suggest("remove the feature");
  }
  if (guarded.known() && !leaked.known() && !person.known() && !later.known()) {
    const Column& column = module_.columns[guarded.index];
    report(code::protected_feature, "feature `" + f.name + "` depends on the protected attribute `" + column.name + "`", name_span, "protected")
        .also(column.span, "declared `@protected` here")
        .suggest(selected ? "leave it out: `" + text(name_span) + " except (" + column.name + ")`"
                          : "remove it, or gate its effect: `require gap(test.recall, by = " + column.name + ") <= 0.10`");
  }
  if (label_means && kind_known_ && !has_target(module_.model.settings.kind))
    report(code::target_means_of_text, "means of the target need a target, and model `" + model_name_ + "` learns without one", name_span, "uses `target_means`").suggest("use `frequency_encode` or `one_hot`");
  else if (label_means && module_.model.target.known() && is_text(type_of(module_.model.target).scalar))
    report(code::target_means_of_text, "means of the target need a target that is a number or a `bool`", name_span, "uses `target_means`")
        .also(module_.model.target_span, "the target is a " + show(type_of(module_.model.target)))
        .suggest("use `frequency_encode` or `one_hot`, or predict a `bool`");
  if (stage_of(f.value) != ir::Stage::row && !leaked.known())
    report(code::constant_feature, "feature `" + f.name + "` has the same value in every row", name_span, "constant").suggest("remove it");
}

// Whether a column of a table is computed from a column of a source that the target is computed from, in the same row or in
// rows that may come later.
bool Checker::shares_origin(ColumnId column) const {
  if (origins_.empty()) return false;
  const Origins& mine = origins_[static_cast<std::size_t>(column.index)];
  for (const ColumnId target : module_.model.target_columns)
    for (const auto& origin : origins_[static_cast<std::size_t>(target.index)])
      if (mine.count(origin)) return true;
  return false;
}

// Trees take nulls and categories as they are; what measures sums and distances takes numbers only.
void Checker::check_fits_model(const ir::Feature& f, Span value_span) {
  if (f.encoding == ir::Encoding::bag && kind_known_ && !has_target(module_.model.settings.kind)) {
    report(code::category_in_model, "a bag of terms reaches model `" + model_name_ + "`, which takes numbers only", value_span, "a bag of terms")
        .suggest("take numbers from the text: `length(…)`, `word_count(…)`, `occurrences(…, \"free\")`");
    return;
  }
  const bool network = module_.model.settings.kind == ModelKind::network && kind_known_;
  if (!takes_numbers_only(module_.model.settings.kind) && !network) return;
  const Span end{value_span.source, value_span.end, value_span.end};
  const std::string who = f.span == value_span && text(value_span) != f.name ? "`" + f.name + "` " : "";  // of a selection
  if (network && f.encoding == ir::Encoding::one_hot) {
    network_inputs_ok_ = false;
    const std::string written = text(value_span);
    const std::size_t pipe = written.rfind("|> one_hot");
    Diagnostic& d = report(code::network_input, "`one_hot` reaches network `" + model_name_ + "`, which learns an embedding of each category", value_span, who + "one column a category");
    d.suggest("leave `one_hot` out");
    if (pipe != std::string::npos && pipe > 0) {
      std::size_t end_of = pipe;
      while (end_of > 0 && (written[end_of - 1] == ' ' || written[end_of - 1] == '\n')) --end_of;
      d.edit({value_span.source, value_span.begin + static_cast<std::uint32_t>(end_of), value_span.end}, "");
    }
  } else if (!network && f.encoding == ir::Encoding::category) {
    Diagnostic& d = report(code::category_in_model, "a category reaches model `" + model_name_ + "`, which takes numbers only", value_span, who.empty() ? "a category" : who + "is a category");
    if (order_of(module_.exprs[f.table.index].args[0])) d.suggest("count its labels by their order: `" + text(value_span) + " |> rank`").edit(end, " |> rank");
    else d.suggest("give each category a column of its own: `" + text(value_span) + " |> one_hot`").edit(end, " |> one_hot");
  } else if (f.nullable && f.encoding == ir::Encoding::number) {
    network_inputs_ok_ = false;
    Diagnostic& d = report(code::null_in_model, "a null reaches model `" + model_name_ + "`, which takes none", value_span, who + "may be null");
    const ir::Expr& v = module_.exprs[f.value.index];
    if (v.op == ir::ExprOp::call && v.callee == "to_float" && type_of(v.args[0]).scalar == Scalar::boolean)
      d.suggest("say what a null stands for: `coalesce(" + text(value_span) + ", false)`");
    else
      d.suggest("replace it: `" + text(value_span) + " |> impute(median)`").edit(end, " |> impute(median)");
  }
}

// Distances add up what features differ by, so a column in its own unit beside others outweighs them or counts for nothing.
// What is fitted to the rows (`standardize`, …), yes and no, and one-hot share a scale; raw columns do with the same bounds.
void Checker::check_scales() {
  if (module_.model.settings.kind != ModelKind::kmeans || !poisoned_features_.empty()) return;
  const auto scale_of = [&](const ir::Feature& f) -> std::string {
    if (f.encoding != ir::Encoding::number) return "";
    const ir::Expr* e = &module_.exprs[f.value.index];
    while (e->op == ir::ExprOp::call && e->callee == "to_float") e = &module_.exprs[e->args[0].index];
    if (e->op != ir::ExprOp::column || !e->column.known() || e->type.scalar == Scalar::boolean) return "";
    const Bounds& b = module_.columns[e->column.index].bounds;
    return "[" + (b.low ? ir::exact(*b.low) : "of " + std::to_string(e->column.index)) + ", " + (b.high ? ir::exact(*b.high) : "of " + std::to_string(e->column.index)) + "]";
  };
  std::set<std::string> scales;
  for (const ir::Feature& f : module_.features) scales.insert(scale_of(f));
  if (scales.size() < 2) return;
  for (const ir::Feature& f : module_.features) {
    if (scale_of(f).empty()) continue;
    const bool selected = text(f.span).find('(') != std::string::npos;
    Diagnostic& d = report(code::own_scale, "feature `" + f.name + "` reaches `kmeans` in its own unit", f.span, "counts by its unit");
    d.suggest("bring it to one scale with the others: `" + text(f.span) + " |> standardize`");
    if (!selected && text(f.span) == f.name && feature_entries_.count(f.name) == 0) d.edit({f.span.source, f.span.end, f.span.end}, " |> standardize");
  }
}

}  // namespace mlp::checking
