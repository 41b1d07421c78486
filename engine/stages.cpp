#include "engine/stages.h"

#include <elf.h>
#include <link.h>

#include <cstring>

#include "base/files.h"
#include "base/version.h"
#include "runtime/data/read.h"

namespace mlp::engine {
namespace {

// The linker's digest of this program: a cache is of no use to another build, whose trainers may differ.
std::string build_id() {
  std::string id;
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* out) {
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& header = object->dlpi_phdr[i];
          if (header.p_type != PT_NOTE) continue;
          const char* at = reinterpret_cast<const char*>(object->dlpi_addr + header.p_vaddr);
          for (const char* const end = at + header.p_memsz; at + sizeof(ElfW(Nhdr)) <= end;) {
            ElfW(Nhdr) note;
            std::memcpy(&note, at, sizeof note);
            const char* const name = at + sizeof note;
            const char* const value = name + ((note.n_namesz + 3) & ~3u);
            if (note.n_type == NT_GNU_BUILD_ID) static_cast<std::string*>(out)->assign(value, note.n_descsz);
            at = value + ((note.n_descsz + 3) & ~3u);
          }
        }
        return 1;  // the first object is the program
      },
      &id);
  return id;
}

}  // namespace

std::string data_digest(const flow::Program& program, const std::filesystem::path& directory) {
  if (program.query.empty()) return data::digest_of(data::find_files(program.source, directory));
  std::string all;  // as data::read_table makes it
  for (const QueryStep& step : program.query.steps)
    if (step.op == QueryOp::source) {
      const Source& source = program.query.sources[static_cast<std::size_t>(step.source)].source;
      all += source.name + " " + data::digest_of(data::find_files(source, directory)) + "\n";
    }
  return sha256(all);
}

std::map<driver::Stage, std::string> stage_keys(const driver::Unit& unit, const std::string& data_digest) {
  static const std::string build = build_id();
  std::map<driver::Stage, std::string> keys;
  for (const driver::StageInfo& info : driver::stages) {
    if (!info.of_rows || !driver::makes(unit, info.stage)) continue;
    std::string all = "mlp " + std::string(version) + " " + build + "\n" + std::string(info.name) + "\n" + data_digest + "\n";
    for (const driver::Fact& fact : driver::facts(unit, info.stage)) all += fact.canon + "\n";
    keys[info.stage] = sha256(all);
  }
  return keys;
}

}  // namespace mlp::engine
