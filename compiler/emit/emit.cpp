#include "compiler/emit/emit.h"

#include <lld/Common/Driver.h>
#include <llvm/ObjCopy/ConfigManager.h>
#include <llvm/ObjCopy/ObjCopy.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/raw_ostream.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/codes/command.h"
#include "base/diagnostic.h"
#include "base/files.h"
#include "base/trailer.h"
#include "compiler/emit/data_object.h"
#include "compiler/emit/header.h"

LLD_HAS_DRIVER(elf)

namespace mlp::emit {
namespace {

// An output and its header: both or neither.
void write_with_header(const std::filesystem::path& output, const std::string& bytes, unsigned mode, const std::string& header) {
  write_whole(output, bytes, mode);
  try {
    write_whole(std::filesystem::path(output).replace_extension(".h"), header);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(output, ignored);
    throw;
  }
}

// Ctrl-C and SIGTERM wait until the linker's files are gone.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t wait;
    sigemptyset(&wait);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wait, signal);
    pthread_sigmask(SIG_BLOCK, &wait, &before_);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t before_;
};

// A private folder for the linker's files, away from the output, gone afterwards.
class Scratch {
 public:
  Scratch() {
    std::error_code error;
    std::string pattern = (std::filesystem::temp_directory_path(error) / "mlp-build.XXXXXX").string();
    if (error) throw Failure(code::write_failed, "the temporary folder named by TMPDIR is not there", "set TMPDIR to a folder that you may write to");
    if (!::mkdtemp(pattern.data())) {
      throw Failure(code::write_failed, "cannot make a temporary folder `" + pattern + "`: " + std::strerror(errno), "set TMPDIR to a folder that you may write to");
    }
    path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const char* name) const { return (path_ / name).string(); }
  std::string put(const char* name, std::string_view bytes) const {
    const std::string path = *this / name;
    write_whole(path, bytes);
    return path;
  }

 private:
  std::filesystem::path path_;
};

// lld in a process of its own: it keeps state in globals, and what goes wrong in it must not end us.
void link(const Scratch& scratch, const std::vector<std::string>& arguments) {
  const int log = ::memfd_create("log", MFD_CLOEXEC);  // in memory: the disk may be what is wrong
  if (log < 0) throw Failure(code::write_failed, std::string("cannot start the linker: ") + std::strerror(errno));
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<const char*> list = {"ld.lld", "--threads=1"};
    for (const std::string& argument : arguments) list.push_back(argument.c_str());
    llvm::raw_fd_ostream out(log, false);
    const lld::Result result = lld::lldMain(list, out, out, {{lld::Gnu, &lld::elf::link}});
    out.flush();
    ::_exit(result.retCode);
  }
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  std::string text;
  char buffer[4096];
  ::lseek(log, 0, SEEK_SET);
  for (ssize_t n; (n = ::read(log, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  ::close(log);
  if (child < 0) throw Failure(code::write_failed, "cannot start the linker: too many processes");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  // lld writes through a mapping of its output: on a full disk that ends in SIGBUS.
  if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) || text.find(std::strerror(ENOSPC)) != std::string::npos) {
    throw Failure(code::write_failed, "cannot link: no space left in `" + scratch.path().string() + "`", "free some space, or set TMPDIR to a folder on another disk");
  }
  MLP_BUG("linking failed: " + text);
}

std::string runtime_file(const Request& request, const char* name) {
  const std::filesystem::path path = request.runtime / name;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    throw Failure(code::not_installed, "the artifact runtime has no `" + path.string() + "`", "install Millrace whole: `mlp build` needs its `lib/millrace` folder");
  }
  return path.string();
}

// All libraries as one object, for an executable or a library.
std::string runtime_object(const Request& request, const std::string& name) { return runtime_file(request, (name + (request.pictures ? "-pictures.o" : ".o")).c_str()); }

const char* stripped(const Request& request) { return request.symbols ? "--strip-debug" : "--strip-all"; }

void append_trailer(std::string& bytes) {
  bytes.append((16 - bytes.size() % 16) % 16, '\0');
  const Trailer trailer = make_trailer(bytes.data(), bytes.size());
  bytes.append(reinterpret_cast<const char*>(&trailer), sizeof trailer);
}

// The check comes first in the file, and no page is half file and half zeroes, which the kernel would have to clear before
// it starts us: so the check can still run, and say so, when the rest of the file is cut off.
constexpr const char* start_script =
    "SECTIONS { .mlp_start : { KEEP(*start.o(.text .text.* .rodata .rodata.*)) } } INSERT BEFORE .rodata;\n"
    "SECTIONS { .mlp_fill : { BYTE(0); . = ALIGN(4096); } } INSERT BEFORE .bss;\n";

std::string executable(const Request& request, const Scratch& scratch, const std::vector<std::string>& parts) {
  const auto file = [&](const char* name) { return runtime_file(request, name); };
  const std::string output = scratch / "executable";
  const bool device = !request.device.empty();
  std::vector<std::string> arguments = {"--gc-sections", stripped(request), "--build-id=none", "-z", "norelro", "-z", "noexecstack", "--eh-frame-hdr", "-e", "mlp_artifact_start",
                                        "-T", scratch.put("start.ld", start_script), file("start.o"), runtime_object(request, device ? "device" : "executable"), "-o", output};
  arguments.insert(arguments.end(), parts.begin(), parts.end());
  // Only a program with a dynamic linker can open a driver.
  if (device) arguments.insert(arguments.end(), {"-z", "now", "-dynamic-linker", "/lib64/ld-linux-x86-64.so.2", scratch.put("device-code.o", data_object(request.device, "mlp_device")), "--as-needed", file("libm.so.6"), file("libc.so.6"), file("ld-linux-x86-64.so.2")});
  else arguments.push_back("-static");
  link(scratch, arguments);
  return read_file(output);
}

std::string library(const Request& request, const Scratch& scratch, const std::vector<std::string>& parts, const std::string& prefix) {
  const auto file = [&](const char* name) { return runtime_file(request, name); };
  const std::string output = scratch / "library";
  std::string versions = "{ global:";
  std::vector<std::string> arguments = {"-shared", "--gc-sections", stripped(request), "--build-id=none", "-z", "relro", "-z", "now", "-z", "noexecstack", "-z", "defs", "--eh-frame-hdr",
                                        "--as-needed", "-soname", request.output.filename().string()};
  for (const char* function : library_functions) {
    versions += " " + prefix + "_" + function + ";";
    arguments.push_back("--defsym=" + prefix + "_" + function + "=mlp_library_" + function);
  }
  versions += " local: *; };\n";
  arguments.push_back("--version-script=" + scratch.put("versions", versions));
  arguments.insert(arguments.end(), {file("crti.o"), file("crtbeginS.o"), runtime_object(request, "library")});
  arguments.insert(arguments.end(), parts.begin(), parts.end());
  arguments.insert(arguments.end(), {scratch.put("form.o", data_object("library", "mlp_form")), file("libm.so.6"), file("libc.so.6"), file("ld-linux-x86-64.so.2"), file("crtendS.o"), file("crtn.o")});
  arguments.push_back("-o");
  arguments.push_back(output);
  link(scratch, arguments);
  return read_file(output);
}

// One relocatable object in which only the C interface is visible, under the deployment's name: what it shares with the
// caller's program or with another model (the C++ library, names of our own) stays apart.
std::string object(const Request& request, const Scratch& scratch, const std::vector<std::string>& parts, const std::string& prefix) {
  const std::string joined = scratch / "joined";
  std::vector<std::string> arguments = {"-r", "--strip-debug", "--build-id=none", runtime_object(request, "library"), scratch.put("form.o", data_object("object", "mlp_form")), "-o", joined};
  arguments.insert(arguments.end(), parts.begin(), parts.end());
  link(scratch, arguments);
  const std::string bytes = read_file(joined);

  llvm::objcopy::ConfigManager config;
  std::vector<std::string> inside, outside;
  for (const char* function : library_functions) {
    inside.push_back(std::string("mlp_library_") + function);
    outside.push_back(prefix + "_" + function);
  }
  const auto fails = [](llvm::Error error) -> llvm::Error { return error; };
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (llvm::Error error = config.Common.SymbolsToKeepGlobal.addMatcher(llvm::objcopy::NameOrPattern::create(inside[i], llvm::objcopy::MatchStyle::Literal, fails))) MLP_BUG(llvm::toString(std::move(error)));
    config.Common.SymbolsToRename[inside[i]] = outside[i];
  }
  llvm::Expected<std::unique_ptr<llvm::object::ObjectFile>> file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(bytes, "object"));
  if (!file) MLP_BUG(llvm::toString(file.takeError()));
  std::string out;
  llvm::raw_string_ostream stream(out);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, **file, stream)) MLP_BUG(llvm::toString(std::move(error)));
  return out;
}

}  // namespace

void emit(const Request& request) {
  const SignalsWait signals_wait;
  const Scratch scratch;
  const std::string prefix = c_name(request.name);
  const std::string_view plain(reinterpret_cast<const char*>(request.plain.data()), request.plain.size() * sizeof(std::int32_t));
  const std::vector<std::string> parts = {scratch.put("kernels.o", request.kernels), scratch.put("package.o", data_object(request.package, "mlp_package")),
                                          scratch.put("plain.o", data_object(plain, "mlp_plain"))};
  switch (request.kind) {
    case Kind::executable: {
      std::string bytes = executable(request, scratch, parts);
      append_trailer(bytes);
      write_whole(request.output, bytes, 0755);
      return;
    }
    case Kind::library: {
      std::string bytes = library(request, scratch, parts, prefix);
      append_trailer(bytes);
      write_with_header(request.output, bytes, 0755, interface_header(prefix, request.name));
      return;
    }
    case Kind::object:
      write_with_header(request.output, object(request, scratch, parts, prefix), 0644, interface_header(prefix, request.name));
      return;
  }
}

}  // namespace mlp::emit
