// The C interface of a library that `mlp build --kind=lib` makes. `mlp build` renames mlp_library_X to NAME_X and writes
// the header that documents these functions (compiler/emit/header.cpp).
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/codes/command.h"
#include "base/codes/generation.h"
#include "base/files.h"
#include "base/trailer.h"
#include "base/version.h"
#include "runtime/score/linked.h"
#include "runtime/score/memory_file.h"
#include "runtime/score/score.h"

extern "C" {
const char* mlp_library_version();
extern const char mlp_form_begin[];  // `library` or `object`, from `mlp build`
}

namespace mlp {
namespace {

thread_local std::string last_error;

struct Library {
  Library() : engine(package(), score::linked_features(), score::linked_network(best_cpu_level()), score::linked_plain()) {
    const package::Signature& signature = engine.package().signature;
    outputs = score::output_names(engine.package().model);
    for (std::size_t i = 0; i < signature.request.size(); ++i) {
      places.push_back(signature.request_place.empty() ? static_cast<std::int32_t>(i) : signature.request_place[i]);
      types.push_back(spell(signature.request[i]));
    }
    version = std::string("millrace ") + mlp::version + ", package " + sha256(score::linked_package());
  }
  static package::Package package() {
    Dl_info self{};
    // The bytes around an object are the caller's; the package checks its own. A library's file that cannot be read any more
    // was whole enough to be loaded; only one that reads differently is refused.
    if (mlp_form_begin[0] == 'l' && ::dladdr(reinterpret_cast<const void*>(mlp_library_version), &self) && self.dli_fname && check_file(self.dli_fname) == Whole::damaged) {
      throw Failure(code::artifact_damaged, "`" + std::string(self.dli_fname) + "` is damaged: its bytes are not those that `mlp build` wrote", "copy or build it again");
    }
    return package::from_bytes(score::linked_package(), "the package in this library");
  }
  score::Engine engine;
  std::vector<std::string> outputs, types;
  std::vector<std::int32_t> places;  // of each request column among the columns that the kernel sees
  std::string version;
};

const Library& library() {
  static const Library made;  // thread-safe; tried again after a failure
  return made;
}

// Runs `body`; a failure becomes `otherwise`, and its text last_error.
template <class T, class Body>
T guarded(T otherwise, Body body) {
  try {
    return body(library());
  } catch (const Failure& failure) {
    last_error = failure.diagnostic.message + (failure.diagnostic.help.empty() ? "" : "; " + failure.diagnostic.help);
  } catch (const std::exception& error) {
    last_error = error.what();
  }
  return otherwise;
}

std::int64_t score_text(const char* text, std::size_t size, char** out, std::size_t* out_size, score::Format format) {
  *out = nullptr;
  *out_size = 0;
  return guarded(std::int64_t{-1}, [&](const Library& made) {
    score::MemoryFile input, output;
    input.put({text, size});
    score::StreamOptions options;
    options.from = options.to = format;
    options.input_name = "input";
    const std::int64_t rows = score::stream(made.engine, input.fd(), output.fd(), options);
    const off_t bytes = ::lseek(output.fd(), 0, SEEK_END);
    char* const copy = static_cast<char*>(std::malloc(static_cast<std::size_t>(bytes) + 1));
    if (!copy) throw std::bad_alloc();
    std::size_t done = 0;
    while (done < static_cast<std::size_t>(bytes)) {
      const ssize_t n = ::pread(output.fd(), copy + done, static_cast<std::size_t>(bytes) - done, static_cast<off_t>(done));
      if (n > 0) done += static_cast<std::size_t>(n);
      else if (n == 0 || errno != EINTR) {
        std::free(copy);
        throw Failure(code::file_unreadable, "cannot read the predictions back from memory");
      }
    }
    copy[bytes] = '\0';
    *out = copy;
    *out_size = static_cast<std::size_t>(bytes);
    return rows;
  });
}

}  // namespace
}  // namespace mlp

extern "C" {

int mlp_library_open() {
  return mlp::guarded(-1, [](const mlp::Library&) { return 0; });
}
const char* mlp_library_version() {
  return mlp::guarded(static_cast<const char*>(nullptr), [](const mlp::Library& made) { return made.version.c_str(); });
}
const char* mlp_library_error() { return mlp::last_error.c_str(); }

std::int32_t mlp_library_column_count() {
  return mlp::guarded(-1, [](const mlp::Library& made) { return static_cast<std::int32_t>(made.types.size()); });
}
const char* mlp_library_column_name(std::int32_t i) {
  return mlp::guarded(static_cast<const char*>(nullptr), [&](const mlp::Library& made) {
    const auto& request = made.engine.package().signature.request;
    return i >= 0 && static_cast<std::size_t>(i) < request.size() ? request[static_cast<std::size_t>(i)].name.c_str() : nullptr;
  });
}
const char* mlp_library_column_type(std::int32_t i) {
  return mlp::guarded(static_cast<const char*>(nullptr), [&](const mlp::Library& made) {
    return i >= 0 && static_cast<std::size_t>(i) < made.types.size() ? made.types[static_cast<std::size_t>(i)].c_str() : nullptr;
  });
}
std::int32_t mlp_library_width() {
  return mlp::guarded(-1, [](const mlp::Library& made) { return made.engine.width(); });
}
const char* mlp_library_output_name(std::int32_t i) {
  return mlp::guarded(static_cast<const char*>(nullptr), [&](const mlp::Library& made) {
    // Of a classification the first name is the class itself, which a row of numbers leaves out.
    const std::size_t at = static_cast<std::size_t>(i) + made.outputs.size() - static_cast<std::size_t>(made.engine.width());
    return i >= 0 && at < made.outputs.size() ? made.outputs[at].c_str() : nullptr;
  });
}

std::int64_t mlp_library_score_csv(const char* text, std::size_t size, char** out, std::size_t* out_size) {
  return mlp::score_text(text, size, out, out_size, mlp::score::Format::csv);
}
std::int64_t mlp_library_score_json(const char* text, std::size_t size, char** out, std::size_t* out_size) {
  return mlp::score_text(text, size, out, out_size, mlp::score::Format::jsonl);
}
int mlp_library_score_columns(const mlp_column* columns, std::int64_t rows, double* out) {
  return mlp::guarded(-1, [&](const mlp::Library& made) {
    std::int32_t last = -1;
    for (const std::int32_t place : made.places) last = std::max(last, place);
    std::vector<mlp_column> placed(static_cast<std::size_t>(last + 1));
    for (std::size_t i = 0; i < made.places.size(); ++i) placed[static_cast<std::size_t>(made.places[i])] = columns[i];
    made.engine.run(placed.data(), rows, out);
    return 0;
  });
}
int mlp_library_score_rows(const float* values, std::int64_t stride, std::int64_t rows, double* out) {
  return mlp::guarded(-1, [&](const mlp::Library& made) {
    made.engine.run_rows(values, stride, rows, out);
    return 0;
  });
}
void mlp_library_free(void* memory) { std::free(memory); }
}
