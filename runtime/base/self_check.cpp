// The first code that runs in an executable artifact: checks the file before libc is set up, then goes on to _start.
// It calls nothing outside this file (see CMakeLists.txt for its flags). It reads /proc/self/exe or, where there is no
// /proc, the path that the kernel was given. A wrong byte gives one line on stderr and exit code 1.
#include <elf.h>

#include "base/codes/generation.h"
#include "base/diagnostic.h"
#include "base/trailer.h"

namespace {

// The code as it is printed: "E0712". Both are errors.
struct Printed { char text[6]; };
constexpr Printed printed(mlp::Code code) {
  const int n = static_cast<int>(code);
  return {{'E', static_cast<char>('0' + n / 1000), static_cast<char>('0' + n / 100 % 10), static_cast<char>('0' + n / 10 % 10), static_cast<char>('0' + n % 10), 0}};
}

template <unsigned long n>
void say(const char (&text)[n]) {
  mlp::system_call(SYS_write, 2, reinterpret_cast<long>(text), n - 1);
}

template <unsigned long n>
void fail(const char* code, const char (&text)[n], mlp::Exit exit) {
  say("error[");
  mlp::system_call(SYS_write, 2, reinterpret_cast<long>(code), 5);
  say(text);
  mlp::system_call(SYS_exit_group, static_cast<long>(exit), 0, 0);
}

}  // namespace

extern "C" {

// `stack` as the kernel leaves it: argc, argv, 0, environment, 0, auxiliary vector.
__attribute__((used)) void mlp_check_self(const long* stack) {
  mlp::Whole result = mlp::check_file("/proc/self/exe");
  if (result == mlp::Whole::unreadable) {
    const long* at = stack + 1 + stack[0] + 1;
    while (*at) ++at;
    for (++at; at[0] != AT_NULL; at += 2) {
      if (at[0] == AT_EXECFN) result = mlp::check_file(reinterpret_cast<const char*>(at[1]));
    }
  }
  if (result == mlp::Whole::yes) return;
  if (result == mlp::Whole::damaged) {
    static constexpr Printed code = printed(mlp::code::artifact_damaged);
    fail(code.text, "]: this artifact is damaged: its bytes are not those that `mlp build` wrote; copy or build it again\n", mlp::Exit::finding);
  }
  static constexpr Printed code = printed(mlp::code::artifact_unreadable);
  fail(code.text, "]: this artifact cannot read its own file, so it cannot tell whether it is whole; make it readable\n", mlp::Exit::environment);
}

asm(R"(
  .globl mlp_artifact_start
  .type mlp_artifact_start, @function
mlp_artifact_start:
  mov %rsp, %rbx
  mov %rdx, %r12
  mov %rsp, %rdi
  call mlp_check_self
  mov %rbx, %rsp
  mov %r12, %rdx
  jmp _start
  .size mlp_artifact_start, . - mlp_artifact_start
)");
}
