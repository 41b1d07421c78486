// The floor of an HTTP server on this machine: one thread, epoll, a fixed reply to every request with a body. It finds the end
// of the header and the length of the body, and nothing else.   bench_epoll PORT
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener, 512) != 0) return 3;
  const int poll = ::epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  const std::string body =
      "{\"model_name\":\"bench\",\"model_version\":\"1\",\"outputs\":[{\"name\":\"prediction\",\"datatype\":\"BOOL\",\"shape\":[1],\"data\":[true]},"
      "{\"name\":\"p_true\",\"data\":[0.8123456789]}]}";
  const std::string reply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  std::vector<std::string> pending(4096);
  epoll_event events[256];
  char buffer[65536];
  for (;;) {
    const int n = ::epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (client < 0 || client >= static_cast<int>(pending.size())) continue;
        ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pending[static_cast<std::size_t>(client)].clear();
        event = {.events = EPOLLIN, .data = {.fd = client}};
        ::epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
        continue;
      }
      std::string& text = pending[static_cast<std::size_t>(fd)];
      const ssize_t got = ::read(fd, buffer, sizeof buffer);
      if (got <= 0) {
        ::close(fd);
        continue;
      }
      text.append(buffer, static_cast<std::size_t>(got));
      for (;;) {
        const std::size_t end = text.find("\r\n\r\n");
        if (end == std::string::npos) break;
        const char* const length = ::strcasestr(text.c_str(), "content-length:");
        const std::size_t whole = end + 4 + (length ? static_cast<std::size_t>(std::atoll(length + 15)) : 0);
        if (text.size() < whole) break;
        text.erase(0, whole);
        if (::write(fd, reply.data(), reply.size()) < 0) break;
      }
    }
  }
}
