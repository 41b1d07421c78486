/* The C side of the contract: abi.h is plain C, and a C compiler lays it out as abi.def says. */
#include "abi/abi.h"

struct row { const char* name; size_t found, wanted; };

static const struct row rows[] = {
#define MLP_STRUCT(name)
#define MLP_FIELD(structure, kind, type, field, offset) {#structure "." #field, offsetof(structure, field), offset},
#define MLP_END(structure, size) {#structure, sizeof(structure), size},
#include "abi/abi.def"
#undef MLP_STRUCT
#undef MLP_FIELD
#undef MLP_END
};

size_t abi_c_rows(void) { return sizeof rows / sizeof *rows; }
const char* abi_c_row(size_t i, size_t* found, size_t* wanted) {
  *found = rows[i].found;
  *wanted = rows[i].wanted;
  return rows[i].name;
}
