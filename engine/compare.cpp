#include "engine/compare.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/files.h"
#include "engine/tune.h"

namespace mlp::engine {
namespace {

using driver::Class;
using driver::Fact;
using driver::Stage;

std::string place_of(const driver::Unit& unit, Span span) {
  if (!span.known()) return {};
  return unit.sources.name(span.source) + ":" + std::to_string(unit.sources.locate(span.source, span.begin).line);
}

// An expression of the ast without its places.
void shape(const ast::File& file, ast::ExprId id, std::string& out) {
  if (!id.known()) return void(out += "_ ");
  const ast::Expr& e = file[id];
  out += "(" + std::string(ir::enum_words<ast::ExprKind>::words[static_cast<int>(e.kind)]) + " " + ir::quote(e.text);
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    if (i < e.arg_names.size()) out += " " + ir::quote(e.arg_names[i]) + "=";
    shape(file, e.args[i], out);
  }
  out += ")";
}

// The functions of a spec: what they say, and where.
std::map<std::string, std::pair<std::string, Span>> functions(const driver::Unit& unit) {
  const ast::File& file = unit.file;
  std::map<std::string, std::pair<std::string, Span>> out;
  for (const ast::Function& f : file.functions) {
    std::string text = f.result.name + (f.result.nullable ? "?" : "");
    for (const ast::Parameter& p : f.parameters) {
      text += " " + p.name + ":" + p.type.name + (p.type.nullable ? "?" : "") + "=";
      shape(file, p.fallback, text);
    }
    shape(file, f.body, text);
    text += f.file + " " + (f.source < 0 ? "" : sha256(unit.sources.text(f.source)));
    out[f.head.name] = {text, f.head.name_span};
  }
  return out;
}

std::vector<Reason> changed_functions(const driver::Unit& was, const driver::Unit& now) {
  std::vector<Reason> out;
  const auto before = functions(was), after = functions(now);
  for (const auto& [name, is] : after)
    if (const auto old = before.find(name); old != before.end() && old->second.first != is.first)
      out.push_back({"function `" + name + "`", "", "changed", place_of(now, is.second)});
  return out;
}

// The steps behind a fact that are written differently: why what reads the same means something else.
std::vector<Reason> changed_steps(const driver::Unit& was, const driver::Unit& now, const Fact& before, const Fact& after) {
  std::map<std::string, const driver::Cause*> old, fresh;
  for (const driver::Cause& c : before.behind) old[c.what] = &c;
  for (const driver::Cause& c : after.behind) fresh[c.what] = &c;
  std::vector<Reason> out;
  for (const auto& [what, cause] : fresh) {
    const auto at = old.find(what);
    if (at == old.end()) out.push_back({what, "", cause->shown, place_of(now, cause->span)});
    else if (at->second->shown != cause->shown) out.push_back({what, at->second->shown, cause->shown, place_of(now, cause->span)});
  }
  for (const auto& [what, cause] : old)
    if (!fresh.contains(what)) out.push_back({what, cause->shown, "", place_of(was, cause->span)});
  return out;
}

// Facts of one side that the other lacks, by what they speak of.
std::map<std::string, const Fact*> only(const std::vector<Fact>& here, const std::vector<Fact>& there) {
  std::set<std::string_view> known;
  for (const Fact& f : there) known.insert(f.canon);
  std::map<std::string, const Fact*> out;
  for (const Fact& f : here)
    if (!known.contains(f.canon)) out[f.what] = &f;
  return out;
}

std::vector<Reason> reasons_of(const driver::Unit& was, const driver::Unit& now, Stage stage) {
  const std::vector<Fact> before = driver::facts(was, stage), after = driver::facts(now, stage);
  const auto gone = only(before, after), come = only(after, before);
  struct Found { Reason reason; std::uint32_t at = 0; };
  std::vector<Found> found;
  std::vector<Reason> orders, indirect, steps;
  bool columns = false;
  for (const auto& [what, fact] : come) {
    const auto old = gone.find(what);
    Reason reason{what, old == gone.end() ? "" : old->second->shown, fact->shown, place_of(now, fact->span)};
    if (what.starts_with("order of")) {
      orders.push_back(std::move(reason));
    } else if (old != gone.end() && reason.was == reason.is) {
      for (Reason& step : changed_steps(was, now, *old->second, *fact))
        if (std::none_of(steps.begin(), steps.end(), [&](const Reason& r) { return r.text() == step.text(); })) steps.push_back(std::move(step));
      indirect.push_back(std::move(reason));
    } else {
      columns = columns || what.starts_with("column ");
      found.push_back({std::move(reason), fact->span.known() ? fact->span.begin : 0});
    }
  }
  for (const auto& [what, fact] : gone)
    if (!come.contains(what)) {
      columns = columns || what.starts_with("column ");
      found.push_back({{what, fact->shown.empty() ? "there" : fact->shown, "", place_of(was, fact->span)}, UINT32_MAX});
    }
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.at < b.at; });
  std::vector<Reason> out;
  for (Found& f : found) out.push_back(std::move(f.reason));
  // What reads the same and means something else: a step of a table or a function behind it says why, or a column that is
  // named already.
  if (!indirect.empty()) {
    std::vector<Reason> why = std::move(steps);
    for (Reason& reason : changed_functions(was, now)) why.push_back(std::move(reason));
    out.insert(out.end(), why.begin(), why.end());
    if (why.empty() && !columns)
      for (Reason& reason : indirect) out.push_back({std::move(reason.what), "", "means something else", std::move(reason.place)});
  }
  if (out.empty())
    for (Reason& reason : orders) out.push_back({std::move(reason.what), "", "changed", std::move(reason.place)});
  return out;
}

std::optional<double> seconds_of(const Side* was, Stage stage) {
  if (was)
    for (const registry::StageUse& use : was->stages)
      if (use.name == driver::info(stage).name) return use.seconds;
  return {};
}

// What a package promises to callers and to monitoring, as it stands in it.
std::string promise(const package::Package& p, Stage stage) {
  std::set<std::string> lines;
  if (stage == Stage::request)
    for (const Column& c : p.signature.request) lines.insert(ir::quote(c.name) + " " + spell(c) + " " + ir::quote(c.true_word) + " " + ir::quote(c.false_word));
  if (stage == Stage::monitor)
    for (const DriftRule& rule : p.signature.drift) lines.insert(rule.subject + " " + ir::exact(rule.warn) + " " + ir::exact(rule.alert));
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  if (stage == Stage::response)
    for (const std::string& label : p.model.classes) out += ir::quote(label) + " ";
  return out;
}

std::string short_digest(const std::string& digest) { return "sha256 " + digest.substr(0, 12); }

}  // namespace

std::string Reason::text() const {
  std::string out = what;
  if (was.empty()) out += is.empty() ? " changed" : is == "changed" || is == "means something else" ? " " + is : " added: " + is;
  else if (is.empty()) out += " removed" + (was == "there" ? std::string() : ": " + was);
  else out += " " + was + " → " + is;
  return place.empty() ? out : out + " (" + place + ")";
}

Class Comparison::cls() const {
  Class heaviest = Class::no_op;
  for (const StageChange& s : stages) heaviest = std::max(heaviest, s.cls);
  return heaviest;
}

Comparison compare(const Side& was, const Side& now) {
  Comparison out;
  const bool data = !was.data.empty() && !now.data.empty() && was.data != now.data;
  const bool settled = was.settled && now.settled;
  for (const driver::StageInfo& info : driver::stages) {
    StageChange change{.stage = info.stage, .seconds = seconds_of(&was, info.stage)};
    if (!driver::makes(*now.unit, info.stage)) {  // a stage that is gone asks for nothing
      out.stages.push_back(std::move(change));
      continue;
    }
    const bool chosen = settled && info.of_rows && info.stage != Stage::tune;
    change.reasons = reasons_of(chosen ? *was.settled : *was.unit, chosen ? *now.settled : *now.unit, info.stage);
    if (data && info.of_rows) change.reasons.insert(change.reasons.begin(), Reason{"data", short_digest(was.data), short_digest(now.data), ""});
    if (!change.reasons.empty()) change.cls = info.when_changed;
    out.stages.push_back(std::move(change));
  }
  return out;
}

Comparison foresee(const Side* was, Side now, const registry::Cache& cache) {
  if (!now.settled && !now.data.empty())
    if (const std::optional<Tuned> tuned = recall_tuned(*now.unit, stage_keys(*now.unit, now.data), cache)) now.settled = settled_unit(*now.unit, tuned->trials[tuned->best].values);
  Comparison out;
  if (was) {
    out = compare(*was, now);
  } else {
    for (const driver::StageInfo& info : driver::stages) {
      StageChange change{.stage = info.stage};
      if (info.when_changed != Class::breaking && driver::makes(*now.unit, info.stage)) change.cls = info.when_changed, change.note = "no run yet";
      out.stages.push_back(std::move(change));
    }
  }
  if (now.data.empty()) return out;
  std::map<Stage, std::string> keys = stage_keys(now.settled ? *now.settled : *now.unit, now.data);
  keys.merge(stage_keys(*now.unit, now.data));  // of the tune block
  const std::vector<Reason> of_tune = [&] {
    for (const StageChange& change : out.stages)
      if (change.stage == Stage::tune) return change.reasons;
    return std::vector<Reason>{};
  }();
  for (StageChange& change : out.stages) {
    const driver::StageInfo& info = driver::info(change.stage);
    if (!info.of_rows || !keys.contains(change.stage)) continue;
    const bool anew = !now.settled && driver::follows_tune(now.unit->program, change.stage);
    const bool kept = !anew && cache.get(keys.at(change.stage)).has_value();
    if (anew && change.reasons.empty()) change.reasons = of_tune;
    if (anew && change.reasons.empty()) change.note = "it follows the trials, which are run anew";
    else if (kept && change.cls != Class::no_op) change.note = "made before: its result is in the cache";
    else if (!kept && change.cls == Class::no_op) change.note = "its result is not in the cache";
    change.cls = kept ? Class::no_op : info.when_changed;
  }
  return out;
}

Comparison account(const Side* was, const Side& now, const std::vector<StageDone>& done) {
  Comparison out;
  for (const driver::StageInfo& info : driver::stages) {
    StageChange change{.stage = info.stage};
    if (!driver::makes(*now.unit, info.stage)) {
      // nothing to make
    } else if (info.of_rows) {
      const auto at = std::find_if(done.begin(), done.end(), [&](const StageDone& d) { return d.stage == info.stage; });
      MLP_CHECK(at != done.end() || info.stage == Stage::tune);
      if (at != done.end()) {
        if (!at->reused) change.cls = info.when_changed;
        change.seconds = at->seconds;
      }
    } else if (was) {
      const bool promised = was->package && now.package && promise(*was->package, info.stage) != promise(*now.package, info.stage);
      if (promised || !reasons_of(*was->unit, *now.unit, info.stage).empty()) change.cls = info.when_changed;
    } else if (info.when_changed != Class::breaking) {
      change.cls = info.when_changed;
    }
    out.stages.push_back(std::move(change));
  }
  return out;
}

}  // namespace mlp::engine
