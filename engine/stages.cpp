#include "engine/stages.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "base/files.h"
#include "base/version.h"
#include "compiler/driver/lineage.h"
#include "runtime/data/query.h"

namespace mlp::engine {
namespace {

// The linker's digest of the program or library that holds `address`.
std::string build_id(const void* address) {
  struct Search { ElfW(Addr) address; std::string id; } search{reinterpret_cast<ElfW(Addr)>(address), {}};
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* data) {
        Search& search = *static_cast<Search*>(data);
        const ElfW(Phdr) *const first = object->dlpi_phdr, *const last = first + object->dlpi_phnum;
        const auto holds = [&](const ElfW(Phdr)& header) { return header.p_type == PT_LOAD && search.address - object->dlpi_addr - header.p_vaddr < header.p_memsz; };
        if (std::none_of(first, last, holds)) return 0;
        for (const ElfW(Phdr)& header : std::span(first, last)) {
          if (header.p_type != PT_NOTE) continue;
          const char* at = reinterpret_cast<const char*>(object->dlpi_addr + header.p_vaddr);
          for (const char* const end = at + header.p_memsz; at + sizeof(ElfW(Nhdr)) <= end;) {
            ElfW(Nhdr) note;
            std::memcpy(&note, at, sizeof note);
            const char* const name = at + sizeof note;
            const char* const value = name + ((note.n_namesz + 3) & ~3u);
            if (note.n_type == NT_GNU_BUILD_ID) search.id.assign(value, note.n_descsz);
            at = value + ((note.n_descsz + 3) & ~3u);
          }
        }
        return 1;
      },
      &search);
  return search.id;
}

}  // namespace

std::string data_digest(const flow::Program& program, const std::filesystem::path& directory) {
  if (program.query.empty()) return data::digest_of(data::ReadRequest{.source = program.source, .schema = program.columns, .wanted = program.scan, .watched = {}, .base = directory, .quarantine = {}});
  std::vector<ColumnId> wanted = program.scan;
  const std::vector<ColumnId> watched = driver::watched(program);
  wanted.insert(wanted.end(), watched.begin(), watched.end());
  return data::digest_of(data::TableRequest{.query = program.query, .wanted = wanted, .base = directory, .quarantine = {}});
}

std::map<driver::Stage, std::string> stage_keys(const driver::Unit& unit, const std::string& data_digest) {
  // A cache is of no use to another build, whose trainers or kernels may differ.
  static const std::string build = build_id(reinterpret_cast<const void*>(&stage_keys)) + build_id(&driver::native());
  std::map<driver::Stage, std::string> keys;
  for (const driver::StageInfo& info : driver::stages) {
    if (!info.of_rows || !driver::makes(unit, info.stage)) continue;
    std::string all = "mlp " + std::string(version) + " " + build + "\n" + std::string(info.name) + "\n" + data_digest + "\n";
    for (const driver::Fact& fact : driver::facts(unit, info.stage)) all += fact.canon + "\n";
    for (const std::string& pass : unit.disabled) all += "without " + pass + "\n";  // other slots for what is fitted
    keys[info.stage] = sha256(all);
  }
  return keys;
}

}  // namespace mlp::engine
