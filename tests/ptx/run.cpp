#include <bit>
#include <cstring>
#include <optional>

#include "tests/ptx/program.h"

namespace mlp::ptx {
namespace {

// Threads of a warp that are at the same instruction.
struct Group {
  int at;
  std::uint32_t threads;
};

struct Warp {
  std::vector<Lanes> registers;
  std::vector<std::uint8_t> local;
  std::vector<Group> groups;                          // the one that is least far last
  std::vector<Group> waiting, gathered;               // behind a barrier of the block, of the warp
};

class Run {
 public:
  Run(const Kernel& kernel, std::int64_t blocks, int threads, const std::vector<std::uint8_t>& parameters, Memory& memory)
      : kernel_(kernel), parameters_(parameters), memory_(memory), warps_(static_cast<std::size_t>(threads / lanes)) {
    if (threads % lanes != 0 || threads > 256 || blocks >= static_cast<std::int64_t>(Moment::most_blocks)) throw Error("too many threads, or a part of a warp");
    now_.launch = memory.next_launch();
    for (std::int64_t block = 0; block < blocks; ++block) {
      begin(static_cast<std::uint64_t>(block), static_cast<std::uint64_t>(blocks));
      run_block();
    }
  }

 private:
  void set(Warp& warp, int at, std::uint64_t value) {
    if (at >= 0) warp.registers[static_cast<std::size_t>(at)].fill(value);
  }
  // Nothing of the block before is left.
  void begin(std::uint64_t block, std::uint64_t blocks) {
    now_.block = block;
    now_.barriers = 0;
    shared_.assign(kernel_.shared_bytes, rubbish);
    watch_.emplace(shared_.size());
    Lanes nothing;
    std::memset(nothing.data(), rubbish, sizeof nothing);
    for (std::size_t w = 0; w < warps_.size(); ++w) {
      Warp& warp = warps_[w];
      warp.registers.assign(static_cast<std::size_t>(kernel_.registers), nothing);
      warp.local.assign(kernel_.local_bytes * lanes, rubbish);
      for (const auto& [at, bits] : kernel_.constants) warp.registers[static_cast<std::size_t>(at)].fill(bits);
      set(warp, kernel_.threads, warps_.size() * lanes);
      set(warp, kernel_.blocks, blocks);
      set(warp, kernel_.block, block);
      for (std::size_t l = 0; l < lanes && kernel_.thread >= 0; ++l) warp.registers[static_cast<std::size_t>(kernel_.thread)][l] = w * lanes + l;
      warp.groups = {{0, ~0u}};
    }
  }
  void run_block() {
    for (bool waiting = true; waiting; now_.barriers = now_.barriers + 1u) {
      std::uint32_t threads = 0;
      for (std::size_t w = 0; w < warps_.size(); ++w) {
        run_warp(warps_[w], w);
        for (const Group& group : warps_[w].waiting) {
          threads += static_cast<std::uint32_t>(std::popcount(group.threads));
          if (group.at != warps_[w].waiting[0].at) fail("threads of a warp wait at different barriers");
        }
      }
      waiting = threads > 0;
      if (waiting && threads != warps_.size() * lanes) fail("threads end while others wait at a barrier");
      if (now_.barriers + 1u == Moment::most_barriers) fail("too many barriers");
      for (Warp& warp : warps_) release(warp, warp.waiting);
    }
  }

  static void join(Warp& warp, Group group) {
    auto at = warp.groups.end();
    while (at != warp.groups.begin() && (at - 1)->at < group.at) --at;
    if (at != warp.groups.begin() && (at - 1)->at == group.at) (at - 1)->threads |= group.threads;
    else warp.groups.insert(at, group);
  }

  [[noreturn]] void fail(const char* what) { throw Error(kernel_.name + ", block " + std::to_string(now_.block) + ": " + what); }

  // Until all of its threads have ended or wait. Those that are least far in the text go first, so that threads which part mostly come together again.
  void run_warp(Warp& warp, std::size_t number) {
    while (!warp.groups.empty()) {
      Group group = warp.groups.back();
      warp.groups.pop_back();
      const int other = warp.groups.empty() ? static_cast<int>(kernel_.code.size()) : warp.groups.back().at;
      while (group.threads && group.at < other) {
        const Instruction& i = kernel_.code[static_cast<std::size_t>(group.at)];
        std::uint32_t mask = group.threads;
        if (i.predicate >= 0) mask = where(warp, i, mask);
        if (i.does == Does::compute) {
          i.operation(warp.registers.data(), i, mask);
          ++group.at;
          continue;
        }
        if (i.does == Does::load || i.does == Does::store) {
          try {
            move(warp, number, i, mask);
          } catch (const Error& error) {
            throw Error(kernel_.name + ", line " + std::to_string(i.line) + ": " + error.what());
          }
          ++group.at;
          continue;
        }
        group.threads &= ~mask;
        ++group.at;
        if (i.does == Does::branch && mask) {
          if (group.threads == 0) {
            group = {i.target, mask};
            continue;
          }
          join(warp, {i.target, mask});
          break;
        }
        if (i.does == Does::barrier && mask) warp.waiting.push_back({group.at, mask});
        if (i.does == Does::warp_barrier && mask) warp.gathered.push_back({group.at, mask});
      }
      if (group.threads) {
        if (group.at >= static_cast<int>(kernel_.code.size())) fail("there is no end");
        join(warp, group);
      }
      if (warp.groups.empty() && !warp.gathered.empty()) {
        if (!warp.waiting.empty()) fail("threads wait for their warp, others of it for the block");
        release(warp, warp.gathered);
      }
    }
  }
  static void release(Warp& warp, std::vector<Group>& held) {
    for (const Group& group : held) join(warp, group);
    held.clear();
  }
  static std::uint32_t where(const Warp& warp, const Instruction& i, std::uint32_t mask) {
    const Lanes& holds = warp.registers[static_cast<std::size_t>(i.predicate)];
    std::uint32_t out = 0;
    for (std::uint32_t l = 0; l < lanes; ++l) out |= static_cast<std::uint32_t>(holds[l] & 1) << l;
    return mask & (i.unless ? ~out : out);
  }

  void move(Warp& warp, std::size_t number, const Instruction& i, std::uint32_t mask) {
    switch (i.bytes) {
      case 1: return i.is_signed ? move<std::int8_t>(warp, number, i, mask) : move<std::uint8_t>(warp, number, i, mask);
      case 2: return i.is_signed ? move<std::int16_t>(warp, number, i, mask) : move<std::uint16_t>(warp, number, i, mask);
      case 4: return i.is_signed ? move<std::int32_t>(warp, number, i, mask) : move<std::uint32_t>(warp, number, i, mask);
      default: return move<std::uint64_t>(warp, number, i, mask);
    }
  }
  template <class T>
  void move(Warp& warp, std::size_t number, const Instruction& i, std::uint32_t mask) {
    const std::size_t count = static_cast<std::size_t>(i.count), bytes = sizeof(T) * count;
    const Lanes& addresses = warp.registers[static_cast<std::size_t>(i.from[0])];
    std::uint64_t last = ~std::uint64_t{0};
    std::uint8_t* at = nullptr;
    int same = 0;                                       // lanes in a row that read there
    for (; mask; mask &= mask - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(mask));
      const std::uint64_t address = addresses[lane] + static_cast<std::uint64_t>(i.offset);
      if ((address & (bytes - 1)) != 0) throw Error("an address that is not aligned");
      now_.thread = number * lanes + lane;
      same = i.does == Does::load && address == last && i.space != Space::local ? same + 1 : 0;
      last = address;
      if (same < 2 || (address >> window_bits)) at = memory_at(warp, i, address, bytes, sizeof(T), lane);   // that there are several readers is known after two
      for (std::size_t n = 0; n < count; ++n) {
        std::uint64_t& value = warp.registers[static_cast<std::size_t>(i.to[n])][lane];
        T part = static_cast<T>(value);
        if (i.does == Does::store) {
          std::memcpy(at + n * sizeof part, &part, sizeof part);
        } else {
          std::memcpy(&part, at + n * sizeof part, sizeof part);
          value = static_cast<std::uint64_t>(static_cast<std::int64_t>(part));
        }
      }
    }
  }
  // known: bytes that must have a value; of a vector the first, since the others may be padding.
  [[gnu::always_inline]] std::uint8_t* memory_at(Warp& warp, const Instruction& i, std::uint64_t address, std::size_t bytes, std::size_t known, std::size_t lane) {
    Space space = i.space;
    if (space == Space::generic) {
      space = static_cast<Space>(address >> window_bits);
      if (space == Space::generic) space = Space::global;
      else address -= window(space);
    }
    const bool stores = i.does == Does::store;
    const auto within = [&](std::size_t size) {
      if (address > size || bytes > size - address) throw Error("an address beyond its memory");
    };
    switch (space) {
      case Space::shared:
        within(shared_.size());
        stores ? watch_->write(address, bytes, now_) : watch_->read(address, bytes, known, now_);
        return shared_.data() + address;
      case Space::local:
        within(kernel_.local_bytes);
        return warp.local.data() + lane * kernel_.local_bytes + address;
      case Space::parameter:
        within(parameters_.size());
        if (stores) throw Error("a parameter is written");
        return const_cast<std::uint8_t*>(parameters_.data()) + address;
      default: {
        std::uint8_t* const at = reinterpret_cast<std::uint8_t*>(address);
        if (!piece_ || !piece_->holds(address, bytes)) piece_ = &memory_.at(address, bytes);
        stores ? piece_->watch->write(address - piece_->from, bytes, now_) : piece_->watch->read(address - piece_->from, bytes, known, now_, i.unchanged);
        return at;
      }
    }
  }

  const Kernel& kernel_;
  const std::vector<std::uint8_t>& parameters_;
  const Memory& memory_;
  const Memory::Piece* piece_ = nullptr;             // that was used last
  std::vector<std::uint8_t> shared_;
  std::optional<Watch> watch_;                        // over shared memory
  std::vector<Warp> warps_;
  Moment now_;
  static constexpr std::uint8_t rubbish = 0xb5;
};

}  // namespace

std::vector<std::uint8_t> parameters_of(const Kernel& kernel, void** arguments) {
  std::vector<std::uint8_t> bytes(kernel.parameter_bytes);
  for (std::size_t i = 0; i < kernel.parameters.size(); ++i) std::memcpy(bytes.data() + kernel.parameters[i].at, arguments[i], kernel.parameters[i].bytes);
  return bytes;
}

void run(const Kernel& kernel, std::int64_t blocks, int threads, const std::vector<std::uint8_t>& parameters, Memory& memory) {
  Run(kernel, blocks, threads, parameters, memory);
}

}  // namespace mlp::ptx
