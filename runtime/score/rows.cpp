#include <algorithm>
#include <cstring>

#include "base/codes/serving.h"
#include "base/diagnostic.h"
#include "runtime/score/score.h"
#include "runtime/values/parse.h"
#include "runtime/values/picture.h"

namespace mlp::score {
namespace {

// Memory for the texts of one batch, reused by the next.
class TextBlocks {
 public:
  // `readable`: of the bytes from the text on values::Texts::readable can be read.
  mlp_string keep(std::string_view text, bool readable = false) {
    constexpr std::size_t at_once = values::Texts::readable;
    if (text.size() + at_once > room_) next(text.size() + at_once);
    if (!text.empty()) {
      if (readable && text.size() <= at_once) std::memcpy(cursor_, text.data(), at_once);
      else std::memcpy(cursor_, text.data(), text.size());
    }
    const mlp_string out{cursor_, static_cast<std::int64_t>(text.size())};
    cursor_ += text.size();
    room_ -= text.size();
    return out;
  }
  void clear() {
    used_ = 0;
    room_ = 0;
    std::erase_if(blocks_, [](const Block& b) { return b.size > block_size; });  // a rare long text is not kept for ever
  }

 private:
  static constexpr std::size_t block_size = std::size_t{1} << 18;
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  void next(std::size_t wanted) {
    wanted = std::max(wanted, block_size);
    while (used_ < blocks_.size() && blocks_[used_].size < wanted) ++used_;
    if (used_ == blocks_.size()) blocks_.push_back({std::unique_ptr<char[]>(new char[wanted]), wanted});
    cursor_ = blocks_[used_].bytes.get();
    room_ = blocks_[used_++].size;
  }
  std::vector<Block> blocks_;
  std::size_t used_ = 0;
  char* cursor_ = nullptr;
  std::size_t room_ = 0;
};

struct Builder {
  values::Layout layout;
  bool nullable, constrained;
  std::vector<double> reals;
  std::vector<std::int64_t> integers;
  std::vector<std::uint8_t> booleans;
  std::vector<mlp_string> strings;
  std::vector<std::uint8_t> present;  // only of columns that may be null
  const void* data() const {
    switch (layout) {
      case values::Layout::real: return reals.data();
      case values::Layout::integer: return integers.data();
      case values::Layout::boolean: return booleans.data();
      case values::Layout::string: return strings.data();
    }
    return nullptr;
  }
  values::Cell cell(std::size_t row) const {
    values::Cell out;
    switch (layout) {
      case values::Layout::real: out.real = reals[row]; break;
      case values::Layout::integer: out.integer = integers[row]; break;
      case values::Layout::boolean: out.integer = booleans[row]; break;
      case values::Layout::string: out.text = {strings[row].data, static_cast<std::size_t>(strings[row].size)}; break;
    }
    return out;
  }
  void clear() {
    switch (layout) {
      case values::Layout::real: reals.clear(); break;
      case values::Layout::integer: integers.clear(); break;
      case values::Layout::boolean: booleans.clear(); break;
      case values::Layout::string: strings.clear(); break;
    }
    present.clear();
  }
  void resize(std::size_t rows) {
    switch (layout) {
      case values::Layout::real: reals.resize(rows); break;
      case values::Layout::integer: integers.resize(rows); break;
      case values::Layout::boolean: booleans.resize(rows); break;
      case values::Layout::string: strings.resize(rows); break;
    }
    present.resize(nullable ? rows : 0);
  }
};

std::string form_of(const Column& column) {
  switch (column.type.scalar) {
    case Scalar::boolean:
      return column.true_word.empty() ? "a bool is `true` or `false`, 1 or 0" : "this bool is `" + column.true_word + "` or `" + column.false_word + "`";
    case Scalar::integer: return "an int is a whole number of at most 64 bits: 42";
    case Scalar::real:
    case Scalar::real32: return "a float is a decimal number with a point: 3.25, 1e-3";
    case Scalar::timestamp: return "a timestamp is written 2024-01-31T09:30:00Z";
    case Scalar::date: return "a date is written 2024-01-31";
    case Scalar::duration: return "a duration is written 90s, 15m or 1:30:00";
    default: return "convert the input to UTF-8";
  }
}

}  // namespace

struct RowBuilder::Impl {
  std::vector<Column> schema;
  std::vector<std::string> null_words;
  std::vector<std::int32_t> places;
  std::vector<Builder> builders;
  std::vector<values::Reader> readers;
  std::vector<values::Constraints> constraints;
  std::vector<std::int64_t> breaches;
  std::vector<mlp_column> columns;
  TextBlocks texts;
  std::string input = "the input";
  std::optional<std::string> folder;
  std::int64_t rows = 0, before = 0;
  std::function<std::int64_t()> earlier;  // rows before those of `before`; none: 0
  std::int64_t number() const { return (earlier ? earlier() : 0) + before + rows + 1; }

  [[noreturn]] void fail(Code code, std::size_t column, const std::string& message, std::string_view value, std::string help) const {
    Failure failure(code, message, std::move(help));
    failure.diagnostic.in_data({input, number(), schema[column].name, values::printable(schema[column], value)});
    throw failure;
  }
  void null(std::size_t i) {
    const Column& column = schema[i];
    if (!column.type.nullable)
      fail(code::request_null, i, "row " + std::to_string(number()) + " has no value for `" + column.name + "`, which may not be null", "",
           "fill it in, or declare `" + column.name + " : " + mlp::spell(Type{column.type.scalar, true}) + "` in the schema and train again");
    Builder& b = builders[i];
    switch (b.layout) {
      case values::Layout::real: b.reals.push_back(0); break;
      case values::Layout::integer: b.integers.push_back(0); break;
      case values::Layout::boolean: b.booleans.push_back(0); break;
      case values::Layout::string: b.strings.push_back({"", 0}); break;
    }
    b.present.push_back(0);
  }
  // The values of a column in the next rows; false when one is bad.
  bool add(std::size_t i, const values::Texts& from) {
    Builder& b = builders[i];
    const auto before_these = static_cast<std::size_t>(rows);
    const auto grown = [&](auto& values) { return values.resize(before_these + from.rows), values.data() + before_these; };
    std::uint8_t* const present = schema[i].type.nullable ? grown(b.present) : nullptr;
    std::size_t read = 0;
    switch (b.layout) {
      case values::Layout::real: read = readers[i].reals(from, grown(b.reals), present); break;
      case values::Layout::integer: read = readers[i].integers(from, grown(b.integers), present); break;
      case values::Layout::boolean: read = readers[i].booleans(from, grown(b.booleans), present); break;
      case values::Layout::string: {
        mlp_string* const strings = grown(b.strings);
        if (schema[i].type.scalar == Scalar::image) return add_pictures(i, from, strings, present);
        read = readers[i].strings(from, strings, present);
        for (std::size_t r = 0; r < read; ++r) strings[r] = texts.keep({strings[r].data, static_cast<std::size_t>(strings[r].size)}, true);
      }
    }
    for (std::size_t r = 0; b.constrained && r < read; ++r)
      if ((!present || present[r]) && !constraints[i].broken(b.cell(before_these + r)).empty()) ++breaches[i];
    return read == from.rows;
  }
  values::Picture picture(std::size_t i, std::string_view cell) const {
    MLP_CHECK(mlp_read_picture != nullptr);
    values::Picture out;
    mlp_read_picture(cell, schema[i].image, folder ? &*folder : nullptr, out);
    return out;
  }
  void put_picture(std::size_t i, std::string_view text) {
    const values::Picture made = picture(i, text);
    if (!made.fault.empty())
      fail(code::request_picture, i, "the picture of `" + schema[i].name + "` in row " + std::to_string(number()) + " cannot be had: " + made.fault, text,
           folder ? "a cell is the path of a PNG or JPEG file, from the folder of the file that names it, or `data:image/png;base64,…`" : "send the bytes of a PNG or JPEG file in base64");
    values::Cell cell;
    cell.text = made.pixels;
    put(i, cell);
  }
  bool add_pictures(std::size_t i, const values::Texts& from, mlp_string* strings, std::uint8_t* present) {
    for (std::size_t r = 0; r < from.rows; ++r) {
      values::Cell cell;
      const values::Read read = values::read_text(schema[i], null_words, from[r], cell);
      if (read == values::Read::null && !present) return false;
      if (present) present[r] = read == values::Read::ok;
      if (read == values::Read::null) {
        strings[r] = {"", 0};
        continue;
      }
      const values::Picture made = picture(i, cell.text);
      if (!made.fault.empty()) return false;
      strings[r] = texts.keep(made.pixels);
    }
    return true;
  }
  void take(std::size_t i, values::Read read, const values::Cell& cell, std::string_view text) {
    if (read == values::Read::null) return null(i);
    const Column& column = schema[i];
    if (read == values::Read::bad_type) {
      const std::string row = std::to_string(number());
      if (is_text(column.type.scalar)) fail(code::request_not_utf8, i, "the value of `" + column.name + "` in row " + row + " is not UTF-8", text, form_of(column));
      fail(code::request_bad_value, i, values::named(column, text) + " in row " + row + " is not " + (column.type.scalar == Scalar::integer ? "an " : "a ") +
                                           mlp::spell(Type{column.type.scalar, false}) + ", as `" + column.name + "` must be", text, form_of(column));
    }
    put(i, cell);
  }
  void put(std::size_t i, const values::Cell& cell) {
    Builder& b = builders[i];
    switch (b.layout) {
      case values::Layout::real: b.reals.push_back(cell.real); break;
      case values::Layout::integer: b.integers.push_back(cell.integer); break;
      case values::Layout::boolean: b.booleans.push_back(static_cast<std::uint8_t>(cell.integer)); break;
      case values::Layout::string: b.strings.push_back(texts.keep(cell.text)); break;
    }
    added(i, cell);
  }
  void added(std::size_t i, const values::Cell& cell) {
    if (builders[i].constrained && !constraints[i].broken(cell).empty()) ++breaches[i];
    if (builders[i].nullable) builders[i].present.push_back(1);
  }
  // A text that is written plainly.
  bool add_plain(std::size_t i, std::string_view text, std::size_t readable) {
    Builder& b = builders[i];
    values::Cell cell;
    switch (b.layout) {
      case values::Layout::real:
        if (!readers[i].real(text, readable, cell.real)) return false;
        b.reals.push_back(cell.real);
        break;
      case values::Layout::integer:
        if (!readers[i].integer(text, cell.integer)) return false;
        b.integers.push_back(cell.integer);
        break;
      case values::Layout::boolean: return false;
      case values::Layout::string:
        if (!readers[i].string(text, readable)) return false;
        cell.text = text;
        b.strings.push_back(texts.keep(text, true));
    }
    added(i, cell);
    return true;
  }
};

RowBuilder::RowBuilder(const std::vector<Column>& columns, const Source& source, std::vector<std::int32_t> places) : impl_(std::make_unique<Impl>()) {
  Impl& m = *impl_;
  m.schema = columns;
  m.null_words = source.null_words;
  if (places.empty())
    for (std::size_t i = 0; i < columns.size(); ++i) places.push_back(static_cast<std::int32_t>(i));
  m.places = std::move(places);
  for (const Column& column : m.schema) {
    m.constraints.emplace_back(column);
    m.builders.push_back({values::layout_of(column.type.scalar), column.type.nullable, m.constraints.back().any(), {}, {}, {}, {}, {}});
    m.readers.emplace_back(column, m.null_words);
  }
  m.breaches.resize(m.schema.size());
  m.columns.resize(m.places.empty() ? 0 : static_cast<std::size_t>(*std::max_element(m.places.begin(), m.places.end())) + 1);
}
RowBuilder::RowBuilder(const package::Signature& signature) : RowBuilder(signature.request, signature.source, signature.request_place) {
  impl_->columns.resize(static_cast<std::size_t>(signature.schema_size));
}
RowBuilder::~RowBuilder() = default;

void RowBuilder::set_input(std::string name) { impl_->input = std::move(name); }
void RowBuilder::set_folder(std::string folder) { impl_->folder = std::move(folder); }
void RowBuilder::set_earlier(std::function<std::int64_t()> rows) { impl_->earlier = std::move(rows); }

void RowBuilder::clear() {
  impl_->before += impl_->rows;
  impl_->rows = 0;
  impl_->texts.clear();
  for (Builder& b : impl_->builders) b.clear();
}

void RowBuilder::restart() {
  clear();
  impl_->before = 0;
  std::fill(impl_->breaches.begin(), impl_->breaches.end(), 0);
}

void RowBuilder::add_text(std::size_t column, std::string_view text, std::size_t readable) {
  if (impl_->add_plain(column, text, readable)) return;
  values::Cell cell;
  const values::Read read = values::read_text(impl_->schema[column], impl_->null_words, text, cell);
  if (read == values::Read::ok && impl_->schema[column].type.scalar == Scalar::image) return impl_->put_picture(column, cell.text);
  impl_->take(column, read, cell, text);
}
void RowBuilder::add_null(std::size_t column) { impl_->null(column); }
void RowBuilder::add_number(std::size_t column, double value) {
  values::Cell cell;
  const values::Read read = values::read_number(impl_->schema[column], value, cell);
  impl_->take(column, read, cell, number_text(value));
}
void RowBuilder::add_integer(std::size_t column, std::int64_t value) {
  values::Cell cell;
  const values::Read read = values::read_integer(impl_->schema[column], value, cell);
  impl_->take(column, read, cell, std::to_string(value));
}
void RowBuilder::add_pixels(std::size_t column, std::string_view pixels) {
  values::Cell cell;
  cell.text = pixels;
  impl_->put(column, cell);
}
void RowBuilder::add_rows(const values::Texts& texts, const std::vector<std::int32_t>& column_of) {
  Impl& m = *impl_;
  const std::vector<std::int64_t> breaches = m.breaches;
  bool good = true;
  for (std::size_t place = 0; place < column_of.size() && good; ++place)
    if (column_of[place] >= 0) good = m.add(static_cast<std::size_t>(column_of[place]), {texts.base, texts.spans + place, texts.rows, texts.stride});
  if (good) {
    m.rows += static_cast<std::int64_t>(texts.rows);
    return;
  }
  // A value does not fit: once more row by row, so that the first one in the order of the input is named.
  m.breaches = breaches;
  for (std::size_t i = 0; i < m.builders.size(); ++i) m.builders[i].resize(static_cast<std::size_t>(m.rows));
  for (std::size_t row = 0; row < texts.rows; ++row) {
    for (std::size_t place = 0; place < column_of.size(); ++place)
      if (column_of[place] >= 0) add_text(static_cast<std::size_t>(column_of[place]), values::Texts{texts.base, texts.spans + place, texts.rows, texts.stride}[row]);
    end_row();
  }
}
void RowBuilder::end_row() { ++impl_->rows; }
std::int64_t RowBuilder::rows() const { return impl_->rows; }
std::int64_t RowBuilder::row_number() const { return impl_->number(); }
const std::string& RowBuilder::input() const { return impl_->input; }
const std::vector<Column>& RowBuilder::schema() const { return impl_->schema; }
const std::vector<std::int64_t>& RowBuilder::breaches() const { return impl_->breaches; }

const mlp_column* RowBuilder::columns() {
  Impl& m = *impl_;
  for (std::size_t i = 0; i < m.schema.size(); ++i)
    m.columns[static_cast<std::size_t>(m.places[i])] = {m.builders[i].data(), m.builders[i].nullable ? m.builders[i].present.data() : nullptr};
  return m.columns.data();
}

}  // namespace mlp::score
