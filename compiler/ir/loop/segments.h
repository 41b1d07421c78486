// Training by calls that each have some rows of a batch: where they must wait for each other, as the mean over a batch makes them.
#pragma once
#include <set>
#include <utility>

#include "compiler/ir/loop/network.h"

namespace mlp::loop {

// Floats of the scratch without rows: sums over the rows of a call, to be added up over all calls.
struct RowSum {
  std::int64_t offset = 0, floats = 0;
};
struct Barrier {
  std::size_t step = 0;                    // the first behind it
  std::vector<RowSum> sums;
};
struct Segments {
  std::vector<Barrier> barriers;           // in order of their steps
  std::set<std::pair<std::size_t, std::size_t>> alike;   // step, store: adds what is the same in all calls to a gradient, so only one of them may
};
// Of the function `train`. A sum that only gradients follow from needs no barrier: gradients are sums over the calls themselves.
Segments segments_of(const Function& function);

}  // namespace mlp::loop
