// deploy and monitor blocks.
#include <algorithm>

#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {

void Checker::check_deploy(const ast::Deploy& deploy) {
  declaration_ = deploy.head.span;
  Deploy& d = module_.deploy;
  d.declared = true;
  d.name = deploy.head.name;
  d.span = deploy.head.name_span;
  const auto no_effect = [&](const char* what) {
    return [&, what](const ast::Setting& v) {
      report(code::no_effect, std::string("`") + v.name + "` has no effect in this version", v.name_span, what).suggest("remove it, so that the spec says what happens");
    };
  };
  take_settings(deploy.settings,
                {{"http", [&](const ast::Setting& v) {
                    const ast::Expr& e = node(v.value);
                    const bool listen = e.kind == ast::ExprKind::call && e.text == "listen" && e.args.size() == 1;
                    const auto port = listen ? whole(e.args[0]) : std::nullopt;
                    if (port && *port >= 0 && *port <= 65535) d.port = *port;
                    else report(listen ? code::out_of_range : code::bad_setting, "`http` listens on a port from 0 to 65535", listen ? node(e.args[0]).span : e.span, "found `" + text(listen ? node(e.args[0]).span : e.span) + "`").suggest("`http = listen(8080)`");
                  }},
                 {"target", [&](const ast::Setting& v) {
                    const ast::Expr& e = node(v.value);
                    const auto& words = ir::enum_words<DeployTarget>::words;
                    const auto found = std::find(std::begin(words), std::end(words), e.text);
                    if (e.kind != ast::ExprKind::name || found == std::end(words)) {
                      Diagnostic& bad = report(code::bad_setting, "`target` is `cpu` or `cuda`, found `" + text(e.span) + "`", e.span, "not known");
                      if (e.text == "gpu" || e.text == "nvidia") bad.suggest("NVIDIA's GPUs are called `cuda` here").edit(e.span, "cuda");
                      else suggest_name(bad, e.span, e.text, {"cpu", "cuda"});
                      if (bad.help.empty()) bad.suggest("`target = cuda` scores on an NVIDIA GPU where there is one");
                      return;
                    }
                    d.target = static_cast<DeployTarget>(found - std::begin(words));
                    const ir::Model& model = module_.model;
                    if (d.target == DeployTarget::cuda && !has_trees(model.settings.kind) && model.settings.kind != ModelKind::network)
                      report(code::bad_setting, "`target = cuda` is for networks and models of trees, and `" + model.name + "` is neither", e.span, "the CPU scores it").also(model.span, "declared here").suggest("remove it");
                  }},
                 {"explain", no_effect("explanations are not served yet")},
                 {"rollout", no_effect("every request goes to the promoted version")},
                 {"auth", [&](const ast::Setting& v) {
                    report(code::not_available, "`auth` is not available in this version", v.name_span, "requests are not authenticated")
                        .suggest("put a proxy that authenticates in front, and remove the setting");
                  }}},
                "a deployment", {{"port", "http"}, {"listen", "http"}, {"device", "target"}});
  for (const ast::ExprId id : deploy.budget) {
    const ast::Expr& e = node(id);
    const auto compare = e.kind == ast::ExprKind::binary ? comparison(e.text) : std::nullopt;
    const bool upper = compare == Compare::le || compare == Compare::lt;
    const std::string what = compare ? node(e.args[0]).text : "";
    if (!upper || (what != "latency" && what != "memory" && what != "size")) {
      Diagnostic& d2 = report(code::bad_condition, "a budget bounds `latency`, `memory` or `size` from above", compare && upper ? node(e.args[0]).span : e.span, "found `" + text(e.span) + "`");
      d2.suggest("`budget { latency <= 50us, memory <= 64MiB, size <= 10MiB }`");
      continue;
    }
    const ast::Expr& right = node(e.args[1]);
    const Number n = right.kind == ast::ExprKind::number ? read_number(right.text) : Number{};
    const Number::Kind wanted = what == "latency" ? Number::duration : Number::size;
    if (n.kind != wanted || n.whole <= 0) {
      report(code::bad_condition, "`" + what + "` is bounded by a " + (what == "latency" ? "duration" : "size"), right.span, "found `" + text(right.span) + "`")
          .suggest(what == "latency" ? "`latency <= 50us`" : "`" + what + " <= 10MiB`");
      continue;
    }
    (what == "latency" ? d.latency_seconds : what == "memory" ? d.memory_bytes : d.size_bytes) = n.value;
  }
}

void Checker::check_monitor(const ast::Monitor& monitor) {
  for (const ast::MonitorRule& rule : monitor.rules) {
    if (rule.subject == "latency" || rule.subject == "labels") {
      report(code::no_effect, "`" + rule.subject + "` rules have no effect in this version", rule.subject_span, "not watched").suggest("`/metrics` serves latency histograms");
      continue;
    }
    if (rule.subject != "drift") {
      Diagnostic& d = report(code::bad_condition, "`" + rule.subject + "` cannot be watched", rule.subject_span, "not known");
      suggest_name(d, rule.subject_span, rule.subject, {"drift"});
      if (d.help.empty()) d.suggest("`drift " + (module_.features_name.empty() ? "prediction" : module_.features_name) + " warn psi > 0.1, alert psi > 0.25`");
      continue;
    }
    if (rule.target.empty()) {
      report(code::bad_condition, "`drift` does not say of what", rule.subject_span, "no name behind it").suggest("`drift " + (module_.features_name.empty() ? "prediction" : module_.features_name) + " warn psi > 0.1, alert psi > 0.25`");
      continue;
    }
    if (rule.target != "prediction" && rule.target != module_.features_name) {
      Diagnostic& d = report(code::unknown_name, "`" + rule.target + "` does not drift", rule.target_span, "neither features nor `prediction`");
      suggest_name(d, rule.target_span, rule.target, {"prediction", module_.features_name});
      if (d.help.empty()) d.suggest("write `" + module_.features_name + "` or `prediction`").edit(rule.target_span, module_.features_name.empty() ? "prediction" : module_.features_name);
      continue;
    }
    DriftRule out;
    out.subject = rule.target == "prediction" ? "prediction" : "features";
    if (rule.levels.empty()) {
      report(code::bad_condition, "this rule says neither when to warn nor when to alert", rule.subject_span).suggest("`drift " + rule.target + " warn psi > 0.1, alert psi > 0.25`");
      continue;
    }
    bool bad = false;
    for (const ast::MonitorLevel& level : rule.levels) {
      const ast::Expr& e = node(level.condition);
      const auto compare = e.kind == ast::ExprKind::binary ? comparison(e.text) : std::nullopt;
      const auto limit = compare ? number(e.args[1]) : std::nullopt;
      if ((compare != Compare::gt && compare != Compare::ge) || !limit || *limit <= 0 || node(e.args[0]).kind != ast::ExprKind::name || node(e.args[0]).text != "psi") {
        report(code::bad_condition, "drift is judged by `psi > NUMBER`", e.span, "found `" + text(e.span) + "`").suggest("`psi > 0.25`");
        bad = true;
        continue;
      }
      (level.level == "warn" ? out.warn : out.alert) = *limit;
    }
    if (out.warn > 0 && out.alert > 0 && out.warn > out.alert)
      report(code::bad_condition, "the warning comes after the alert", rule.subject_span, "warns above " + ir::exact(out.warn) + ", alerts above " + ir::exact(out.alert)).suggest("swap them");
    else if (!bad)
      module_.deploy.drift.push_back(std::move(out));
  }
}

}  // namespace mlp::checking
