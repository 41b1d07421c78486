#include "compiler/diag/fix.h"

#include <algorithm>

namespace mlp::diag {

Fixed apply_fixes(const std::vector<Diagnostic>& list, const SourceMap& sources, std::int32_t source) {
  const std::string_view text = sources.text(source);
  Fixed out;
  std::vector<const Edit*> taken;
  const auto apart = [](const Edit& a, const Edit& b) {  // two insertions at one place have no order
    return a.span.end <= b.span.begin ? a.span.begin < b.span.begin || a.span.end < b.span.end : b.span.end <= a.span.begin && b.span.begin < a.span.begin;
  };
  for (const Diagnostic& d : list) {
    bool fits = !d.fix.empty();
    for (std::size_t i = 0; i < d.fix.size() && fits; ++i) {
      const Edit& edit = d.fix[i];
      fits = edit.span.source == source && edit.span.begin <= edit.span.end && edit.span.end <= text.size();
      for (const Edit* other : taken) fits = fits && apart(edit, *other);
      for (std::size_t j = 0; j < i; ++j) fits = fits && apart(edit, d.fix[j]);
    }
    if (!fits) continue;
    for (const Edit& edit : d.fix) taken.push_back(&edit);
    out.applied.push_back(&d);
  }
  std::sort(taken.begin(), taken.end(), [](const Edit* a, const Edit* b) { return std::pair(a->span.begin, a->span.end) < std::pair(b->span.begin, b->span.end); });
  std::size_t from = 0;
  for (const Edit* edit : taken) {
    out.text.append(text.substr(from, edit->span.begin - from)).append(edit->replacement);
    from = edit->span.end;
  }
  out.text.append(text.substr(from));
  std::stable_sort(out.applied.begin(), out.applied.end(), [](const Diagnostic* a, const Diagnostic* b) { return a->span.begin < b->span.begin; });
  return out;
}

}  // namespace mlp::diag
