// Time zones: names become the rules that run (stdlib/zones), so that what is compiled and packed needs no database.
#include "stdlib/zones/zones.h"

#include <algorithm>

#include "base/codes/stages.h"
#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

// The rules of the zone that a text names; reports a name that is none.
std::optional<std::string> Checker::zone_rules(const std::string& name, Span span) {
  if (std::optional<std::string> rules = zones::rules(name)) return rules;
  Diagnostic& d = report(code::unknown_zone, "there is no time zone `" + name + "`", span, "not in the database");
  const std::vector<std::string> known = zones::names();
  std::string near = nearest(name, known);
  for (const std::string& zone : known)  // `Rome`, `new_york`
    if (const std::size_t slash = zone.rfind('/'); near.empty() && slash != std::string::npos && nearest(name, {zone.substr(slash + 1)}) == zone.substr(slash + 1)) near = zone;
  if (near.empty()) {
    d.suggest("zones are those of the IANA database, as `Europe/Rome`, `America/New_York`, `UTC`");
  } else {
    d.suggest("did you mean `" + near + "`?");
    if (!frame_->library && text(span).starts_with('"')) d.edit(span, "\"" + near + "\"");
  }
  return {};
}

// in_zone(seen, "Europe/Rome"): the zone becomes its rules. in_zone(seen, tzone) with a column that lists its zones becomes a
// choice among them. Nothing: the call has no zone, or has rules already.
std::optional<Operand> Checker::call_in_zone(const Builtin& row, std::string_view name, const std::vector<const Argument*>& bound, Span span, Span name_span) {
  const auto at = std::find_if(row.parameters.begin(), row.parameters.end(), [](const BuiltinParameter& p) { return p.name == "zone"; });
  if (at == row.parameters.end()) return {};
  const Argument& zone = *bound[static_cast<std::size_t>(at - row.parameters.begin())];
  const ir::ExprId id = zone.value.items[0].value;
  const ir::Expr e = module_.exprs[id.index];
  const auto with = [&](const std::string& rules) {
    std::vector<Argument> args;
    for (const Argument* a : bound) args.push_back(*a);
    Value v;
    v.text = rules;
    args[static_cast<std::size_t>(at - row.parameters.begin())].value = value(constant({Scalar::string, false}, std::move(v), zone.value.span), zone.value.span);
    bool matched = false;
    return call_builtin(name, args, span, name_span, matched, true);
  };
  if (e.op == ir::ExprOp::constant && !e.value.null) {
    if (zones::name_of(e.value.text).size() < e.value.text.size() && zones::rules(zones::name_of(e.value.text)) == e.value.text) return {};
    const std::optional<std::string> rules = zone_rules(e.value.text, e.span);
    return rules ? with(*rules) : poison();
  }
  const std::vector<std::string>* listed = e.op == ir::ExprOp::column && e.column.known() && !module_.columns[e.column.index].one_of.empty() ? &module_.columns[e.column.index].one_of : nullptr;
  if (!listed) {
    report(code::not_constant, "the zone of `" + std::string(name) + "` must be known when the spec is compiled", zone.value.span, "differs from row to row")
        .suggest("write its name, `\"Europe/Rome\"`, or give a column that lists its zones: `tz : category one_of (\"Europe/Rome\", \"Europe/Oslo\")`");
    return poison();
  }
  const std::vector<std::string> names = *listed;  // a copy: what follows adds expressions
  Operand result;
  for (std::size_t i = names.size(); i-- > 0;) {
    const std::optional<std::string> rules = zone_rules(names[i], zone.value.span);
    if (!rules) return poison();
    Operand local = with(*rules);
    if (local.poison) return local;
    if (i + 1 == names.size() && !e.type.nullable) {
      result = std::move(local);
      continue;
    }
    if (i + 1 == names.size()) result = local;  // of a null: the condition is null, and so is the choice
    Value label;
    label.text = names[i];
    bool matched = false;
    const Operand is = call_builtin("eq", {{"", {}, value(id, zone.value.span)}, {"", {}, value(constant({Scalar::string, false}, std::move(label), span), span)}}, span, span, matched, true);
    result = select({is, local, result}, span);
  }
  return result;
}

}  // namespace mlp::checking
