#include "compiler/codegen/gpu/kernels.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/diagnostic.h"
#include "compiler/codegen/cpu/network_elements.h"
#include "compiler/codegen/gpu/entry.h"

namespace mlp::codegen {
namespace {

using llvm::Value;
using loop::ElementOp;
using loop::Memory;
using loop::Place;
using loop::Step;
using loop::StepKind;

constexpr std::int64_t threads = launch_threads;
constexpr std::int64_t points_together = 4;    // of a thread, that are read at the same time
constexpr std::int64_t stretches = 64;         // of the rows, that are summed at the same time
constexpr std::int64_t least_stretched = 64;   // points that are worth a second kernel
constexpr std::int64_t few = 16;               // terms of a sum that one thread adds up
constexpr std::int64_t scatter_threads = 8192; // that a table's rows are parted among, so that each sees all rows of the batch

using Loops = std::set<std::size_t>;

// What one kernel of a nest gives: plain stores, and sums over `reduced`. Loops of `apart` run one after the other, a launch each: points of
// theirs add to the same place.
struct Outputs {
  Loops reduced, apart;
  std::vector<std::size_t> stores, sums, reductions;   // sums: stores that add
};

// Loops that two points of which could add to one place; no loop of these is among `reduced`.
Loops colliding(const Step& s, const Place& place, const Loops& reduced) {
  Loops apart;
  std::vector<std::size_t> by_stride;
  for (std::size_t l = 0; l < s.loops.size(); ++l)
    if (!reduced.contains(l) && s.loops[l].extent != loop::Extent{}) by_stride.push_back(l);
  std::sort(by_stride.begin(), by_stride.end(), [&](std::size_t a, std::size_t b) { return std::pair(std::abs(place.strides[a]), a) < std::pair(std::abs(place.strides[b]), b); });
  while (true) {
    std::int64_t reach = 0;                    // of the loops so far
    std::size_t clash = s.loops.size();
    for (const std::size_t l : by_stride) {
      if (apart.contains(l)) continue;
      if (std::abs(place.strides[l]) <= reach) {
        clash = l;
        break;
      }
      if (s.loops[l].extent.rows) continue;    // the last: strides of rows are the largest
      reach += std::abs(place.strides[l]) * (s.loops[l].extent.count - 1);
    }
    if (clash == s.loops.size()) return apart;
    std::size_t widest = clash;                // of those before it, the one that reaches farthest
    const auto reach_of = [&](std::size_t l) { return std::abs(place.strides[l]) * (s.loops[l].extent.count - 1); };
    for (const std::size_t l : by_stride) {
      if (l == clash) break;
      if (!apart.contains(l) && (widest == clash || reach_of(l) > reach_of(widest))) widest = l;
    }
    const bool rows = s.loops[clash].extent.rows;
    const std::size_t shortest = widest != clash && (rows || s.loops[widest].extent.count < s.loops[clash].extent.count) ? widest : clash;
    MLP_CHECK(!s.loops[shortest].extent.rows);
    apart.insert(shortest);
  }
}

std::vector<Outputs> outputs_of(const Step& s) {
  std::map<std::pair<Loops, Loops>, Outputs> all;
  const auto of = [&](const Loops& reduced, const Loops& apart) -> Outputs& {
    Outputs& out = all[{reduced, apart}];
    out.reduced = reduced;
    out.apart = apart;
    return out;
  };
  Loops flagged;
  for (std::size_t l = 0; l < s.loops.size(); ++l)
    if (s.loops[l].reduced) flagged.insert(l);
  for (std::size_t r = 0; r < s.reductions.size(); ++r) of(flagged, {}).reductions.push_back(r);
  std::vector<std::size_t> plain;
  for (std::size_t i = 0; i < s.stores.size(); ++i) {
    const loop::Store& store = s.stores[i];
    if (!store.add) {
      plain.push_back(i);
      continue;
    }
    Loops zero;
    for (std::size_t l = 0; l < s.loops.size(); ++l)
      if (store.place.strides[l] == 0 && s.loops[l].extent != loop::Extent{}) zero.insert(l);
    of(zero, colliding(s, store.place, zero)).sums.push_back(i);
  }
  if (!plain.empty()) {
    // Beside the only sum of the nest, which computes the same elements; else in a kernel of their own. So also where rows are summed: few threads do that, and
    // would wait for their stores.
    const auto sums_rows = [&](const Loops& reduced) { return std::any_of(reduced.begin(), reduced.end(), [&](std::size_t l) { return s.loops[l].extent.rows; }); };
    const bool beside = all.size() == 1 && all.begin()->second.apart.empty() && !sums_rows(all.begin()->second.reduced);
    (beside ? all.begin()->second : of({}, {})).stores = plain;
  }
  std::vector<Outputs> out;
  for (auto& [key, outputs] : all) out.push_back(std::move(outputs));
  return out;
}

class NestKernel : NestElements {
 public:
  NestKernel(NetworkFrame& frame, const Step& step, Outputs outputs) : NestElements(frame, step), o_(std::move(outputs)) {
    for (std::size_t l = 0; l < s_.loops.size(); ++l) (o_.apart.contains(l) ? apart_ : o_.reduced.contains(l) ? reduced_ : kept_).push_back(l);
    sums_ = static_cast<std::int64_t>(o_.sums.size() + o_.reductions.size());
    bool rows = false;
    std::int64_t kept = 1, reduced = 1;
    for (const std::size_t l : kept_) rows = rows || s_.loops[l].extent.rows, kept *= s_.loops[l].extent.count;
    bool long_sum = false;
    for (const std::size_t l : reduced_) long_sum = long_sum || s_.loops[l].extent.rows, reduced *= s_.loops[l].extent.count;
    if (reduced_.empty() || (!long_sum && reduced <= few)) parts_ = 1;
    else if (!kept_.empty() && last_ == kept_.back() && (rows || kept >= 16'384)) parts_ = 8;
    else if (rows) parts_ = 32;
    else {  // few sums: as many blocks as there are, and all threads of each
      parts_ = 32;
      while (parts_ < threads && kept < 32 * (threads / parts_)) parts_ *= 2;
    }
    parts_together_ = !reduced_.empty() && last_ == reduced_.back();
    if (long_sum && !rows && apart_.empty() && !kept_.empty() && last_ == kept_.back() && kept >= least_stretched && kept * sums_ < 16'384) stretched_ = kept;
  }

  void write(const std::string& name, std::vector<Launch>& launches) {
    if (stretched_ > 0) return write_stretches(name, launches);
    if (parts_ > 1) {
      write_entry(
          f_, name, threads * sums_, [&](Value* block, Value* thread, Value* shared) { before(block, thread, shared); },
          [&](Value* block, Value* thread, Value* shared) { after(block, thread, shared); });
    } else if (find_shared(); !shared_calls_.empty()) {
      write_entry(
          f_, name, static_cast<std::int64_t>(shared_calls_.size()), [&](Value*, Value* thread, Value* shared) { share_calls(thread, shared); },
          [&](Value* block, Value* thread, Value* shared) {
            shared_ = shared;
            const std::int64_t at_once = one_store_a_point() ? points_together : 1;
            f_.repeat(b_.getInt64(static_cast<std::uint64_t>(each_ / at_once)), [&](Value* i) {
              Value* const first = b_.CreateAdd(b_.CreateMul(block, i32(each_)), b_.CreateMul(b_.CreateTrunc(i, b_.getInt32Ty()), i32(at_once)));
              at_once > 1 ? several(first, thread) : before(first, thread, shared);
            });
          });
    } else if (many_points()) {
      each_ = points_together;
      write_entry(f_, name, 0, [&](Value* block, Value* thread, Value*) { several(b_.CreateMul(block, i32(each_)), thread); });
    } else {
      write_entry(f_, name, 0, [&](Value* block, Value* thread, Value*) { before(block, thread, nullptr); });
    }
    Launch launch;
    launch.kernel = name;
    for (const std::size_t l : kept_) {
      launch.points.count *= s_.loops[l].extent.count;
      launch.points.rows = launch.points.rows || s_.loops[l].extent.rows;
    }
    launch.together = threads / parts_ * each_;
    std::int64_t times = 1;
    for (const std::size_t l : apart_) times *= s_.loops[l].extent.count;
    for (launch.number = 0; launch.number < times; ++launch.number) launches.push_back(launch);
  }

 private:
  Value* i32(std::int64_t v) { return b_.getInt32(static_cast<std::uint32_t>(v)); }
  Value* extent32(std::size_t l) { return b_.CreateTrunc(f_.extent(s_.loops[l].extent), b_.getInt32Ty()); }
  Value* count32(const std::vector<std::size_t>& loops) {
    Value* all = i32(1);
    for (const std::size_t l : loops) all = b_.CreateMul(all, extent32(l));
    return all;
  }
  // The numbers of these loops at a point, the last the fastest.
  void set_numbers(const std::vector<std::size_t>& loops, Value* point) {
    for (std::size_t i = loops.size(); i-- > 0;) {
      Value* number = point;
      if (i > 0) {
        Value* const extent = extent32(loops[i]);
        number = b_.CreateURem(point, extent);
        point = b_.CreateUDiv(point, extent);
      }
      numbers_[loops[i]] = b_.CreateZExt(number, b_.getInt64Ty());
    }
  }
  Value* kept_number(Value* block, Value* thread) {
    Value* const mine = parts_together_ ? b_.CreateUDiv(thread, i32(parts_)) : b_.CreateURem(thread, i32(threads / parts_));
    return b_.CreateAdd(b_.CreateMul(block, i32(threads / parts_)), mine);
  }
  Value* part_number(Value* thread) { return parts_together_ ? b_.CreateURem(thread, i32(parts_)) : b_.CreateUDiv(thread, i32(threads / parts_)); }

  // A sum: of a reduction of the nest, or of a store that adds.
  struct Sum {
    const loop::Reduction* reduction = nullptr;
    const loop::Store* store = nullptr;
    const Place& place() const { return reduction ? reduction->place : store->place; }
  };
  Sum sum(std::int64_t i) const {
    const auto sums = static_cast<std::int64_t>(o_.sums.size());
    if (i < sums) return {nullptr, &s_.stores[o_.sums[static_cast<std::size_t>(i)]]};
    return {&s_.reductions[o_.reductions[static_cast<std::size_t>(i - sums)]], nullptr};
  }
  Value* start(const Sum& s) { return number(s.reduction ? identity(*s.reduction) : 0); }
  Value* join(const Sum& s, Value* a, Value* b) { return s.reduction ? joined(*s.reduction, a, b) : b_.CreateFAdd(a, b); }
  bool varies(const loop::Guard& g) const {
    return std::any_of(reduced_.begin(), reduced_.end(), [&](std::size_t l) { return g.strides[l] != 0; });
  }
  std::vector<loop::Guard> guards(const Sum& s, bool varying) const {
    std::vector<loop::Guard> out;
    if (s.store)
      for (const loop::Guard& g : s.store->guards)
        if (varies(g) == varying) out.push_back(g);
    return out;
  }

  // Calls that have the same value at every point, such as the powers of adam: the first thread of a block makes them for all.
  void find_shared() {
    for (const loop::Element& e : s_.body) {
      bool same = e.op != ElementOp::load && e.op != ElementOp::target && e.op != ElementOp::row_weight && e.op != ElementOp::code && e.op != ElementOp::mask && e.op != ElementOp::position;
      bool constant = e.op == ElementOp::constant || !e.args.empty();
      for (const loop::ElementId arg : e.args) {
        same = same && same_[static_cast<std::size_t>(arg.index)];
        constant = constant && constant_[static_cast<std::size_t>(arg.index)];
      }
      if (same && !constant && e.op == ElementOp::call && !e.boolean) shared_calls_.push_back(same_.size());
      same_.push_back(same);
      constant_.push_back(constant);
    }
    if (!shared_calls_.empty()) each_ = 16;
  }
  void share_calls(Value* thread, Value* shared) {
    f_.when(b_.CreateICmpEQ(thread, i32(0)), [&] {
      for (std::size_t e = 0; e < s_.body.size(); ++e)
        if (same_[e]) held_[e] = compute(s_.body[e], false);
      for (std::size_t i = 0; i < shared_calls_.size(); ++i) b_.CreateStore(held_[shared_calls_[i]], slot(shared, 0, i32(static_cast<std::int64_t>(i))));
    });
  }

  void point() {  // all elements, and the stores of this point
    compute_all();
    store_all();
  }
  void compute_all() {
    for (std::size_t e = 0; e < s_.body.size(); ++e) {
      const auto call = std::find(shared_calls_.begin(), shared_calls_.end(), e);
      held_[e] = call == shared_calls_.end() ? compute(s_.body[e], false) : b_.CreateLoad(real(), slot(shared_, 0, i32(call - shared_calls_.begin())));
    }
  }
  void store_all() {
    for (const std::size_t i : o_.stores) store(s_.stores[i].place, s_.stores[i].guards, false, held(s_.stores[i].value));
    if (parts_ == 1 && reduced_.empty())
      for (const std::size_t i : o_.sums) store(s_.stores[i].place, s_.stores[i].guards, true, held(s_.stores[i].value));
  }

  bool many_points() const {
    std::int64_t count = 1;
    bool rows = false;
    for (const std::size_t l : kept_) count *= s_.loops[l].extent.count, rows = rows || s_.loops[l].extent.rows;
    return one_store_a_point() && rows && count >= 512 && s_.body.size() <= 24;
  }
  bool one_store_a_point() const { return reduced_.empty() && apart_.empty(); }   // of each store
  // Sums over rows beside each other: a thread sums a stretch of the rows, so that threads read together what lies together, and a second kernel joins the stretches in order.
  void write_stretches(const std::string& name, std::vector<Launch>& launches) {
    llvm::Type* const type = llvm::ArrayType::get(real(), static_cast<std::uint64_t>(stretches * sums_ * stretched_));
    auto* const memory = new llvm::GlobalVariable(f_.module, type, false, llvm::GlobalValue::InternalLinkage, llvm::Constant::getNullValue(type), name + "_stretches", nullptr, llvm::GlobalValue::NotThreadLocal, f_.space);
    memory->setAlignment(llvm::Align(16));
    const auto partial = [&](std::int64_t sum, Value* stretch, Value* kept) {
      return b_.CreateInBoundsGEP(real(), memory, b_.CreateAdd(b_.CreateMul(b_.CreateAdd(i32(sum * stretches), stretch), i32(stretched_)), kept));
    };
    const auto point = [&](Value* block, Value* thread) { return b_.CreateAdd(b_.CreateMul(block, i32(threads)), thread); };
    Launch launch;
    launch.together = threads;
    launch.kernel = name;
    launch.points.count = stretches * stretched_;
    launches.push_back(launch);
    write_entry(f_, name, 0, [&](Value* block, Value* thread, Value*) {
      Value* const at = point(block, thread);
      f_.when(b_.CreateICmpULT(at, i32(stretches * stretched_)), [&] {
        Value *const kept = b_.CreateURem(at, i32(stretched_)), *const stretch = b_.CreateUDiv(at, i32(stretched_));
        set_numbers(kept_, kept);
        Value *const all = count32(reduced_), *const length = b_.CreateUDiv(b_.CreateAdd(all, i32(stretches - 1)), i32(stretches)), *const first = b_.CreateMul(stretch, length);
        Value* const rest = b_.CreateSelect(b_.CreateICmpULT(first, all), b_.CreateSub(all, first), i32(0));
        Value* const count = b_.CreateSelect(b_.CreateICmpULT(rest, length), rest, length);
        const std::vector<llvm::AllocaInst*> sums = add_up(count, [&](Value* i) { return b_.CreateAdd(first, i); });
        for (std::int64_t r = 0; r < sums_; ++r) b_.CreateStore(b_.CreateLoad(real(), sums[static_cast<std::size_t>(r)]), partial(r, stretch, kept));
      });
    });
    launch.kernel = name + "s";
    launch.points.count = stretched_;
    launches.push_back(launch);
    write_entry(f_, launch.kernel, 0, [&](Value* block, Value* thread, Value*) {
      Value* const kept = point(block, thread);
      f_.when(b_.CreateICmpULT(kept, i32(stretched_)), [&] {
        set_numbers(kept_, kept);
        for (std::int64_t r = 0; r < sums_; ++r) {
          const Sum s = sum(r);
          llvm::AllocaInst* const all = variable();
          b_.CreateStore(start(s), all);
          f_.repeat(b_.getInt64(stretches), [&](Value* i) {
            b_.CreateStore(join(s, b_.CreateLoad(real(), all), b_.CreateLoad(real(), partial(r, b_.CreateTrunc(i, b_.getInt32Ty()), kept))), all);
          }, 16);
          give(s, b_.CreateLoad(real(), all));
        }
      });
    });
  }

  // Points of a thread from that block on, a block apart: all are read before one is written, so that they do not wait for each other. A thread reads
  // its first point again for one that is beyond the last: what another thread writes is not its own to read.
  void several(Value* block, Value* thread) {
    struct Point {
      Value* inside;
      std::vector<Value*> numbers, held;
    };
    Value *const first = kept_number(block, thread), *const count = count32(kept_);
    f_.when(b_.CreateICmpULT(first, count), [&] {
      std::vector<Point> points;
      for (std::int64_t i = 0; i < points_together; ++i) {
        Value *const kept = i == 0 ? first : kept_number(b_.CreateAdd(block, i32(i)), thread), *const inside = i == 0 ? nullptr : b_.CreateICmpULT(kept, count);
        set_numbers(kept_, inside ? b_.CreateSelect(inside, kept, first) : kept);
        compute_all();
        points.push_back({inside, numbers_, held_});
      }
      for (const Point& point : points) {
        numbers_ = point.numbers;
        held_ = point.held;
        f_.when(point.inside, [&] { store_all(); });
      }
    });
  }

  void before(Value* block, Value* thread, Value* shared) {
    Value* const kept = kept_number(block, thread);
    f_.when(b_.CreateICmpULT(kept, count32(kept_)), [&] {
      set_numbers(kept_, kept);
      set_numbers(apart_, b_.CreateTrunc(f_.number, b_.getInt32Ty()));
      if (reduced_.empty()) return point();
      Value *const first = parts_ == 1 ? i32(0) : part_number(thread), *const all = count32(reduced_);
      Value* const rest = b_.CreateSelect(b_.CreateICmpULT(first, all), b_.CreateUDiv(b_.CreateAdd(b_.CreateSub(all, first), i32(parts_ - 1)), i32(parts_)), i32(0));
      const std::vector<llvm::AllocaInst*> sums = add_up(rest, [&](Value* i) { return b_.CreateAdd(first, b_.CreateMul(i, i32(parts_))); });
      for (std::int64_t r = 0; r < sums_; ++r) {
        Value* const value = b_.CreateLoad(real(), sums[static_cast<std::size_t>(r)]);
        if (parts_ == 1) give(sum(r), value);
        else b_.CreateStore(value, slot(shared, r, thread));
      }
    });
  }
  // The sums of `count` terms at the point that is set, of which place(i) is the number of the i-th.
  std::vector<llvm::AllocaInst*> add_up(Value* count, const std::function<Value*(Value*)>& place) {
    std::vector<llvm::AllocaInst*> sums;
    for (std::int64_t i = 0; i < sums_; ++i) {
      sums.push_back(variable());
      b_.CreateStore(start(sum(i)), sums.back());
    }
    f_.repeat(b_.CreateZExt(count, b_.getInt64Ty()), [&](Value* i) {
      set_numbers(reduced_, place(b_.CreateTrunc(i, b_.getInt32Ty())));
      point();
      for (std::int64_t r = 0; r < sums_; ++r) {
        const Sum s = sum(r);
        Value* value = held(s.reduction ? s.reduction->value : s.store->value);
        if (Value* const inside = all_inside(guards(s, true))) value = b_.CreateSelect(inside, value, start(s));
        llvm::AllocaInst* const at = sums[static_cast<std::size_t>(r)];
        b_.CreateStore(join(s, b_.CreateLoad(real(), at), value), at);
      }
    }, terms_together());
    return sums;
  }
  // Terms whose loads are under way at the same time; only where nothing is written between them.
  unsigned terms_together() const { return !o_.stores.empty() ? 1 : s_.body.size() <= 16 ? 8 : s_.body.size() <= 64 ? 4 : 1; }
  llvm::AllocaInst* variable() {
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    b_.SetInsertPoint(&f_.self->getEntryBlock(), f_.self->getEntryBlock().begin());
    return b_.CreateAlloca(real());
  }
  Value* slot(Value* shared, std::int64_t sum, Value* thread) { return b_.CreateInBoundsGEP(real(), shared, b_.CreateAdd(i32(sum * threads), thread)); }
  void give(const Sum& s, Value* value) { store(s.place(), guards(s, false), s.store != nullptr, value); }

  // The first part joins all, in order.
  void after(Value* block, Value* thread, Value* shared) {
    Value* const kept = kept_number(block, thread);
    Value* const mine = b_.CreateAnd(b_.CreateICmpEQ(part_number(thread), i32(0)), b_.CreateICmpULT(kept, count32(kept_)));
    f_.when(mine, [&] {
      set_numbers(kept_, kept);
      set_numbers(apart_, b_.CreateTrunc(f_.number, b_.getInt32Ty()));
      for (std::int64_t r = 0; r < sums_; ++r) {
        const Sum s = sum(r);
        llvm::AllocaInst* const all = variable();
        b_.CreateStore(b_.CreateLoad(real(), slot(shared, r, thread)), all);
        f_.repeat(b_.getInt64(static_cast<std::uint64_t>(parts_ - 1)), [&](Value* i) {
          Value* const part = b_.CreateMul(b_.CreateAdd(b_.CreateTrunc(i, b_.getInt32Ty()), i32(1)), i32(parts_together_ ? 1 : threads / parts_));
          b_.CreateStore(join(s, b_.CreateLoad(real(), all), b_.CreateLoad(real(), slot(shared, r, b_.CreateAdd(thread, part)))), all);
        });
        give(s, b_.CreateLoad(real(), all));
      }
    });
  }

  const Outputs o_;
  std::vector<std::size_t> kept_, reduced_, apart_;
  std::vector<char> same_, constant_;          // by element: at every point; always
  std::vector<std::size_t> shared_calls_;      // elements
  std::int64_t each_ = 1;                      // points of a thread
  Value* shared_ = nullptr;                    // their values
  std::int64_t sums_ = 0, parts_ = 1;          // parts of each sum, a thread each
  std::int64_t stretched_ = 0;                 // points, where rows are summed in stretches
  bool parts_together_ = false;                // threads that follow each other take parts of one sum
};

// Look-ups in tables.
class LookupKernel {
 public:
  LookupKernel(NetworkFrame& frame, const Step& step) : f_(frame), b_(frame.b), s_(step) {}

  void write(const std::string& name, std::vector<Launch>& launches) {
    const bool scatters = s_.kind == StepKind::scatter || s_.kind == StepKind::scatter_bag;
    Launch launch;
    launch.kernel = name;
    launch.together = threads;
    if (scatters) launch.points = {together() * s_.width, false};
    else launch.points = {s_.width, true};
    write_entry(f_, name, 0, [&](Value* block, Value* thread, Value*) {
      Value* const point = b_.CreateZExt(b_.CreateAdd(b_.CreateMul(block, b_.getInt32(threads)), thread), b_.getInt64Ty());
      scatters ? scatter(point) : gather(point);
    });
    launches.push_back(launch);
  }

 private:
  std::int64_t together() const { return std::max<std::int64_t>(1, scatter_threads / s_.width); }  // table rows that are summed at the same time
  bool bags() const { return s_.kind == StepKind::gather_bag || s_.kind == StepKind::scatter_bag; }
  Value* i64(std::int64_t v) { return b_.getInt64(static_cast<std::uint64_t>(v)); }
  Value* address(const Place& p, Value* row, Value* element) {
    Value* const offset = row && !p.strides.empty() ? b_.CreateMul(row, i64(p.strides[0])) : i64(0);
    return b_.CreateInBoundsGEP(b_.getFloatTy(), f_.base(p.buffer), b_.CreateAdd(b_.CreateAdd(offset, i64(p.offset)), element));
  }
  Value* read(Value* at) { return b_.CreateAlignedLoad(b_.getFloatTy(), at, llvm::Align(4)); }

  // The row of the table, and whether there is one.
  std::pair<Value*, Value*> index(Value* row) {
    if (s_.integer >= 0) {
      Value* const codes = f_.array_element(mlp_network_call_field::codes, s_.integer, f_.pointer());
      Value* const code = b_.CreateSExt(b_.CreateLoad(b_.getInt32Ty(), b_.CreateInBoundsGEP(b_.getInt32Ty(), codes, row)), b_.getInt64Ty());
      return {code, b_.CreateICmpSGE(code, i64(0))};
    }
    Value *const number = read(address(s_.b, row, i64(0))), *const zero = llvm::ConstantFP::get(b_.getFloatTy(), 0);
    Value* const inside = b_.CreateAnd(b_.CreateFCmpOGE(number, zero), b_.CreateFCmpOLT(number, llvm::ConstantFP::get(b_.getFloatTy(), static_cast<double>(s_.m.count))));
    return {b_.CreateFPToSI(b_.CreateSelect(inside, number, zero), b_.getInt64Ty()), inside};
  }
  // Makes body(index, value) for each term of the row's bag.
  void each_term(Value* row, const std::function<void(Value*, Value*)>& body) {
    Value* const bag = b_.CreateInBoundsGEP(f_.abi.mlp_bag, f_.array_element(mlp_network_call_field::bags, s_.integer, f_.pointer()), row);
    Value* const terms = b_.CreateLoad(f_.pointer(), b_.CreateStructGEP(f_.abi.mlp_bag, bag, mlp_bag_field::terms));
    Value* const count = b_.CreateLoad(b_.getInt64Ty(), b_.CreateStructGEP(f_.abi.mlp_bag, bag, mlp_bag_field::size));
    f_.repeat(count, [&](Value* i) {
      Value* const term = b_.CreateInBoundsGEP(f_.abi.mlp_term, terms, i);
      body(b_.CreateLoad(b_.getInt64Ty(), b_.CreateStructGEP(f_.abi.mlp_term, term, mlp_term_field::term)),
           b_.CreateFPTrunc(b_.CreateLoad(b_.getDoubleTy(), b_.CreateStructGEP(f_.abi.mlp_term, term, mlp_term_field::value)), b_.getFloatTy()));
    });
  }
  void add(Value* to, Value* value) { b_.CreateAlignedStore(b_.CreateFAdd(read(to), value), to, llvm::Align(4)); }

  // A thread for each float of the result.
  void gather(Value* point) {
    f_.when(b_.CreateICmpULT(point, b_.CreateMul(f_.rows, i64(s_.width))), [&] {
      Value *const row = b_.CreateUDiv(point, i64(s_.width)), *const element = b_.CreateURem(point, i64(s_.width)), *const to = address(s_.c, row, element);
      const auto entry = [&](Value* index) { return address(s_.a, nullptr, b_.CreateAdd(b_.CreateMul(index, i64(s_.width)), element)); };
      b_.CreateAlignedStore(llvm::ConstantFP::get(b_.getFloatTy(), 0), to, llvm::Align(4));
      if (bags()) return each_term(row, [&](Value* term, Value* value) { add(to, b_.CreateFMul(value, read(entry(term)))); });
      const auto [at, inside] = index(row);
      f_.when(inside, [&, at = at] { b_.CreateAlignedStore(read(entry(at)), to, llvm::Align(4)); });
    });
  }

  // A thread for one column of every so-manieth row of the table: it sees all rows of the batch in their order, and adds what is its own.
  void scatter(Value* point) {
    Value *const mine = b_.CreateUDiv(point, i64(s_.width)), *const element = b_.CreateURem(point, i64(s_.width));
    f_.when(b_.CreateICmpULT(mine, i64(together())), [&] {
      const auto put = [&](Value* row, Value* at, Value* inside, Value* times) {
        Value* const own = b_.CreateICmpEQ(b_.CreateURem(at, i64(together())), mine);
        f_.when(inside ? b_.CreateAnd(inside, own) : own, [&] {
          Value* const value = read(address(s_.a, row, element));
          add(address(s_.c, nullptr, b_.CreateAdd(b_.CreateMul(at, i64(s_.width)), element)), times ? b_.CreateFMul(times, value) : value);
        });
      };
      f_.repeat(f_.rows, [&](Value* row) {
        if (bags()) return each_term(row, [&](Value* term, Value* value) { put(row, term, nullptr, value); });
        const auto [at, inside] = index(row);
        put(row, at, inside, nullptr);
      });
    });
  }

  NetworkFrame& f_;
  llvm::IRBuilder<>& b_;
  const Step& s_;
};

}  // namespace

bool numbers_launches(const Step& nest) {
  const std::vector<Outputs> all = outputs_of(nest);
  return std::any_of(all.begin(), all.end(), [](const Outputs& o) { return !o.apart.empty(); });
}

void write_nest(NetworkFrame& frame, const Step& nest, const std::string& name, std::vector<Launch>& launches) {
  char part = 'a';
  std::vector<Outputs> all = outputs_of(nest);
  for (Outputs& o : all) NestKernel(frame, nest, std::move(o)).write(all.size() == 1 ? name : name + part++, launches);
}

void write_lookup(NetworkFrame& frame, const Step& step, const std::string& name, std::vector<Launch>& launches) { LookupKernel(frame, step).write(name, launches); }

}  // namespace mlp::codegen
