// tests/check/mutations.txt: examples with one thing wrong. Each is refused in time, by one error, of the code and at exactly the
// place that the table says, with a fix: by the checker, and by the program, which opens no data file for it.
#include <sys/inotify.h>
#include <unistd.h>

#include <chrono>
#include <map>

#include "tests/unit/check/checked.h"

namespace mlp {
namespace {

struct Mutation {
  int line = 0;              // in the table
  std::string example, code, text;
  std::uint32_t begin = 0, end = 0;  // the place of the error
  bool edit = false;
};

std::string unescaped(std::string text) {
  for (std::size_t at; (at = text.find("\\n")) != std::string::npos;) text.replace(at, 2, "\n");
  return text;
}

// Where a block ends: before the brace in the first column.
std::size_t end_of_block(const std::string& spec, const std::string& block) {
  const std::size_t start = spec.find("\n" + block + " ");
  return start == std::string::npos ? start : spec.find("\n}", start) + 1;
}

// The mutated text; "" and a reason when the table is wrong.
std::string mutate(const std::string& spec, const std::string& head, const std::string& body, std::string& why) {
  if (const std::size_t plus = head.find('+'); plus != std::string::npos) {
    const std::size_t at = end_of_block(spec, head.substr(plus + 1));
    if (at == std::string::npos) return why = "no such block", "";
    return std::string(spec).insert(at, "  " + unescaped(body) + "\n");
  }
  const std::size_t arrow = body.find(" => ");
  if (arrow == std::string::npos) return why = "no ` => `", "";
  const std::string from = unescaped(body.substr(0, arrow)), to = unescaped(body.substr(arrow + 4));
  const std::size_t at = spec.find(from);
  if (at == std::string::npos || spec.find(from, at + 1) != std::string::npos) return why = "`" + from + "` does not stand once in the example", "";
  return std::string(spec).replace(at, from.size(), to);
}

std::vector<Mutation> table() {
  std::vector<Mutation> list;
  std::istringstream lines(read(fs::path(MLP_SOURCE_DIR) / "tests/check/mutations.txt"));
  std::string example, spec, line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    if (line[0] == '[') {
      example = line.substr(1, line.size() - 2);
      const bool named = example.find('/') != std::string::npos;
      spec = read(fs::path(MLP_SOURCE_DIR) / "examples" / (named ? example + ".mlp" : example + "/" + example + ".mlp"));
      continue;
    }
    const std::size_t colon = line.find(": ");
    const std::string head = line.substr(0, colon);
    Mutation m{number, example, head.substr(0, 5), "", 0, 0, head.substr(6, 4) == "edit"};
    std::string why;
    m.text = mutate(spec, head, line.substr(colon + 2), why);
    const std::string open = "«", close = "»";
    const std::size_t begin = m.text.find(open);
    if (begin != std::string::npos) m.text.erase(begin, open.size());
    const std::size_t end = m.text.find(close);
    if (end != std::string::npos) m.text.erase(end, close.size());
    if (begin == std::string::npos || end == std::string::npos) why += " the place is not marked";
    EXPECT_EQ(why, "") << "line " << number << " of the table: " << line;
    m.begin = static_cast<std::uint32_t>(begin);
    m.end = static_cast<std::uint32_t>(end);
    if (why.empty()) list.push_back(std::move(m));
  }
  return list;
}

TEST(Mutations, AreRefusedAtTheRightPlaceWithAFix) {
  library();
  const std::vector<Mutation> all = table();
  EXPECT_GE(std::count_if(all.begin(), all.end(), [](const Mutation& m) { return m.code[0] == 'E'; }), 200);
  double slowest = 0;
  for (const Mutation& m : all) {
    SCOPED_TRACE("mutations.txt:" + std::to_string(m.line));
    const auto start = std::chrono::steady_clock::now();
    const Checked c(m.example + ".mlp", m.text);
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    const Diagnostic* found = nullptr;
    int errors = 0;
    for (const Diagnostic& d : c.diagnostics.all()) {
      errors += info(d.code).severity == Severity::error;
      if (info(d.code).code == m.code && d.span.source == c.spec && d.span.begin == m.begin && d.span.end == m.end) found = &d;
    }
    EXPECT_EQ(errors, m.code[0] == 'E') << c.text();
    if (!found) {
      ADD_FAILURE() << "no " << m.code << " at `" << m.text.substr(m.begin, m.end - m.begin) << "`, but\n" << c.text();
      continue;
    }
    EXPECT_FALSE(found->help.empty() && found->fix.empty()) << c.text();
    if (!m.edit) continue;
    EXPECT_FALSE(found->fix.empty()) << c.text();
    std::string mended = m.text;
    for (auto edit = found->fix.rbegin(); edit != found->fix.rend(); ++edit) mended.replace(edit->span.begin, edit->span.end - edit->span.begin, edit->replacement);
    const Checked after(m.example + ".mlp", mended);
    for (const Diagnostic& left : after.diagnostics.all()) EXPECT_FALSE(left.code == found->code && left.span.begin == m.begin) << after.text();
  }
  EXPECT_LT(slowest, 1.0) << "seconds for one spec";
  std::printf("%zu mutations, the slowest took %.1f ms\n", all.size(), slowest * 1e3);
}

// Tells what was opened below folders since it was last asked.
class Watch {
 public:
  Watch() : queue_(::inotify_init1(IN_NONBLOCK)) {}
  ~Watch() { ::close(queue_); }
  void folder(const fs::path& path) { folders_[::inotify_add_watch(queue_, path.c_str(), IN_OPEN)] = path; }
  std::string opened() {
    std::string out;
    alignas(inotify_event) char buffer[1 << 14];
    for (ssize_t size; (size = ::read(queue_, buffer, sizeof buffer)) > 0;)
      for (const char* at = buffer; at < buffer + size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        out += (folders_[event->wd] / (event->len > 0 ? event->name : "")).string() + "\n";
        at += sizeof *event + event->len;
      }
    return out;
  }

 private:
  int queue_;
  std::map<int, fs::path> folders_;
};

std::string output_of(const std::string& command) {
  std::string out;
  FILE* const pipe = ::popen(command.c_str(), "r");
  for (char buffer[1 << 12]; const std::size_t size = std::fread(buffer, 1, sizeof buffer, pipe);) out.append(buffer, size);
  ::pclose(pipe);
  return out;
}

// `mlp check` of each, where a file stands for each file of data: the place that the table says, in time, and none of the files is opened.
TEST(Mutations, AreRefusedByTheProgramWithoutOpeningADataFile) {
  const fs::path root = fs::path(testing::TempDir()) / ("mlp_mutations_" + std::to_string(::getpid()));
  Watch watch;
  fs::path data;
  for (const auto& entry : fs::recursive_directory_iterator(MLP_SOURCE_DIR "/examples")) {
    const fs::path copy = root / fs::relative(entry.path(), MLP_SOURCE_DIR "/examples");
    if (entry.is_directory()) fs::create_directories(copy);
    else if (copy.parent_path().filename() != "data") fs::copy_file(entry.path(), copy);
    else std::ofstream(data = copy);
    if (copy.filename() == "data") watch.folder(copy);
  }
  (void)watch.opened();  // the copies
  (void)read(data);
  EXPECT_EQ(watch.opened(), data.string() + "\n") << "the watch sees a file that is opened";
  double slowest = 0;
  std::size_t checked = 0;
  for (const Mutation& m : table()) {
    SCOPED_TRACE("mutations.txt:" + std::to_string(m.line));
    const bool named = m.example.find('/') != std::string::npos;
    const fs::path spec = root / (named ? m.example + ".mlp" : m.example + "/" + m.example + ".mlp");
    std::ofstream(spec) << m.text;
    const auto start = std::chrono::steady_clock::now();
    const std::string found = output_of("\"" MLP_BINARY_DIR "/mlp\" check --format=json \"" + spec.string() + "\" 2>/dev/null");
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    SourceMap place;
    const LineColumn at = place.locate(place.add("", m.text), m.begin);
    const std::string wanted = "\"code\":\"" + m.code + "\"", line = "\"line\":" + std::to_string(at.line) + ",\"column\":" + std::to_string(at.column) + ",";
    std::istringstream lines(found);
    bool there = false;
    for (std::string one; std::getline(lines, one);)  // the first line and column are those of the finding, others of its labels
      there = there || (one.find(wanted) != std::string::npos && one.compare(std::min(one.find("\"line\":"), one.size()), line.size(), line) == 0);
    EXPECT_TRUE(there) << wanted << " " << line << " is not in\n" << found;
    ++checked;
  }
  EXPECT_EQ(watch.opened(), "");
  EXPECT_LT(slowest, 1.0) << "seconds for one `mlp check`";
  std::printf("%zu by the program, the slowest took %.0f ms\n", checked, slowest * 1e3);
  fs::remove_all(root);
}

}  // namespace
}  // namespace mlp
