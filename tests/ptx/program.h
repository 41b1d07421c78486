// PTX as instructions of a machine with warps of 32 threads.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/ptx/memory.h"

namespace mlp::ptx {

constexpr int lanes = 32;
using Lanes = std::array<std::uint64_t, lanes>;       // a register of a warp: bits, above them zeros or the sign

struct Instruction;
// Computes for the lanes of a mask.
using Operation = void (*)(Lanes* registers, const Instruction&, std::uint32_t mask);
enum class Does : std::uint8_t { compute, load, store, branch, barrier, warp_barrier, leave };
enum class Space : std::uint8_t { generic, global, shared, local, parameter };
// Where generic addresses of other spaces than global begin.
constexpr std::uint64_t window_bits = 56;
constexpr std::uint64_t window(Space space) { return static_cast<std::uint64_t>(space) << window_bits; }

struct Instruction {
  Does does = Does::compute;
  Operation operation = nullptr;
  std::array<int, 4> to{}, from{};                    // numbers of registers; what is stored is in `to`, at the address in from[0]
  int count = 1;                                      // of the values that are loaded, stored, joined or taken apart
  int bytes = 0;                                      // of each
  bool is_signed = false, unchanged = false;          // loaded: with its sign; what the launch does not write
  Space space = Space::generic;
  std::int64_t offset = 0;                            // from the address
  int predicate = -1;                                 // runs where it holds, or does not
  bool unless = false;
  int target = -1;                                    // of a branch
  int line = 0;
};

struct Parameter {
  std::size_t at, bytes;
};
struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  std::size_t parameter_bytes = 0, shared_bytes = 0, local_bytes = 0;
  std::vector<Instruction> code;
  int registers = 0;
  std::vector<std::pair<int, std::uint64_t>> constants;   // registers that always hold them
  int thread = -1, block = -1, threads = -1, blocks = -1;  // registers that hold a special one, or -1
};

class Program {
 public:
  // Throws Error with the line that is not understood.
  explicit Program(std::string_view text);
  const Kernel* find(const std::string& name) const;
  // Variables of the module by name, at their addresses: to be added to the memory.
  const std::map<std::string, std::vector<std::uint64_t>>& variables() const { return variables_; }

 private:
  friend class Parser;
  std::map<std::string, Kernel> kernels_;
  std::map<std::string, std::vector<std::uint64_t>> variables_;
};

struct Known {
  Operation operation;
  std::size_t operands;                               // the result among them
};
// Null where it is unknown. An instruction by its whole name: add.s32, cvt.rn.f32.f64.
const Known* find_operation(const std::string& name);
Operation joins(int parts), parts_of(int parts);      // mov of {…}

// What cuLaunchKernel is given, one after the other.
std::vector<std::uint8_t> parameters_of(const Kernel& kernel, void** arguments);

// Throws Error, which says in which line.
void run(const Kernel& kernel, std::int64_t blocks, int threads, const std::vector<std::uint8_t>& parameters, Memory& memory);

}  // namespace mlp::ptx
