// A loop and the thread that gives it connections, without a listener between them.
#include "runtime/serve/loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>
#include <thread>

#include "runtime/serve/api.h"
#include "tests/unit/score/sample.h"

namespace mlp::serve {
namespace {

// Told to end while it takes in connections, it answers those that came meanwhile too.
TEST(Loop, DrainAnswersWhatWasAddedBefore) {
  constexpr std::string_view request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  const score::Engine engine(sample::binary(), sample::features);
  const ServeOptions options;
  Wake waiting;
  Api api(engine, options);
  for (int round = 0; round < 400; ++round) {
    std::vector<std::unique_ptr<Descriptor>> clients;
    std::vector<int> connections;
    for (int i = 0; i < 100; ++i) {
      int ends[2];
      ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
      clients.push_back(std::make_unique<Descriptor>(ends[0]));
      connections.push_back(ends[1]);
      ASSERT_EQ(::write(ends[0], request.data(), request.size()), static_cast<ssize_t>(request.size()));
    }
    Room room{options.max_connections, {}, waiting};
    Loop loop(api, options, room);
    std::thread thread([&] { loop.run(); });
    for (const int connection : connections) {
      ++room.open;
      if (connection == connections.back())  // at some moment of what the loop does with the others
        for (const auto end = Clock::now() + std::chrono::microseconds(7 * round % 400); Clock::now() < end;) {}
      loop.add(connection);
    }
    loop.drain();
    thread.join();
    for (const auto& client : clients) {
      char answer[1024];
      const ssize_t size = ::read(client->get(), answer, sizeof answer);
      ASSERT_EQ(std::string_view(answer, size > 0 ? static_cast<std::size_t>(size) : 0).substr(0, 12), "HTTP/1.1 200") << "round " << round;
    }
  }
}

}  // namespace
}  // namespace mlp::serve
