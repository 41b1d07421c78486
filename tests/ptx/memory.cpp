#include "tests/ptx/memory.h"

namespace mlp::ptx {
namespace {

bool before(const Moment& then, const Moment& now) {
  return then.launch != now.launch || (then.block == now.block && (then.thread == now.thread || then.barriers < now.barriers));
}
std::string text(const Moment& m) { return "thread " + std::to_string(m.thread) + " of block " + std::to_string(m.block); }
[[noreturn]] void race(const Moment& now, const char* does, const Moment& then, const char* did) { throw Error(text(now) + does + text(then) + did + ", and no barrier between"); }

}  // namespace

void Watch::no_value(const Moment& now) { throw Error(text(now) + " reads what nobody wrote"); }
void Watch::read(Uses& of, const Moment& now, bool unchanged) {
  if (unchanged && of.written.launch == now.launch) race(now, " reads as unchanged what ", of.written, " wrote");
  if (!before(of.written, now)) race(now, " reads what ", of.written, " wrote");
  Readers readers = one;
  if (of.read.launch == now.launch) {
    if (of.read.block != now.block) readers = of_blocks;
    else readers = static_cast<Readers>(of.read.flags);
    if (readers != of_blocks) readers = of.read.barriers < now.barriers ? one : of.read.thread != now.thread ? of_block : readers;
  }
  of.read = now;
  of.read.flags = unchanged ? of_blocks : readers;
}

void Watch::write(Uses& of, const Moment& now) {
  if (!before(of.written, now)) race(now, " writes where ", of.written, " wrote");
  const bool others = of.read.flags == of_blocks || (of.read.flags == of_block && of.read.barriers >= now.barriers);
  if (!before(of.read, now) || (of.read.launch == now.launch && others)) race(now, " writes what ", of.read, " or another reads");
  of.written = now;
  of.written.flags = filled;
}

void Watch::forget() {
  each(0, 4 * in_parts_.size(), [](Uses& of) {
    const std::uint64_t has = of.written.flags;
    of = {};
    of.written.flags = has;
  });
}

void Memory::add(std::uintptr_t from, std::size_t bytes, bool filled) {
  pieces_[from] = {from, bytes, std::make_unique<Watch>(bytes)};
  if (filled) fill(from, bytes);
}
std::size_t Memory::remove(std::uintptr_t from) {
  const auto found = pieces_.find(from);
  if (found == pieces_.end()) return 0;
  const std::size_t bytes = found->second.bytes;
  pieces_.erase(found);
  return bytes;
}
const Memory::Piece* Memory::find(std::uintptr_t from, std::size_t bytes) const {
  auto after = pieces_.upper_bound(from);
  if (after == pieces_.begin()) return nullptr;
  const Piece& piece = (--after)->second;
  return piece.holds(from, bytes) ? &piece : nullptr;
}
const Memory::Piece& Memory::at(std::uintptr_t from, std::size_t bytes) const {
  const Piece* const piece = find(from, bytes);
  if (!piece) throw Error("there are no " + std::to_string(bytes) + " bytes of memory at " + std::to_string(from));
  return *piece;
}
std::uint64_t Memory::next_launch() {
  if (++launches_ == Moment::most_launches) {
    for (auto& [from, piece] : pieces_) piece.watch->forget();
    launches_ = 1;
  }
  return launches_;
}

}  // namespace mlp::ptx
