// Memory of a device, kept at addresses of the host, with a watch over who reads and writes it. What nobody wrote is not read. Two threads of one
// launch that use the same byte, at least one of them to write, race unless a barrier of their block stands between. (A barrier of a warp would order its
// threads too. Nothing of ours relies on that, so here it does not.)
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace mlp::ptx {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A thread of a launch (0: none) between two barriers, in one word, since there are two for each word of memory.
struct Moment {
  static constexpr std::uint64_t most_launches = 1 << 18, most_blocks = 1 << 20, most_barriers = 1 << 16;
  std::uint64_t thread : 8 = 0, flags : 2 = 0, barriers : 16 = 0, block : 20 = 0, launch : 18 = 0;
};
static_assert(sizeof(Moment) == 8);

// Who used each byte of a piece of memory last: by words of 4 bytes, until a part of one is used.
// An address is a multiple of its bytes, which are 1, 2 or a multiple of 4.
class Watch {
 public:
  explicit Watch(std::size_t bytes) : words_(zeros((bytes + 3) / 4)), in_parts_((bytes + 3) / 4) {}
  // Throw Error. The first `known` of the bytes must have a value. `unchanged`: the launch may not write there at all.
  void read(std::size_t at, std::size_t bytes, std::size_t known, const Moment& now, bool unchanged = false) {
    each(at, known, [&](Uses& of) {
      if (!of.written.flags) no_value(now);
    });
    each(at, bytes, [&](Uses& of) {
      if (of.written.launch != now.launch) {            // most often
        if (of.read.launch == now.launch && of.read.flags == of_blocks) return;
        if (of.read.launch != now.launch) {
          of.read = now;
          of.read.flags = unchanged ? of_blocks : one;
          return;
        }
      }
      read(of, now, unchanged);
    });
  }
  void write(std::size_t at, std::size_t bytes, const Moment& now) {
    each(at, bytes, [&](Uses& of) { write(of, now); });
  }
  void fill(std::size_t at, std::size_t bytes) {        // by the host
    each(at, bytes, [](Uses& of) { of.written.flags = filled; });
  }
  void forget();                                        // all launches

 private:
  enum Readers { one, of_block, of_blocks };            // flags of `read`
  static constexpr std::uint64_t filled = 1;            // flags of `written`
  struct Uses {
    Moment written, read;
  };
  struct Free {
    void operator()(Uses* uses) const { std::free(uses); }
  };
  using Several = std::unique_ptr<Uses[], Free>;
  static Several zeros(std::size_t count) {             // of which the system makes no page before it is used
    Several made(static_cast<Uses*>(std::calloc(std::max<std::size_t>(count, 1), sizeof(Uses))));
    if (!made) throw std::bad_alloc();
    return made;
  }
  template <class F>
  void each(std::size_t at, std::size_t bytes, F&& f) {
    for (const std::size_t end = at + bytes; at < end;) {
      const std::size_t word = at / 4, last = std::min(end, 4 * word + 4);
      if (last - at < 4 && !in_parts_[word]) {
        if (!bytes_) bytes_ = zeros(4 * in_parts_.size());
        in_parts_[word] = 1;
        std::fill_n(&bytes_[4 * word], 4, words_[word]);
      }
      if (!in_parts_[word]) f(words_[word]);
      else for (std::size_t i = at; i < last; ++i) f(bytes_[i]);
      at = last;
    }
  }
  [[noreturn]] static void no_value(const Moment& now);
  static void read(Uses& of, const Moment& now, bool unchanged);
  static void write(Uses& of, const Moment& now);
  Several words_, bytes_;                               // bytes: of words in parts
  std::vector<std::uint8_t> in_parts_;                  // by word: a part of it was used alone
};

class Memory {
 public:
  struct Piece {
    std::uintptr_t from = 0;
    std::size_t bytes = 0;
    std::unique_ptr<Watch> watch;
    bool holds(std::uintptr_t at, std::size_t size) const { return at >= from && at - from <= bytes && size <= bytes - (at - from); }
  };
  void add(std::uintptr_t from, std::size_t bytes, bool filled = false);   // filled: there are values
  std::size_t remove(std::uintptr_t from);            // the bytes of the piece that begins there, or 0
  void fill(std::uintptr_t from, std::size_t bytes) {
    const Piece& piece = at(from, bytes);
    piece.watch->fill(from - piece.from, bytes);
  }
  const Piece* find(std::uintptr_t from, std::size_t bytes) const;  // that holds these; or null
  const Piece& at(std::uintptr_t from, std::size_t bytes) const;    // throws Error where there is none
  std::uint64_t next_launch();

 private:
  std::map<std::uintptr_t, Piece> pieces_;
  std::uint64_t launches_ = 0;
};

}  // namespace mlp::ptx
