#include "runtime/values/table.h"

#include <algorithm>
#include <cstring>

#include "base/diagnostic.h"
#include "runtime/values/parse.h"

namespace mlp::values {

Layout layout_of(Scalar scalar) {
  switch (scalar) {
    case Scalar::real:
    case Scalar::real32:
      return Layout::real;
    case Scalar::boolean:
      return Layout::boolean;
    case Scalar::integer:
    case Scalar::timestamp:
    case Scalar::date:
    case Scalar::duration:
      return Layout::integer;
    case Scalar::string:
    case Scalar::category:
    case Scalar::text:
    case Scalar::id:
    case Scalar::image:
      return Layout::string;
  }
  MLP_BUG("unknown scalar");
}

mlp_string TextStore::keep(std::string_view text) {
  if (text.empty()) return {"", 0};
  if (text.size() > room_) {
    const std::size_t size = std::max<std::size_t>(text.size(), 64 << 10);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    cursor_ = blocks_.back().get();
    room_ = size;
  }
  std::memcpy(cursor_, text.data(), text.size());
  const mlp_string kept{cursor_, static_cast<std::int64_t>(text.size())};
  cursor_ += text.size();
  room_ -= text.size();
  return kept;
}

void TextStore::take(TextStore&& other) {
  blocks_.insert(blocks_.end(), std::make_move_iterator(other.blocks_.begin()), std::make_move_iterator(other.blocks_.end()));
  other = TextStore{};
}

std::int64_t ColumnData::size() const {
  switch (layout) {
    case Layout::real: return static_cast<std::int64_t>(reals.size());
    case Layout::integer: return static_cast<std::int64_t>(integers.size());
    case Layout::boolean: return static_cast<std::int64_t>(booleans.size());
    case Layout::string: return static_cast<std::int64_t>(strings.size());
  }
  MLP_BUG("unknown layout");
}

const void* ColumnData::values() const { return view().values; }

mlp_column ColumnData::view(std::int64_t first_row) const {
  const std::uint8_t* nulls = present.empty() ? nullptr : present.data() + first_row;
  switch (layout) {
    case Layout::real: return {reals.data() + first_row, nulls};
    case Layout::integer: return {integers.data() + first_row, nulls};
    case Layout::boolean: return {booleans.data() + first_row, nulls};
    case Layout::string: return {strings.data() + first_row, nulls};
  }
  MLP_BUG("unknown layout");
}

void ColumnData::append(const Cell& cell) {
  switch (layout) {
    case Layout::real: reals.push_back(cell.real); break;
    case Layout::integer: integers.push_back(cell.integer); break;
    case Layout::boolean: booleans.push_back(cell.integer != 0); break;
    case Layout::string: strings.push_back(storage.keep(cell.text)); break;
  }
  if (!present.empty()) present.push_back(1);
}

void ColumnData::append_null() {
  if (present.empty()) present.assign(static_cast<std::size_t>(size()), 1);
  present.push_back(0);
  switch (layout) {
    case Layout::real: reals.push_back(0); break;
    case Layout::integer: integers.push_back(0); break;
    case Layout::boolean: booleans.push_back(0); break;
    case Layout::string: strings.push_back({"", 0}); break;
  }
}

void ColumnData::append(ColumnData&& rows) {
  MLP_CHECK(layout == rows.layout);
  if (rows.size() == 0) return;
  if (!present.empty() || !rows.present.empty()) {
    if (present.empty()) present.assign(static_cast<std::size_t>(size()), 1);
    if (rows.present.empty()) rows.present.assign(static_cast<std::size_t>(rows.size()), 1);
    present.insert(present.end(), rows.present.begin(), rows.present.end());
  }
  reals.insert(reals.end(), rows.reals.begin(), rows.reals.end());
  integers.insert(integers.end(), rows.integers.begin(), rows.integers.end());
  booleans.insert(booleans.end(), rows.booleans.begin(), rows.booleans.end());
  strings.insert(strings.end(), rows.strings.begin(), rows.strings.end());
  storage.take(std::move(rows.storage));
}

void ColumnData::reserve(std::int64_t rows) {
  const auto n = static_cast<std::size_t>(rows);
  switch (layout) {
    case Layout::real: return reals.reserve(n);
    case Layout::integer: return integers.reserve(n);
    case Layout::boolean: return booleans.reserve(n);
    case Layout::string: return strings.reserve(n);
  }
}

void ColumnData::resize_to(std::int64_t rows) {
  const auto n = static_cast<std::size_t>(rows);
  if (present.size() > n) present.resize(n);
  if (std::find(present.begin(), present.end(), 0) == present.end()) present.clear();
  if (reals.size() > n) reals.resize(n);
  if (integers.size() > n) integers.resize(n);
  if (booleans.size() > n) booleans.resize(n);
  if (strings.size() > n) strings.resize(n);
}

Cell ColumnData::cell(std::int64_t row) const {
  const auto i = static_cast<std::size_t>(row);
  Cell out;
  switch (layout) {
    case Layout::real: out.real = reals[i]; break;
    case Layout::integer: out.integer = integers[i]; break;
    case Layout::boolean: out.integer = booleans[i]; break;
    case Layout::string: out.text = {strings[i].data, static_cast<std::size_t>(strings[i].size)}; break;
  }
  return out;
}

}  // namespace mlp::values
