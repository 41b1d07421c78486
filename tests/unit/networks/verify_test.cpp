// The verifier of the functions of a network sees each breach; whatever lower makes passes it (compiled_test.cpp).
#include <gtest/gtest.h>

#include "compiler/lower/lower.h"
#include "compiler/plan/plan.h"
#include "tests/unit/plan/sample.h"

namespace mlp {
namespace {

using loop::Function;
using loop::Step;
using loop::StepKind;

Step& first(Function& f, StepKind kind) {
  for (Step& s : f.steps)
    if (s.kind == kind) return s;
  throw std::runtime_error("no such step");
}

TEST(LoopNetworkVerify, SeesEveryBreach) {
  const loop::Module module = lower(plan(test::sample(), {.disabled = {}, .verify = true}), {.disabled = {}, .verify = true});
  ASSERT_EQ(module.network.size(), 3u);
  const std::vector<std::pair<const char*, void (*)(Function&)>> damages = {
      {"within the scratch", [](Function& f) { f.each = 0; }},
      {"floats and a number", [](Function& f) { f.buffers[0].floats = 0; }},
      {"a buffer", [](Function& f) { first(f, StepKind::product).a.buffer = {99}; }},
      {"4 strides", [](Function& f) { auto& s = first(f, StepKind::product); s.loops.push_back({{2, false}, false}), s.loops.push_back({{2, false}, false}); }},
      {"lies together", [](Function& f) { first(f, StepKind::product).c.strides.back() = 2; }},
      {"an argument must stand before its user", [](Function& f) { first(f, StepKind::nest).body.back().args[0] = {99}; }},
      {"arguments of its operation", [](Function& f) { first(f, StepKind::nest).body.back().args.clear(); }},
      {"a bool", [](Function& f) { first(f, StepKind::nest).body.back().op = loop::ElementOp::lt; }},
      {"a float to store", [](Function& f) { first(f, StepKind::nest).stores[0].value = {99}; }},
      {"1 strides", [](Function& f) { first(f, StepKind::nest).stores[0].place.strides.clear(); }},
      {"a nest leaves something", [](Function& f) { first(f, StepKind::nest).stores.clear(); }},
      {"reductions go with reduced loops", [](Function& f) { auto& s = first(f, StepKind::nest); s.reductions.push_back({false, s.stores[0].value, s.stores[0].place}); }},
      {"rows are not reduced", [](Function& f) { first(f, StepKind::nest).loops[0].reduced = true; }},
      {"a guard has a stride for each loop", [](Function& f) { first(f, StepKind::nest).stores[0].guards.push_back({0, 4, {}}); }},
  };
  for (const auto& [what, damage] : damages) {
    Function f = module.network[1];
    damage(f);
    std::string all;
    for (const std::string& line : loop::verify(f)) all += line + "\n";
    EXPECT_NE(all.find(what), std::string::npos) << what << " in\n" << all;
  }
}

}  // namespace
}  // namespace mlp
