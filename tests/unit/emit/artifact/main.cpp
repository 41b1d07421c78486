// The smallest artifact: prints what was linked in and what its feature kernel makes of three rows.
#include <iostream>
#include <vector>

#include "runtime/score/linked.h"

int main() {
  std::cout << "package " << mlp::score::linked_package() << "\n";
  const std::vector<double> values = {1, 2, 3};
  std::vector<double> out(values.size());
  const mlp_column column{values.data(), nullptr};
  const mlp_batch batch{3, &column, nullptr, nullptr};
  const mlp_fitted fitted{};
  const mlp_output output{out.data(), nullptr};
  mlp::score::linked_features()(&batch, &fitted, &output);
  for (const double v : out) std::cout << v << "\n";
  try {
    throw std::runtime_error("exceptions work");
  } catch (const std::exception& e) {
    std::cout << e.what() << "\n";
  }
}
