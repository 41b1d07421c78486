#include "compiler/format/doc.h"

namespace mlp::formatting {
namespace {

DocPtr make(Doc::Kind kind, std::string content, std::vector<DocPtr> parts) {
  auto doc = std::make_shared<Doc>();
  doc->kind = kind;
  doc->content = std::move(content);
  doc->parts = std::move(parts);
  doc->breaks = kind == Doc::hard;
  for (const DocPtr& p : doc->parts) doc->breaks = doc->breaks || p->breaks;
  return doc;
}

int columns(const std::string& s) {
  int n = 0;
  for (const char c : s) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

struct Item {
  const Doc* doc;
  int indent;
  bool is_flat;
};

// Does an item fit into the room, with what follows it up to the next place where the line may break?
bool fits(Item first, const std::vector<Item>& rest, int room) {
  std::vector<Item> pending = {first};
  for (std::size_t next = rest.size(); room >= 0;) {
    if (pending.empty()) {
      if (next == 0) return true;
      pending.push_back(rest[--next]);
    }
    const Item item = pending.back();
    pending.pop_back();
    switch (item.doc->kind) {
      case Doc::text: room -= columns(item.doc->content); break;
      case Doc::line:
        if (!item.is_flat) return true;
        room -= columns(item.doc->content);
        break;
      case Doc::hard: return true;
      default:
        for (auto p = item.doc->parts.rbegin(); p != item.doc->parts.rend(); ++p) pending.push_back({p->get(), item.indent, item.is_flat});
    }
  }
  return false;
}

}  // namespace

DocPtr text(std::string content) { return make(Doc::text, std::move(content), {}); }
DocPtr line() { return make(Doc::line, " ", {}); }
DocPtr soft() { return make(Doc::line, "", {}); }
DocPtr hard() { return make(Doc::hard, "", {}); }
DocPtr nest(DocPtr part) { return make(Doc::nest, "", {std::move(part)}); }
DocPtr group(DocPtr part) { return make(Doc::group, "", {std::move(part)}); }
DocPtr sequence(std::vector<DocPtr> parts) { return make(Doc::sequence, "", std::move(parts)); }

std::string render(const DocPtr& doc, int indent, int width) {
  std::string out;
  int column = indent;
  std::vector<Item> pending = {{doc.get(), indent, false}};
  while (!pending.empty()) {
    const Item item = pending.back();
    pending.pop_back();
    const auto new_line = [&] {
      while (!out.empty() && out.back() == ' ') out.pop_back();
      out += '\n' + std::string(static_cast<std::size_t>(item.indent), ' ');
      column = item.indent;
    };
    switch (item.doc->kind) {
      case Doc::text:
        out += item.doc->content;
        column += columns(item.doc->content);
        break;
      case Doc::line:
        if (!item.is_flat) { new_line(); break; }
        out += item.doc->content;
        column += columns(item.doc->content);
        break;
      case Doc::hard: new_line(); break;
      case Doc::nest: pending.push_back({item.doc->parts[0].get(), item.indent + 2, item.is_flat}); break;
      case Doc::group: {
        const Item in_one_line{item.doc->parts[0].get(), item.indent, true};
        bool one_line = item.is_flat;
        if (!one_line && !item.doc->breaks) one_line = fits(in_one_line, pending, width - column);
        pending.push_back({item.doc->parts[0].get(), item.indent, one_line});
        break;
      }
      case Doc::sequence:
        for (auto p = item.doc->parts.rbegin(); p != item.doc->parts.rend(); ++p) pending.push_back({p->get(), item.indent, item.is_flat});
    }
  }
  return out;
}

std::optional<std::string> flat(const DocPtr& doc) {
  if (doc->breaks) return std::nullopt;
  return render(group(doc), 0, 1 << 30);
}

}  // namespace mlp::formatting
