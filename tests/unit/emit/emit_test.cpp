// Artifacts, built by lld in process and run as a user would run them: in an empty root, damaged, cut off, unreadable.
#include "compiler/emit/emit.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "base/diagnostic.h"
#include "base/files.h"
#include "compiler/codegen/cpu/cpu.h"
#include "compiler/emit/data_object.h"
#include "compiler/emit/header.h"
#include "tests/unit/emit/run.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;

const fs::path tiny_runtime = fs::path(MLP_BINARY_DIR) / "tests" / "artifact_runtime";

using test::Folder;
using test::Ran;
using test::run;

const std::string& kernels() {
  static const std::string object = codegen::object(
      loop::parse_text("loop 1\nkernel features\n  %0: f64 = load 0\n  %1: f64 = constant 0.5\n  %2: f64 = mul %0, %1\n  output \"half\" = %2\n"), {"features"}, {});
  return object;
}

fs::path build_tiny(const Folder& folder, const std::string& package = "bytes of a package") {
  emit::Request request;
  request.kernels = kernels();
  request.package = package;
  request.name = "tiny";
  request.runtime = tiny_runtime;
  request.output = folder.path / "tiny";
  emit::emit(request);
  return request.output;
}
const std::string tiny_says = "package bytes of a package\n0.5\n1\n1.5\nexceptions work\n";

TEST(Emit, ExecutableRuns) {
  const Folder folder;
  const fs::path program = build_tiny(folder);
  const Ran ran = run(program);
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, tiny_says);
  EXPECT_LE(fs::file_size(program), 10u << 20);
  std::printf("a smallest artifact has %zu bytes\n", static_cast<std::size_t>(fs::file_size(program)));
}

TEST(Emit, ExecutableIsStatic) {
  const Folder folder;
  const std::string bytes = read_file(build_tiny(folder));
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(header.e_type, ET_EXEC);
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part;
    std::memcpy(&part, bytes.data() + header.e_phoff + static_cast<std::size_t>(i) * sizeof part, sizeof part);
    EXPECT_NE(part.p_type, static_cast<Elf64_Word>(PT_INTERP));
    EXPECT_NE(part.p_type, static_cast<Elf64_Word>(PT_DYNAMIC));
    if (part.p_type == PT_GNU_STACK) {
      EXPECT_EQ(part.p_flags & PF_X, 0u);
    }
    EXPECT_NE(part.p_flags & (PF_W | PF_X), static_cast<Elf64_Word>(PF_W | PF_X));
  }
}

TEST(Emit, SameInputSameBytes) {
  const Folder a, b;
  EXPECT_EQ(read_file(build_tiny(a)), read_file(build_tiny(b)));
}

TEST(Emit, RunsInAnEmptyRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "chroot needs root";
  const Folder folder;
  build_tiny(folder);
  const Ran ran = run("/tiny", {.root = folder.path});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, tiny_says);
}

// E0420, whatever byte is changed. Where the changed byte keeps the checking code itself from running, the kernel or the
// processor refuses; what must never happen is that the program runs as if nothing were wrong.
TEST(Emit, AChangedByteIsNoticed) {
  const Folder folder;
  const fs::path program = build_tiny(folder);
  const std::string whole = read_file(program);
  std::mt19937_64 random(11);
  std::vector<std::size_t> offsets = {whole.size() - 1, whole.size() - 20, whole.size() - 33};
  for (int i = 0; i < 150; ++i) offsets.push_back(random() % whole.size());
  int told = 0;
  for (const std::size_t at : offsets) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (random() % 8)));
    write_whole(folder.path / "changed", changed, 0755);
    const Ran ran = run(folder.path / "changed");
    EXPECT_NE(ran.code, 0) << "byte " << at;
    EXPECT_EQ(ran.out.find("0.5"), std::string::npos) << "byte " << at;
    if (ran.code == 1 && ran.out.find("E0420") != std::string::npos) ++told;
  }
  EXPECT_GE(told, static_cast<int>(offsets.size()) - 3) << "almost every place is told apart";
}

TEST(Emit, ACutOffFileIsNoticed) {
  const Folder folder;
  const std::string whole = read_file(build_tiny(folder));
  for (const double part : {0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999999}) {
    write_whole(folder.path / "cut", std::string_view(whole).substr(0, static_cast<std::size_t>(part * static_cast<double>(whole.size()))), 0755);
    const Ran ran = run(folder.path / "cut");
    EXPECT_EQ(ran.code, 1) << part;
    EXPECT_NE(ran.out.find("E0420"), std::string::npos) << part << ": " << ran.out;
  }
  write_whole(folder.path / "cut", whole + "x", 0755);
  EXPECT_EQ(run(folder.path / "cut").code, 1);
}

// E0421: execution is allowed, reading is not.
TEST(Emit, AnUnreadableFileSaysSo) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  const Folder folder;
  const fs::path program = build_tiny(folder);
  fs::permissions(folder.path, fs::perms(0755));
  fs::permissions(program, fs::perms(0111));
  const Ran ran = run(program, {.as_nobody = true});
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.out.find("E0421"), std::string::npos) << ran.out;
}

// The names in an object's symbol table that `wanted` asks for.
template <class Wanted>
std::vector<std::string> symbols(const std::string& object, Wanted wanted) {
  std::vector<std::string> names;
  Elf64_Ehdr header;
  std::memcpy(&header, object.data(), sizeof header);
  const auto section = [&](std::size_t i) {
    Elf64_Shdr s;
    std::memcpy(&s, object.data() + header.e_shoff + i * sizeof s, sizeof s);
    return s;
  };
  const std::size_t sections = header.e_shnum ? header.e_shnum : section(0).sh_size;
  for (std::size_t i = 0; i < sections; ++i) {
    const Elf64_Shdr table = section(i);
    if (table.sh_type != SHT_SYMTAB) continue;
    const Elf64_Shdr strings = section(table.sh_link);
    for (std::size_t at = sizeof(Elf64_Sym); at < table.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, object.data() + table.sh_offset + at, sizeof symbol);
      if (wanted(symbol)) names.push_back(object.c_str() + strings.sh_offset + symbol.st_name);
    }
  }
  return names;
}
std::vector<std::string> undefined_symbols(const std::string& object) {
  return symbols(object, [](const Elf64_Sym& symbol) { return symbol.st_shndx == SHN_UNDEF; });
}

// So two models, and a program's own C++ library, stand side by side in one program.
TEST(Emit, ObjectShowsItsInterfaceAndNothingElse) {
  const Folder folder;
  emit::Request request;
  request.kind = emit::Kind::object;
  request.kernels = kernels();
  request.package = "bytes";
  request.name = "tiny";
  request.runtime = fs::path(MLP_BINARY_DIR) / "lib" / "millrace" / "x86_64";
  request.output = folder.path / "tiny.o";
  emit::emit(request);
  std::vector<std::string> shown = symbols(read_file(request.output), [](const Elf64_Sym& symbol) { return ELF64_ST_BIND(symbol.st_info) != STB_LOCAL && symbol.st_shndx != SHN_UNDEF; });
  std::vector<std::string> functions;
  for (const char* function : emit::library_functions) functions.push_back(std::string("tiny_") + function);
  std::sort(shown.begin(), shown.end());
  std::sort(functions.begin(), functions.end());
  EXPECT_EQ(shown, functions);
  EXPECT_NE(read_file(folder.path / "tiny.h").find("int64_t tiny_score_csv("), std::string::npos);
}

TEST(Emit, KernelsNeedAlmostNothing) {
  const std::string object = codegen::object(loop::parse_text(R"(loop 1
kernel features
  %0: string = load 0
  %1: string = call mlp_text_lower, %0
  %2: i64 = table_code 0, %1
  %3: f64 = table_value 0, %2
  %4: f64 = call mlp_text_parse_float, %1
  %5: f64 = call mlp_pow, %4, %3
  %6: f64 = call mlp_floor, %5
  %7: f64 = call mlp_mod, %6, %4
  output "a" = %7
)"), {"features"}, {});
  for (const std::string& name : undefined_symbols(object)) {
    EXPECT_TRUE(name == "memcpy" || name == "memmove" || name == "memset" || name == "memcmp") << name;
  }
}

TEST(Emit, DataObjectIsWellFormed) {
  const std::string object = emit::data_object("abc", "mlp_package");
  Elf64_Ehdr header;
  std::memcpy(&header, object.data(), sizeof header);
  EXPECT_EQ(header.e_type, ET_REL);
  EXPECT_EQ(header.e_shoff + header.e_shnum * sizeof(Elf64_Shdr), object.size());
  EXPECT_TRUE(undefined_symbols(object).empty());
}

TEST(Emit, NothingIsLeftBehindByAFailure) {
  const Folder folder;
  emit::Request request;
  request.kernels = kernels();
  request.package = "bytes";
  request.name = "tiny";
  request.runtime = folder.path / "none";
  request.output = folder.path / "tiny";
  try {
    emit::emit(request);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_STREQ(info(failure.diagnostic.code).name, "not_installed");
  }
  EXPECT_TRUE(fs::is_empty(folder.path));
  request.runtime = tiny_runtime;
  request.output = folder.path / "missing" / "tiny";
  EXPECT_THROW(emit::emit(request), Failure);
  EXPECT_TRUE(fs::is_empty(folder.path));
}

// The linker's own files do not fit, or have no place: no half-written output, and an error that says what to do.
TEST(Emit, NoRoomForTheLinker) {
  const Folder folder;
  emit::Request request;
  request.kernels = kernels();
  request.package = "bytes";
  request.name = "tiny";
  request.runtime = tiny_runtime;
  request.output = folder.path / "tiny";
  const auto message = [&] {
    try {
      emit::emit(request);
      return std::string("no failure");
    } catch (const Failure& failure) {
      return failure.diagnostic.message;
    }
  };
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before ? before : "";
  ::setenv("TMPDIR", (folder.path / "none").c_str(), 1);
  EXPECT_EQ(message(), "the temporary folder named by TMPDIR is not there");
  const fs::path small = folder.path / "small";
  fs::create_directory(small);
  const bool mounted = ::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=512k") == 0;
  if (mounted) {
    ::setenv("TMPDIR", small.c_str(), 1);
    EXPECT_NE(message().find("no space left"), std::string::npos) << message();
    EXPECT_TRUE(fs::is_empty(small));
    ::umount(small.c_str());
  }
  if (before) ::setenv("TMPDIR", kept.c_str(), 1);
  else ::unsetenv("TMPDIR");
  EXPECT_FALSE(fs::exists(request.output));
  if (!mounted) GTEST_SKIP() << "a small disk needs root";
}

TEST(Emit, NamesBecomeIdentifiers) {
  EXPECT_EQ(emit::c_name("churn_api"), "churn_api");
  EXPECT_EQ(emit::c_name("9-é"), "_9___");
}

}  // namespace
}  // namespace mlp
