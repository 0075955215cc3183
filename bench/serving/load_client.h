// A closed-loop client for a server on the loopback: so many connections, each of which asks for one thing after the
// other. One thread and as little work as can be, since client and server share the processors.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/error.h"

namespace triage::bench {

struct Exchange {
  std::string bytes;  // as they are sent
  bool cut = false;   // they are no whole request: the client goes away behind them
};

class LoadClient {
 public:
  // next(n): what is asked as the n-th thing. It outlives its use.
  using Next = std::function<const Exchange&(std::uint64_t)>;

  LoadClient(int port, int connections) : port_(port), connections_(static_cast<std::size_t>(connections)) {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (Connection& connection : connections_) connect(connection);
  }
  ~LoadClient() {
    for (const Connection& connection : connections_) ::close(connection.socket);
    ::close(poll_);
  }
  LoadClient(const LoadClient&) = delete;
  LoadClient& operator=(const LoadClient&) = delete;

  std::uint64_t answered(int first_digit) const { return answered_[first_digit]; }

  // Until `requests` were asked and answered, or `seconds` are over. Returns the answers a second.
  double run(const Next& next, std::uint64_t requests, double seconds) {
    const double start = steady_seconds();
    std::uint64_t asked = 0, done = 0;
    std::size_t under_way = 0;
    const auto ask = [&](Connection& connection) {
      while (asked < requests && seconds_since(start) < seconds) {
        const Exchange& exchange = next(asked++);
        send_all(connection, exchange.bytes);
        if (!exchange.cut) {
          ++under_way;
          return;
        }
        connect_again(connection);
        ++done;
      }
    };
    for (Connection& connection : connections_) ask(connection);
    epoll_event events[64];
    while (under_way > 0) {
      const int n = ::epoll_wait(poll_, events, std::size(events), 30'000);
      if (n <= 0) fail("port {}: no answer within 30 s", port_);
      for (int i = 0; i < n; ++i) {
        Connection& connection = connections_[events[i].data.u32];
        if (!receive(connection)) continue;
        --under_way;
        ++done;
        ask(connection);
      }
    }
    return static_cast<double>(done) / seconds_since(start);
  }

 private:
  struct Connection {
    int socket = -1;
    std::string received;
  };

  void connect(Connection& connection) {
    connection.received.clear();
    connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      fail("port {}: {}", port_, std::generic_category().message(errno));
    const int on = 1;
    ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{.events = EPOLLIN,
                      .data = {.u32 = static_cast<std::uint32_t>(&connection - connections_.data())}};
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, connection.socket, &event);
  }
  void connect_again(Connection& connection) {
    ::close(connection.socket);
    connect(connection);
  }
  void send_all(Connection& connection, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(connection.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;  // an answer may have come before the whole request was read
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  // True: the answer is complete.
  bool receive(Connection& connection) {
    char block[16384];
    const ssize_t n = ::recv(connection.socket, block, sizeof block, 0);
    if (n <= 0) fail("port {}: a connection was closed without an answer to its request", port_);
    connection.received.append(block, static_cast<std::size_t>(n));
    const std::string& text = connection.received;
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const std::size_t field = lower_find(text, "content-length: ");
    std::size_t length = 0;
    if (field < head) std::from_chars(text.data() + field + 16, text.data() + head, length);
    if (text.size() < head + 4 + length) return false;
    const bool closes = lower_find(text, "connection: close") < head;
    const int digit = text.size() > 9 ? text[9] - '0' : 0;
    ++answered_[digit >= 0 && digit < 6 ? digit : 0];
    connection.received.clear();
    if (closes) connect_again(connection);
    return true;
  }
  static std::size_t lower_find(const std::string& text, std::string_view words) {
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
    return static_cast<std::size_t>(std::search(text.begin(), text.end(), words.begin(), words.end(), same) -
                                    text.begin());
  }

  int port_, poll_ = -1;
  std::vector<Connection> connections_;
  std::uint64_t answered_[6] = {};
};

}  // namespace triage::bench
