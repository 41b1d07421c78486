#include "runtime/data/census.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/codes/data.h"
#include "base/diagnostic.h"
#include "runtime/values/parse.h"

namespace mlp::data {

struct ByteSource::Inflater {
  z_stream stream{};
  std::array<char, 1 << 16> input;
  bool member_open = true, file_done = false;
  Inflater() { MLP_CHECK(inflateInit2(&stream, 15 + 16) == Z_OK); }
  ~Inflater() { inflateEnd(&stream); }
};

ByteSource::ByteSource(const std::filesystem::path& path, Sha256* digest) : path_(path), digest_(digest) {
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about {};
  if (fd_ < 0 || ::fstat(fd_, &about) != 0) {
    const int error = errno;
    if (fd_ >= 0) ::close(fd_);
    throw Failure(error == ENOENT || error == ENOTDIR ? code::data_file_missing : code::data_file_unreadable,
                  "cannot read `" + path.string() + "`: " + std::strerror(error));
  }
  if (S_ISDIR(about.st_mode)) {
    ::close(fd_);
    throw Failure(code::data_file_unreadable, "`" + path.string() + "` is a directory", "name a file in it, or all of them with `" + (path / "*.csv").string() + "`");
  }
  char first[2];
  try {
    const std::size_t n = read_raw(first, 2);
    peeked_.assign(first, n);
    if (n == 2 && static_cast<unsigned char>(first[0]) == 0x1F && static_cast<unsigned char>(first[1]) == 0x8B) inflater_ = std::make_unique<Inflater>();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}
ByteSource::~ByteSource() { ::close(fd_); }

std::size_t ByteSource::read_raw(char* out, std::size_t size) {
  const std::size_t first = std::min(size, peeked_.size());
  std::memcpy(out, peeked_.data(), first);
  peeked_.erase(0, first);
  std::size_t done = first;
  while (done < size) {
    const ssize_t n = ::read(fd_, out + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Failure(code::data_file_unreadable, "cannot read `" + path_.string() + "`: " + std::strerror(errno));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  if (digest_ != nullptr) digest_->add({out + first, done - first});
  return done;
}

std::size_t ByteSource::read(char* out, std::size_t size) {
  if (!inflater_) return read_raw(out, size);
  Inflater& in = *inflater_;
  in.stream.next_out = reinterpret_cast<Bytef*>(out);
  in.stream.avail_out = static_cast<uInt>(size);
  const auto broken = [&](const std::string& why) {
    return Failure(code::data_gzip_broken, "`" + path_.string() + "` is not a whole gzip file: " + why, "copy the file again; `gzip -t` checks it");
  };
  while (in.stream.avail_out > 0) {
    if (in.stream.avail_in == 0 && !in.file_done) {
      in.stream.next_in = reinterpret_cast<Bytef*>(in.input.data());
      in.stream.avail_in = static_cast<uInt>(read_raw(in.input.data(), in.input.size()));
      in.file_done = in.stream.avail_in == 0;
    }
    if (in.stream.avail_in == 0 && in.file_done) {
      if (in.member_open) throw broken("it ends too early");
      break;
    }
    if (!in.member_open) {  // another member follows
      MLP_CHECK(inflateReset(&in.stream) == Z_OK);
      in.member_open = true;
    }
    const int state = inflate(&in.stream, Z_NO_FLUSH);
    if (state == Z_STREAM_END) in.member_open = false;
    else if (state != Z_OK && state != Z_BUF_ERROR) throw broken(in.stream.msg != nullptr ? in.stream.msg : "damaged data");
  }
  return size - in.stream.avail_out;
}

namespace {

constexpr std::size_t piece = 1 << 20;

// A growing window over a ByteSource that always begins at a record.
class Window {
 public:
  explicit Window(ByteSource& source) : source_(source), buffer_(piece) {}
  std::string_view text() const { return {buffer_.data() + begin_, end_ - begin_}; }
  bool at_end() const { return done_; }
  void skip(std::size_t size) { begin_ += size; }
  void more() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ * 2 > buffer_.size()) buffer_.resize(buffer_.size() * 2);
    const std::size_t n = source_.read(buffer_.data() + end_, buffer_.size() - end_);
    end_ += n;
    done_ = n == 0;
  }

 private:
  ByteSource& source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  bool done_ = false;
};

struct LineEnds {
  bool lf = false, crlf = false, cr = false;
  bool uneven() const { return lf + crlf + cr > 1; }
};

// Takes one record off the front of `text`: its length with the line end, or 0 when the text ends too early.
std::size_t take_record(std::string_view text, char delimiter, bool last, Record& out, LineEnds& ends) {
  static thread_local std::array<bool, 256> stop{};
  static thread_local char stop_for = '\0';
  if (stop_for != delimiter) {
    stop.fill(false);
    for (const char c : {delimiter, '\n', '\r'}) stop[static_cast<unsigned char>(c)] = true;
    stop_for = delimiter;
  }
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* p = begin;
  out = Record{};
  out.fields = 1;
  while (true) {  // one field a turn
    if (p < end && *p == '"') {
      ++p;
      while (true) {
        p = static_cast<const char*>(std::memchr(p, '"', static_cast<std::size_t>(end - p)));
        if (p == nullptr || p + 1 == end) break;
        if (p[1] != '"') break;
        p += 2;
      }
      if (p == nullptr) {
        if (!last) return 0;
        out.open_quote = true;
        out.flaw = Flaw::quoting;
        out.bytes = text;
        return text.size();
      }
      ++p;
      if (p == end && !last) return 0;
      if (p < end && !stop[static_cast<unsigned char>(*p)]) out.flaw = Flaw::quoting;  // "a"b
    } else if (p < end && *p == ' ') {
      while (p < end && *p == ' ') ++p;
      if (p < end && *p == '"') out.flaw = Flaw::quoting;  // , "a": readers differ on what that means
    }
    while (p < end && !stop[static_cast<unsigned char>(*p)]) ++p;
    if (p < end && *p == delimiter) {
      ++p;
      ++out.fields;
      continue;
    }
    break;
  }
  if (p == end && !last) return 0;
  if (p < end && *p == '\r' && p + 1 == end && !last) return 0;
  out.bytes = {begin, static_cast<std::size_t>(p - begin)};
  if (p < end) {
    if (*p == '\n') ends.lf = true, ++p;
    else if (p + 1 < end && p[1] == '\n') ends.crlf = true, p += 2;
    else ends.cr = true, ++p;
  }
  return static_cast<std::size_t>(p - begin);
}

// The delimiter that gives the first records equal numbers of fields, and more than one; the most fields win a tie.
char find_delimiter(std::string_view text, bool last) {
  char best = ',';
  std::int64_t best_agree = 0, best_fields = 1;
  for (const char candidate : {',', ';', '\t', '|'}) {
    std::string_view rest = text;
    std::int64_t agree = 0, fields = 0;
    Record record;
    LineEnds ends;
    for (int i = 0; i < 100 && !rest.empty(); ++i) {
      const std::size_t size = take_record(rest, candidate, last, record, ends);
      if (size == 0) break;
      rest.remove_prefix(size);
      if (record.bytes.empty()) continue;
      if (fields == 0) fields = record.fields;
      agree += record.fields == fields ? 1 : 0;
    }
    if (fields > 1 && (agree > best_agree || (agree == best_agree && fields > best_fields))) {
      best = candidate;
      best_agree = agree;
      best_fields = fields;
    }
  }
  return best;
}

// Walks through one JSON line: is it an object, each key once, and which keys has it.
class LineKeys : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool walk(std::string_view line) {
    ++line_;
    next_ = 0;
    depth_ = 0;
    doubled_ = false;
    return line.front() == '{' && nlohmann::json::sax_parse(line, this) && !doubled_;
  }
  const std::vector<std::string>& names() const { return names_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth_, true; }
  bool end_object() override { return --depth_, true; }
  bool start_array(std::size_t) override { return ++depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }
  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    // Lines mostly have the same keys in the same order.
    if (next_ >= names_.size() || names_[next_] != name) next_ = static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
    if (next_ == names_.size()) {
      names_.push_back(name);
      seen_.push_back(0);
    }
    doubled_ = doubled_ || seen_[next_] == line_;
    seen_[next_++] = line_;
    return true;
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::int64_t> seen_;  // line that had the name last
  std::int64_t line_ = 0;
  std::size_t next_ = 0;
  int depth_ = 0;
  bool doubled_ = false;
};

void note_flaw(Census& census, const Record& record) {
  if (census.flawed.empty()) census.first_flawed = std::string(record.bytes.substr(0, 200));
  census.flawed.push_back({census.records, record.flaw, record.fields});
}

void skip_bom(Window& window) {
  if (window.text().substr(0, 3) == "\xEF\xBB\xBF") window.skip(3);
}

}  // namespace

Census count_csv(const CensusRequest& request, const EachRecord& each) {
  ByteSource source(request.path, request.digest);
  Window window(source);
  Census census;
  census.gzip = source.gzip();
  window.more();
  skip_bom(window);
  while (window.text().size() < piece / 2 && !window.at_end()) window.more();
  census.delimiter = request.delimiter.empty() ? find_delimiter(window.text(), window.at_end()) : request.delimiter[0];
  LineEnds ends;
  Record record;
  bool header = request.header;
  std::int32_t fields = request.header ? 0 : request.fields;
  while (true) {
    const std::string_view text = window.text();
    if (text.empty() && window.at_end()) break;
    const std::size_t size = text.empty() ? 0 : take_record(text, census.delimiter, window.at_end(), record, ends);
    if (size == 0) {
      window.more();
      continue;
    }
    census.bytes += static_cast<std::int64_t>(size);
    window.skip(size);
    const bool blank = record.bytes.empty();
    if (blank && header) census.blank_lines_first = true;
    if (blank && (header || fields != 1)) continue;  // as DuckDB: in a file of one column a blank line is a row
    if (record.flaw == Flaw::none && !values::valid_utf8(record.bytes)) record.flaw = Flaw::encoding;
    census.longest = std::max(census.longest, static_cast<std::int64_t>(record.bytes.size()));
    if (header) {
      header = false;
      fields = record.fields;
      if (record.flaw == Flaw::quoting) throw Failure(code::data_quoting, "the header of `" + request.path.string() + "` is not quoted properly", "quotes stand around a whole cell, and a quote inside one is doubled");
      if (record.flaw == Flaw::encoding) throw Failure(code::data_encoding, "the header of `" + request.path.string() + "` is not UTF-8", "convert the file: `iconv -f latin1 -t utf-8`");
      census.header = split_record(record.bytes, census.delimiter);
      continue;
    }
    if (fields == 0) fields = record.fields;
    if (record.flaw == Flaw::none && record.fields != fields) record.flaw = Flaw::fields;
    if (record.open_quote) census.open_quote = census.records;
    if (record.flaw != Flaw::none) note_flaw(census, record);
    if (each && !each(census.records, record)) break;
    ++census.records;
  }
  census.uneven_line_ends = ends.uneven();
  census.line_end = ends.lf || ends.uneven() ? "\n" : ends.crlf ? "\r\n" : ends.cr ? "\r" : "\n";
  return census;
}

Census count_jsonl(const CensusRequest& request, const EachRecord& each) {
  ByteSource source(request.path, request.digest);
  Window window(source);
  Census census;
  census.gzip = source.gzip();
  window.more();
  skip_bom(window);
  LineKeys keys;
  while (true) {
    const std::string_view text = window.text();
    if (text.empty() && window.at_end()) break;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos && !window.at_end()) {
      window.more();
      continue;
    }
    const std::size_t size = end == std::string_view::npos ? text.size() : end + 1;
    std::string_view line = text.substr(0, end == std::string_view::npos ? text.size() : end);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    census.bytes += static_cast<std::int64_t>(size);
    window.skip(size);
    if (line.empty()) continue;
    Record record;
    record.bytes = line;
    if (!values::valid_utf8(line)) record.flaw = Flaw::encoding;
    else if (!keys.walk(line)) record.flaw = Flaw::json;
    census.longest = std::max(census.longest, static_cast<std::int64_t>(line.size()));
    if (record.flaw != Flaw::none) note_flaw(census, record);
    if (each && !each(census.records, record)) break;
    ++census.records;
  }
  census.header = keys.names();
  return census;
}

std::vector<std::string> split_record(std::string_view record, char delimiter) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const char c = record[i];
    if (quoted) {
      if (c != '"') cells.back() += c;
      else if (i + 1 < record.size() && record[i + 1] == '"') cells.back() += record[++i];
      else quoted = false;
    } else if (c == '"' && cells.back().empty() && (i == 0 || record[i - 1] == delimiter)) {
      quoted = true;
    } else if (c == delimiter) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

}  // namespace mlp::data
