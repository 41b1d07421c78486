// Programs run as a user would run them, without a shell.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace mlp::test {

// A folder of the test's own, gone afterwards.
struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mlp-emit.XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

struct Ran {
  int code = -1;    // exit code, or -signal
  std::string out;  // stdout and stderr
};

struct How {
  std::filesystem::path root{};            // chroot here first
  bool as_nobody = false;
  std::vector<std::string> arguments{};
};

// Code 125: the setting could not be made; 126: the program could not be run at all.
inline Ran run(const std::string& program, const How& how = {}) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    ::alarm(20);
    if (!how.root.empty() && (::chroot(how.root.c_str()) != 0 || ::chdir("/") != 0)) ::_exit(125);
    if (how.as_nobody && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(125);
    std::vector<const char*> arguments = {program.c_str()};
    for (const std::string& argument : how.arguments) arguments.push_back(argument.c_str());
    arguments.push_back(nullptr);
    ::execv(program.c_str(), const_cast<char**>(arguments.data()));
    ::_exit(126);
  }
  ::close(ends[1]);
  Ran ran;
  char buffer[4096];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) ran.out.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return ran;
}

}  // namespace mlp::test
