// A step apart from where its memory lies: steps of one text, as an unrolled recurrence has them by the hundred, can be one function.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "compiler/ir/loop/network.h"

namespace mlp::codegen {

struct StepForm {
  loop::Step step;                       // the first place of each buffer that is left open begins at 0
  std::vector<loop::Place> begins;       // of each buffer, in the order in which the step names them; of those not left open at 0
  std::string text;
};

StepForm form_of(const loop::Function& function, const loop::Step& step, const std::function<bool(const loop::Buffer&)>& open);

}  // namespace mlp::codegen
