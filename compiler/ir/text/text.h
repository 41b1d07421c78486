// The text form that every IR shares: one record a line, `kind %id key=value ...`; fields at their default are left
// out. Writer and reader are driven by the same `fields(archive)` member of each node, so what prints parses back.
//   value: 12 · 1.5e-07 (doubles in the shortest exact form) · "text" · true · word (enum) · %7 or _ (id) · @0:12-17 (span) ·
//          [value, ...] · {key=value ...}
#pragma once
#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/span.h"

namespace mlp::ir {

using mlp::Id;

// An enum opts in by a specialisation of enum_words: the words in order of the enumerators.
template <class E>
struct enum_words;  // static constexpr std::string_view words[] = {...};
#define MLP_WORDS(type, ...) template <> struct enum_words<type> { static constexpr std::string_view words[] = {__VA_ARGS__}; }

struct TextError : std::runtime_error {
  TextError(int line, const std::string& what) : std::runtime_error("line " + std::to_string(line) + ": " + what) {}
};

std::string quote(std::string_view text);           // C-like escapes, all other bytes as they are
std::string exact(double value);                    // shortest text that reads back to the same bits; inf, -inf, nan

class Writer {
 public:
  template <class Node>
  void record(std::string_view kind, std::int32_t id, const Node& node) {
    out_ += kind;
    if (id >= 0) out_ += " %" + std::to_string(id);
    static const Node fresh{};
    write_fields(node, fresh, ' ');
    out_ += '\n';
  }
  template <class Node>
  void records(std::string_view kind, const std::vector<Node>& nodes) {
    for (std::size_t i = 0; i < nodes.size(); ++i) record(kind, static_cast<std::int32_t>(i), nodes[i]);
  }
  void line(std::string_view text) { (out_ += text) += '\n'; }
  std::string take() { return std::move(out_); }

 private:
  // Visits node and a default-constructed twin in step, to leave out fields that hold their default.
  template <class Node>
  void write_fields(const Node& node, const Node& fresh, char lead) {
    std::vector<std::string> defaults;
    Collector collect{*this, defaults};
    const_cast<Node&>(fresh).fields(collect);
    std::size_t i = 0;
    bool first = lead == 0;
    auto emit = [&](std::string_view key, const auto& value) {
      const std::size_t mark = out_.size();
      if (!first) out_ += ' ';
      (out_ += key) += '=';
      const std::size_t start = out_.size();
      write(value);
      if (std::string_view(out_).substr(start) == defaults[i++]) out_.resize(mark);
      else first = false;
    };
    const_cast<Node&>(node).fields(emit);
  }
  struct Collector {
    Writer& w;
    std::vector<std::string>& into;
    template <class T>
    void operator()(std::string_view, const T& value) {
      const std::size_t mark = w.out_.size();
      w.write(value);
      into.push_back(w.out_.substr(mark));
      w.out_.resize(mark);
    }
  };

  void write(bool v) { out_ += v ? "true" : "false"; }
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void write(T v) { out_ += std::to_string(v); }
  void write(double v) { out_ += exact(v); }
  void write(const std::string& v) { out_ += quote(v); }
  void write(Span s) {
    out_ += s.known() ? "@" + std::to_string(s.source) + ":" + std::to_string(s.begin) + "-" + std::to_string(s.end) : "@";
  }
  template <class Tag>
  void write(Id<Tag> id) { out_ += id.known() ? "%" + std::to_string(id.index) : "_"; }
  template <class E>
    requires std::is_enum_v<E>
  void write(E e) { out_ += enum_words<E>::words[static_cast<int>(e)]; }
  template <class T>
  void write(const std::optional<T>& v) {
    if (v) write(*v);
    else out_ += '_';
  }
  template <class T>
  void write(const std::vector<T>& list) {
    out_ += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i) out_ += ", ";
      if constexpr (std::same_as<T, bool>) write(static_cast<bool>(list[i]));
      else write(list[i]);
    }
    out_ += ']';
  }
  template <class Node>
    requires requires(Node n, Collector& c) { n.fields(c); }
  void write(const Node& node) {
    static const Node fresh{};
    out_ += '{';
    write_fields(node, fresh, 0);
    out_ += '}';
  }

  std::string out_;
};

// Reads what Writer wrote. Throws TextError with the line for anything else.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool at_end();
  std::string peek_word();              // the record kind that comes next
  void expect_word(std::string_view word);
  void end_line();

  template <class Node>
  Node record(std::string_view kind, std::int32_t expected_id) {
    expect_word(kind);
    if (expected_id >= 0) {
      expect('%');
      std::int32_t id = -1;
      read(id);
      if (id != expected_id) fail("ids must count up from 0");
    }
    Node node{};
    read_fields(node);
    end_line();
    return node;
  }
  template <class Node>
  std::vector<Node> records(std::string_view kind) {
    std::vector<Node> nodes;
    while (!at_end() && peek_word() == kind) nodes.push_back(record<Node>(kind, static_cast<std::int32_t>(nodes.size())));
    return nodes;
  }
  [[noreturn]] void fail(const std::string& what) const { throw TextError(line_, what); }

 private:
  template <class Node>
  void read_fields(Node& node) {
    std::string key = next_key();
    auto take = [&](std::string_view name, auto& value) {
      if (key != name) return;
      read(value);
      key = next_key();
    };
    node.fields(take);
    if (!key.empty()) fail("unknown or misplaced field `" + key + "`");
  }
  std::string next_key();  // "" at the end of the record; consumes "key="
  bool accept(char c);
  void expect(char c);
  std::string word();
  void skip_blanks();

  void read(bool& v);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void read(T& v) {
    skip_blanks();
    const auto result = std::from_chars(text_.data() + pos_, text_.data() + text_.size(), v);
    if (result.ec != std::errc()) fail("a whole number is missing or out of range");
    pos_ = static_cast<std::size_t>(result.ptr - text_.data());
  }
  void read(double& v);
  void read(std::string& v);
  void read(Span& s);
  template <class Tag>
  void read(Id<Tag>& id) {
    if (accept('_')) id.index = -1;
    else {
      expect('%');
      read(id.index);
    }
  }
  template <class E>
    requires std::is_enum_v<E>
  void read(E& e) {
    const std::string w = word();
    int i = 0;
    for (std::string_view known : enum_words<E>::words) {
      if (known == w) {
        e = static_cast<E>(i);
        return;
      }
      ++i;
    }
    fail("unknown word `" + w + "`");
  }
  template <class T>
  void read(std::optional<T>& v) {
    if (accept('_')) v.reset();
    else {
      v.emplace();
      read(*v);
    }
  }
  template <class T>
  void read(std::vector<T>& list) {
    list.clear();
    expect('[');
    if (accept(']')) return;
    do {
      T item{};
      read(item);
      list.push_back(std::move(item));
    } while (accept(','));
    expect(']');
  }
  template <class Node>
    requires requires(Node n) { n.fields([](std::string_view, auto&) {}); }
  void read(Node& node) {
    expect('{');
    read_fields(node);
    expect('}');
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  int line_ = 1;
};

}  // namespace mlp::ir
