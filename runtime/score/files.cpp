#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/codes/command.h"
#include "base/diagnostic.h"
#include "runtime/score/score.h"

namespace mlp::score {
namespace {

char half_written[PATH_MAX];  // removed when a signal ends the process

void remove_and_end(int signal) {
  if (half_written[0]) ::unlink(half_written);
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

// An output file that takes its name when it is whole. What is no regular file (a pipe, a device) is written directly.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path) {
    struct stat status {};
    const bool exists = ::stat(path.c_str(), &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) fail(EISDIR);
    if (exists && !S_ISREG(status.st_mode)) {
      fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd_ < 0) fail(errno);
      return;
    }
    const std::filesystem::path p(path);
    temporary_ = ((p.has_parent_path() ? p.parent_path() : std::filesystem::path(".")) / ("." + p.filename().string() + ".XXXXXX")).string();
    if (temporary_.size() >= sizeof half_written) fail(ENAMETOOLONG);
    fd_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
    if (fd_ < 0) fail(errno);
    std::memcpy(half_written, temporary_.c_str(), temporary_.size() + 1);
    struct sigaction action {};
    action.sa_handler = remove_and_end;
    for (int i = 0; i < 2; ++i) ::sigaction(signals[i], &action, &before_[i]);
  }
  ~Output() {
    if (fd_ >= 0) ::close(fd_);
    if (!temporary_.empty()) {
      if (!done_) ::unlink(temporary_.c_str());
      half_written[0] = 0;
      for (int i = 0; i < 2; ++i) ::sigaction(signals[i], &before_[i], nullptr);
    }
  }
  int fd() const { return fd_; }
  void finish() {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (!temporary_.empty() && ::fchmod(fd_, 0666 & ~mask) != 0) fail(errno);
    const int closed = ::close(fd_);
    fd_ = -1;
    if (closed != 0) fail(errno);
    if (!temporary_.empty() && ::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
    done_ = true;
  }

 private:
  [[noreturn]] void fail(int error) const {
    throw Failure(code::write_failed, "cannot write `" + path_ + "`: " + std::strerror(error), error == EACCES || error == EROFS ? "choose a place that you may write to" : "");
  }
  static constexpr int signals[2] = {SIGINT, SIGTERM};
  std::string path_, temporary_;
  int fd_ = -1;
  bool done_ = false;
  struct sigaction before_[2] {};
};

class Input {
 public:
  explicit Input(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    const int error = fd_ < 0 ? errno : ::fstat(fd_, &status) == 0 && S_ISDIR(status.st_mode) ? EISDIR : 0;
    if (error == 0) return;
    if (fd_ >= 0) ::close(fd_);
    if (error == ENOENT || error == ENOTDIR) throw Failure(code::file_not_found, "cannot find `" + path + "`");
    throw Failure(code::file_unreadable, "cannot read `" + path + "`: " + std::strerror(error));
  }
  ~Input() { ::close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Format format_of(const std::string& asked, const std::string& file) {
  if (asked == "csv") return Format::csv;
  if (asked == "jsonl") return Format::jsonl;
  const std::string extension = std::filesystem::path(file).extension().string();
  return extension == ".jsonl" || extension == ".ndjson" ? Format::jsonl : Format::csv;
}

std::int64_t stream_files(const Engine& engine, const std::string& input, const std::string& output, StreamOptions options) {
  std::optional<Input> in;
  std::optional<Output> out;
  if (!input.empty() && input != "-") in.emplace(input);
  if (!output.empty() && output != "-") out.emplace(output);
  options.input_name = in ? input : "standard input";
  options.folder = in ? std::filesystem::path(input).parent_path().string() : "";
  const std::int64_t rows = stream(engine, in ? in->fd() : 0, out ? out->fd() : 1, options);
  if (out) out->finish();
  return rows;
}

}  // namespace mlp::score
