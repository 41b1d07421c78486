#include "runtime/device/launches.h"

#include <algorithm>
#include <limits>

#include "base/codes/command.h"
#include "base/diagnostic.h"

namespace mlp::device {

Launches::Launches(Device& device, const DeviceCode& code) : device_(device), code_(code), program_(device.load(code.text)) {}

const LaunchList& Launches::function(const std::string& name) const {
  const LaunchList* const found = code_.find(name);
  if (!found) MLP_BUG("a network without `" + name + "`");
  return *found;
}

const void* Launches::find(const std::string& name) {
  const void*& known = kernels_[name];
  if (!known) known = program_->kernel(name);
  return known;
}

void Launches::kernel(const std::string& name, std::int64_t points, std::int64_t together, void* call, std::int64_t number) {
  if (points >= std::numeric_limits<std::int32_t>::max()) throw Failure(code::device_failed, "a step of the network has " + std::to_string(points) + " numbers at once, more than a kernel counts (2,147,483,647)", "choose a smaller `batch`");
  device_.launch(find(name), (points + together - 1) / together, call, number);
}

namespace {

std::int64_t of(const LaunchExtent& e, std::int64_t rows) { return e.rows ? e.count * rows : e.count; }

}  // namespace

void Launches::product(const Launch& launch, const Addresses& addresses, std::int64_t rows, const LaunchList& function) {
  const auto address = [&](const LaunchPlace& p) -> float* {
    const auto number = static_cast<std::size_t>(p.number);
    switch (p.memory) {
      case LaunchMemory::scratch: return addresses.scratch + p.offset + (p.each < 0 ? 0 : function.once + (rows + 15) / 16 * 16 * p.each);
      case LaunchMemory::numbers: return addresses.numbers + p.offset;
      case LaunchMemory::weight: return addresses.weights[number] + p.offset;
      case LaunchMemory::gradient: return addresses.gradients[number] + p.offset;
      case LaunchMemory::state: return addresses.states[number] + p.offset;
      case LaunchMemory::mean: return addresses.means[number] + p.offset;
    }
    MLP_BUG("a place without memory");
  };
  Product p;
  p.m = of(launch.m, rows), p.n = of(launch.n, rows), p.k = of(launch.k, rows);
  p.a_m = launch.a_m, p.a_k = launch.a_k, p.b_k = launch.b_k, p.b_n = launch.b_n, p.c_m = launch.c_m;
  p.add = launch.add;
  p.rounds = launch.rounds;
  // The longest loop is left to the device, unless all of it adds to one place.
  std::size_t inner = launch.loops.size();
  for (std::size_t l = 0; l < launch.loops.size(); ++l)
    if (launch.loops[l].c != 0 && (inner == launch.loops.size() || of(launch.loops[l].extent, rows) > of(launch.loops[inner].extent, rows))) inner = l;
  if (inner < launch.loops.size()) {
    p.count = of(launch.loops[inner].extent, rows);
    p.a_step = launch.loops[inner].a, p.b_step = launch.loops[inner].b, p.c_step = launch.loops[inner].c;
  }
  const float *const a = address(launch.a), *const b = address(launch.b);
  float* const c = address(launch.c);
  std::int64_t times = 1;
  for (std::size_t l = 0; l < launch.loops.size(); ++l)
    if (l != inner) times *= of(launch.loops[l].extent, rows);
  for (std::int64_t t = 0; t < times; ++t) {
    std::int64_t rest = t, a_at = 0, b_at = 0, c_at = 0;
    for (std::size_t l = launch.loops.size(); l-- > 0;) {
      if (l == inner) continue;
      const LaunchLoop& loop = launch.loops[l];
      const std::int64_t count = of(loop.extent, rows), i = rest % count;
      rest /= count;
      a_at += i * loop.a, b_at += i * loop.b, c_at += i * loop.c;
    }
    p.a = a + a_at, p.b = b + b_at, p.c = c + c_at;
    device_.product(p);
  }
}

void Launches::run(const LaunchList& function, const Addresses& addresses, void* call, std::int64_t rows) {
  for (const Launch& launch : function.launches) {
    if (launch.kernel.empty()) product(launch, addresses, rows, function);
    else kernel(launch.kernel, of(launch.points, rows), launch.together, call, launch.number);
  }
}

}  // namespace mlp::device
