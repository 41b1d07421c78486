#include "compiler/codegen/gpu/launches.h"

#include <map>
#include <optional>

#include "base/diagnostic.h"
#include "compiler/codegen/cpu/step_form.h"

namespace mlp::codegen {
namespace {

using loop::ElementOp;
using loop::Memory;
using loop::Place;
using loop::Step;
using loop::StepKind;

constexpr std::size_t least_shared = 4;        // steps that share kernels: those then look up where their memory lies

LaunchPlace place_of(const loop::Function& f, const Place& p) {
  const loop::Buffer& buffer = f.buffers[static_cast<std::size_t>(p.buffer.index)];
  LaunchPlace out{LaunchMemory::scratch, buffer.number, p.offset, -1};
  switch (buffer.memory) {
    case Memory::scratch:
      if (buffer.rows) out.each = buffer.offset;
      else out.offset += buffer.offset;
      return out;
    case Memory::numbers: out.memory = LaunchMemory::numbers; return out;
    case Memory::weight: out.memory = LaunchMemory::weight; return out;
    case Memory::gradient: out.memory = LaunchMemory::gradient; return out;
    case Memory::state: out.memory = LaunchMemory::state; return out;
    case Memory::mean: out.memory = LaunchMemory::mean; return out;
    case Memory::kept: case Memory::score: case Memory::loss: break;
  }
  MLP_BUG("a product of what is no float of the call");
}

// A matrix by a vector as a nest that sums: it moves bytes, and libraries for matrices leave most of a device idle with it.
std::optional<Step> vector_product(const Step& s) {
  if (!loop::by_vector(s)) return {};
  const bool row = s.m == loop::Extent{};
  const std::int64_t a = row ? 0 : s.a.strides[0], b = row ? s.b.strides[1] : 0, c = row ? s.c.strides[1] : s.c.strides[0];
  const bool sum_last = std::max(s.a.strides[1], s.b.strides[0]) <= std::max(a, b);   // what lies together is read together
  const auto strides = [&](std::int64_t kept, std::int64_t summed) { return sum_last ? std::vector{kept, summed} : std::vector{summed, kept}; };
  Step out;
  const loop::Loop kept{row ? s.n : s.m, false}, summed{s.k, !s.add};
  out.loops = sum_last ? std::vector{kept, summed} : std::vector{summed, kept};
  const auto load = [&](const Place& of, std::int64_t by_kept, std::int64_t by_summed) {
    loop::Element e;
    e.op = ElementOp::load;
    e.place = {of.buffer, of.offset, strides(by_kept, by_summed)};
    out.body.push_back(std::move(e));
  };
  load(s.a, a, s.a.strides[1]);
  load(s.b, b, s.b.strides[0]);
  loop::Element product;
  product.op = ElementOp::mul;
  product.args = {loop::ElementId{0}, loop::ElementId{1}};
  out.body.push_back(std::move(product));
  const Place to{s.c.buffer, s.c.offset, strides(c, 0)};
  if (s.add) out.stores.push_back({loop::ElementId{2}, to, true, {}});
  else out.reductions.push_back({false, loop::ElementId{2}, to});
  return out;
}

Launch product_of(const loop::Function& f, const Step& s) {
  Launch out;
  const std::size_t loops = s.loops.size();
  const auto extent = [](const loop::Extent& e) { return LaunchExtent{e.count, e.rows}; };
  for (std::size_t l = 0; l < loops; ++l) out.loops.push_back({extent(s.loops[l].extent), s.a.strides[l], s.b.strides[l], s.c.strides[l]});
  out.m = extent(s.m), out.n = extent(s.n), out.k = extent(s.k);
  out.a = place_of(f, s.a), out.b = place_of(f, s.b), out.c = place_of(f, s.c);
  out.a_m = s.a.strides[loops], out.a_k = s.a.strides[loops + 1];
  out.b_k = s.b.strides[loops], out.b_n = s.b.strides[loops + 1];
  out.c_m = s.c.strides[loops];
  out.add = s.add;
  out.rounds = s.rounds;
  return out;
}

// Nests that differ only in where their scratch lies: kernels of the first of them, launched with the number of each.
class SharedKernels {
 public:
  explicit SharedKernels(const loop::Function& f) {
    for (std::size_t i = 0; i < f.steps.size(); ++i) {
      const Step& s = f.steps[i];
      if (s.kind != StepKind::nest || numbers_launches(s)) continue;
      StepForm form = form_of(f, s, [](const loop::Buffer& b) { return b.memory == Memory::scratch; });
      Group& group = groups_[form.text];
      if (group.begins.empty()) group.step = std::move(form.step);
      of_step_[i] = {&group, static_cast<std::int64_t>(group.begins.size())};
      group.begins.push_back(std::move(form.begins));
    }
  }
  // Whether step i is launched so; then its launches are there.
  template <class Write>
  bool launch(NetworkFrame& frame, std::size_t i, std::vector<Launch>& launches, const Write& write) {
    const auto known = of_step_.find(i);
    if (known == of_step_.end() || known->second.first->begins.size() < least_shared) return false;
    auto& [group, number] = known->second;
    if (number == 0) {
      const PlaceTable table = table_of(frame, *group, "mlp_" + frame.function.name + "_" + std::to_string(i) + "_places");
      frame.places = &table;
      write(group->step, group->launches);
      frame.places = nullptr;
    }
    for (Launch launch : group->launches) {
      launch.number = number;
      launches.push_back(std::move(launch));
    }
    return true;
  }

 private:
  struct Group {
    Step step;
    std::vector<std::vector<Place>> begins;   // by step
    std::vector<Launch> launches;
  };
  static PlaceTable table_of(NetworkFrame& frame, const Group& group, const std::string& name) {
    const loop::Function& f = frame.function;
    PlaceTable table;
    table.columns = static_cast<std::int64_t>(group.begins.front().size());
    table.column.assign(f.buffers.size(), -1);
    std::vector<std::uint64_t> values;
    for (const std::vector<Place>& begins : group.begins)
      for (const Place& begin : begins) {
        const loop::Buffer& buffer = f.buffers[static_cast<std::size_t>(begin.buffer.index)];
        values.push_back(static_cast<std::uint64_t>(begin.offset + (buffer.rows ? f.once : buffer.offset)));
        values.push_back(static_cast<std::uint64_t>(buffer.rows ? buffer.offset : 0));
      }
    for (std::size_t c = 0; c < group.begins.front().size(); ++c) {
      const auto b = static_cast<std::size_t>(group.begins.front()[c].buffer.index);
      if (f.buffers[b].memory == Memory::scratch) table.column[b] = static_cast<std::int32_t>(c);
    }
    llvm::Constant* const data = llvm::ConstantDataArray::get(frame.b.getContext(), values);
    table.values = new llvm::GlobalVariable(frame.module, data->getType(), true, llvm::GlobalValue::InternalLinkage, data, name, nullptr, llvm::GlobalValue::NotThreadLocal, frame.space);
    table.values->setAlignment(llvm::Align(16));
    return table;
  }
  std::map<std::string, Group> groups_;
  std::map<std::size_t, std::pair<Group*, std::int64_t>> of_step_;
};

}  // namespace

LaunchList build_launches(NetworkFrame& frame) {
  const loop::Function& f = frame.function;
  LaunchList out;
  out.name = f.name;
  out.once = f.once;
  out.each = f.each;
  SharedKernels shared(f);
  for (std::size_t i = 0; i < f.steps.size(); ++i) {
    const std::optional<Step> vector = vector_product(f.steps[i]);
    const Step& s = vector ? *vector : f.steps[i];
    const std::string name = "mlp_" + f.name + "_" + std::to_string(i);
    const auto nest = [&](const Step& step, std::vector<Launch>& launches) { write_nest(frame, step, name, launches); };
    if (s.kind == StepKind::product) {
      out.launches.push_back(product_of(f, s));
    } else if (s.kind == StepKind::nest) {
      if (!shared.launch(frame, i, out.launches, nest)) nest(s, out.launches);
    } else {
      write_lookup(frame, s, name, out.launches);
    }
  }
  return out;
}

}  // namespace mlp::codegen
