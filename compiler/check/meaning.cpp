// What editors ask for, recorded on the way; see meaning.h.
#include <algorithm>

#include "compiler/check/checker.h"

namespace mlp::checking {

void Checker::mean(Span at, Meaning::Kind kind, const std::string& name, Span declared) {
  if (meaning_ && at.known() && !frame_->library) meaning_->names.try_emplace(at, Meaning::Name{kind, name, declared});
}

void Checker::mean_feature(const std::string& name, Span at) {
  if (const auto entry = feature_entries_.find(name); entry != feature_entries_.end()) mean(at, Meaning::Kind::feature, name, entry->second);
  else if (const ColumnId column = find_column(name); column.known()) mean(at, Meaning::Kind::column, name, module_.columns[column.index].span);
}

void Checker::mean_called(const std::string& name, Span at) {
  if (!meaning_ || frame_->library) return;
  if (const auto local = frame_->declared.find(name); local != frame_->declared.end()) {
    const auto& parameters = frame_->function->parameters;
    const bool parameter = std::any_of(parameters.begin(), parameters.end(), [&](const ast::Parameter& p) { return p.name_span == local->second; });
    mean(at, parameter ? Meaning::Kind::parameter : Meaning::Kind::local, name, local->second);
  } else if (const auto* functions = find_function(name, false)) {
    mean(at, Meaning::Kind::function, name, functions->front().function->head.name_span);
  } else if (is_function(name, false)) {
    mean(at, Meaning::Kind::builtin, name, {});
  }
}

void Checker::mean_layer(const std::string& name, Span at) {
  const FunctionRef* layer = frame_->declared.contains(name) ? nullptr : find_layer(name, frame_->library);
  if (layer) mean(at, Meaning::Kind::function, name, layer->function->head.name_span);
  else mean_called(name, at);
}

void Checker::mean_function(const FunctionRef& ref, Span at, const std::vector<Argument>& args) {
  if (!meaning_ || frame_->library) return;
  if (const auto named = meaning_->names.find(at); named != meaning_->names.end() && named->second.kind == Meaning::Kind::function)
    named->second.declared = ref.function->head.name_span;
  for (const Argument& a : args)
    for (const ast::Parameter& p : ref.function->parameters)
      if (!a.name.empty() && p.name == a.name) mean(a.name_span, Meaning::Kind::parameter, p.name, p.name_span);
}

void Checker::mean_value(Span at, const Operand& value) {
  if (!meaning_ || frame_->library || value.poison || value.items.empty() || !at.known()) return;
  Meaning::Value v{type_of(value.items[0].value), stage_of(value.items[0].value), value.items.size(), value.vector, value.items[0].encoding == ir::Encoding::bag};
  for (const Item& item : value.items) {
    v.type.nullable = v.type.nullable || type_of(item.value).nullable;
    v.stage = std::max(v.stage, stage_of(item.value));
  }
  meaning_->values.try_emplace(at, v);
}

}  // namespace mlp::checking
