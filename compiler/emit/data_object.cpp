#include "compiler/emit/data_object.h"

#include <elf.h>

#include <cstring>

namespace mlp::emit {
namespace {

// Collects NUL-terminated names and gives their offsets.
struct Names {
  std::string bytes = std::string(1, '\0');
  Elf64_Word add(const std::string& name) {
    const auto at = static_cast<Elf64_Word>(bytes.size());
    bytes += name + '\0';
    return at;
  }
};

template <class T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void pad(std::string& out, std::size_t alignment) { out.append((alignment - out.size() % alignment) % alignment, '\0'); }

}  // namespace

std::string data_object(std::string_view bytes, const std::string& symbol) {
  enum : Elf64_Half { none, data, symbols, names, section_names, note, sections };
  Names strings, section_strings;
  std::string out(sizeof(Elf64_Ehdr), '\0');
  Elf64_Shdr table[sections] = {};

  const auto section = [&](Elf64_Half index, const char* name, Elf64_Word type, Elf64_Xword flags, Elf64_Xword alignment, std::string_view content) {
    pad(out, alignment);
    table[index].sh_name = section_strings.add(name);
    table[index].sh_type = type;
    table[index].sh_flags = flags;
    table[index].sh_offset = out.size();
    table[index].sh_size = content.size();
    table[index].sh_addralign = alignment;
    out += content;
  };
  section(data, (".rodata." + symbol).c_str(), SHT_PROGBITS, SHF_ALLOC, 64, bytes);

  std::string entries;
  append(entries, Elf64_Sym{});
  for (const auto& [suffix, value] : {std::pair("_begin", std::size_t{0}), std::pair("_end", bytes.size())}) {
    Elf64_Sym entry{};
    entry.st_name = strings.add(symbol + suffix);
    entry.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    entry.st_other = STV_DEFAULT;
    entry.st_shndx = data;
    entry.st_value = value;
    append(entries, entry);
  }
  section(symbols, ".symtab", SHT_SYMTAB, 0, 8, entries);
  table[symbols].sh_link = names;
  table[symbols].sh_info = 1;  // first global symbol
  table[symbols].sh_entsize = sizeof(Elf64_Sym);
  section(names, ".strtab", SHT_STRTAB, 0, 1, strings.bytes);
  section(note, ".note.GNU-stack", SHT_PROGBITS, 0, 1, "");
  const Elf64_Word own_name = section_strings.add(".shstrtab");
  section(section_names, ".shstrtab", SHT_STRTAB, 0, 1, section_strings.bytes);
  table[section_names].sh_name = own_name;
  out.resize(table[section_names].sh_offset);
  out += section_strings.bytes;
  table[section_names].sh_size = section_strings.bytes.size();
  pad(out, 8);

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_shoff = out.size();
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = sections;
  header.e_shstrndx = section_names;
  std::memcpy(out.data(), &header, sizeof header);
  for (const Elf64_Shdr& entry : table) append(out, entry);
  return out;
}

}  // namespace mlp::emit
