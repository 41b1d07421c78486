#include "compiler/codegen/cpu/step_form.h"

#include <algorithm>

namespace mlp::codegen {

using loop::Step;

StepForm form_of(const loop::Function& function, const Step& step, const std::function<bool(const loop::Buffer&)>& open) {
  StepForm form{step, {}, {}};
  std::vector<loop::Buffer> kinds;
  Step named = step;                     // buffers by their order
  const auto visit = [&](loop::Place& place, loop::Place& in_text) {
    if (!place.buffer.known()) return;
    const loop::Buffer& buffer = function.buffers[static_cast<std::size_t>(place.buffer.index)];
    auto begin = std::find_if(form.begins.begin(), form.begins.end(), [&](const loop::Place& b) { return b.buffer == place.buffer; });
    if (begin == form.begins.end()) {
      const bool any = open(buffer);
      form.begins.push_back({place.buffer, any ? place.offset : 0, {}});
      begin = form.begins.end() - 1;
      kinds.push_back({buffer.memory, any ? 0 : buffer.number, any ? 0 : buffer.floats, false, 0});
    }
    place.offset -= begin->offset;
    in_text.offset = place.offset;
    in_text.buffer = loop::BufferId{static_cast<std::int32_t>(begin - form.begins.begin())};
  };
  for (std::size_t i = 0; i < step.body.size(); ++i) visit(form.step.body[i].place, named.body[i].place);
  for (std::size_t i = 0; i < step.stores.size(); ++i) visit(form.step.stores[i].place, named.stores[i].place);
  for (std::size_t i = 0; i < step.reductions.size(); ++i) visit(form.step.reductions[i].place, named.reductions[i].place);
  visit(form.step.a, named.a), visit(form.step.b, named.b), visit(form.step.c, named.c);
  named.layer.clear();
  named.backward = false;
  ir::Writer text;
  text.record("step", -1, named);
  text.records("buffer", kinds);
  form.text = text.take();
  return form;
}

}  // namespace mlp::codegen
