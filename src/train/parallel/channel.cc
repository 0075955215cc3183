#include "train/parallel/channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "core/clock.h"

namespace triage::train {
namespace {

constexpr std::size_t kMaxMessage = 1 << 20;
constexpr double kSendSeconds = 5, kAttemptSeconds = 2, kPauseSeconds = 0.2;

// Waits until `deadline` for the events; false: they did not come.
bool await(int fd, short events, double deadline) {
  for (;;) {
    const double left = deadline - steady_seconds();
    pollfd entry{fd, events, 0};
    const int found = ::poll(&entry, 1, left > 0 ? static_cast<int>(left * 1000) + 1 : 0);
    if (found > 0) return true;
    if (found == 0 && left <= 0) return false;
    if (found < 0 && errno != EINTR) return false;
  }
}

enum class Read { whole, closed, late };
Read read_bytes(int fd, char* to, std::size_t bytes, double deadline) {
  for (std::size_t done = 0; done < bytes;) {
    if (!await(fd, POLLIN, deadline)) return Read::late;
    const ssize_t n = ::recv(fd, to + done, bytes - done, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return Read::closed;
    done += static_cast<std::size_t>(n);
  }
  return Read::whole;
}

void configure(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses addresses_of(const std::string& host, int port, int flags) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (code != 0) fail("{}:{}: expected a host's name or address: {}", host, port, ::gai_strerror(code));
  return Addresses(found);
}

// Of one attempt; otherwise why not.
std::optional<Socket> try_connect(const addrinfo& address, double deadline, std::string& why) {
  Socket socket(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.fd() < 0) fail("socket: {}", std::strerror(errno));
  int error = 0;
  if (::connect(socket.fd(), address.ai_addr, address.ai_addrlen) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      if (!await(socket.fd(), POLLOUT, deadline))
        error = ETIMEDOUT;
      else
        ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  if (error == 0) return socket;
  why = std::strerror(error);
  return std::nullopt;
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Channel::Channel(Socket socket) : socket_(std::move(socket)), sending_(std::make_unique<std::mutex>()) {
  configure(socket_.fd());
}

bool Channel::send(const Json& message) const {
  const std::string text = dump_json(message);
  if (text.size() > kMaxMessage) fail("a message of {} bytes, expected at most {}", text.size(), kMaxMessage);
  const std::uint32_t length = htonl(static_cast<std::uint32_t>(text.size()));
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += text;
  const std::lock_guard lock(*sending_);
  const double deadline = steady_seconds() + kSendSeconds;
  for (std::size_t done = 0; done < bytes.size();) {
    if (!await(fd(), POLLOUT, deadline)) return false;
    const ssize_t n = ::send(fd(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

std::optional<Json> Channel::receive(double seconds) const {
  const double deadline = steady_seconds() + seconds;
  std::uint32_t length = 0;
  std::string text;
  const auto read = [&](char* to, std::size_t bytes) {
    const Read found = read_bytes(fd(), to, bytes, deadline);
    if (found == Read::late) fail("expected a message within {:.0f} s, found none", seconds);
    return found == Read::whole;
  };
  if (!read(reinterpret_cast<char*>(&length), sizeof length)) return std::nullopt;
  length = ntohl(length);
  if (length > kMaxMessage) fail("expected a message of a Triage process, found {} bytes", length);
  text.resize(length);
  if (!read(text.data(), length)) return std::nullopt;
  return parse_json(text, "a message");
}

std::string Channel::here() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> text{};
  if (::getsockname(fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0)
    fail("a connection's own address: {}", std::strerror(errno));
  const std::string found = text.data();
  return found.starts_with("::ffff:") ? found.substr(7) : found;
}

Listener::Listener(const std::string& address, int port) {
  const Addresses list = addresses_of(address, port, AI_PASSIVE);
  socket_ = Socket(::socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC, 0));
  if (socket_.fd() < 0) fail("socket: {}", std::strerror(errno));
  const int on = 1;
  ::setsockopt(socket_.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket_.fd(), list->ai_addr, list->ai_addrlen) != 0 || ::listen(socket_.fd(), SOMAXCONN) != 0) {
    const int error = errno;
    const std::string name = address.empty() ? "any address" : address;
    if (error == EADDRINUSE) fail("{}:{}: expected a free port, found one in use by another program", name, port);
    fail("{}:{}: cannot be listened at: {}", name, port, std::strerror(error));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                            : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

std::optional<Channel> Listener::accept(double seconds) const {
  if (!await(socket_.fd(), POLLIN, steady_seconds() + seconds)) return std::nullopt;
  const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return std::nullopt;
  return Channel(Socket(fd));
}

Channel connect_to(const std::string& host, int port, double seconds, bool retry) {
  const double deadline = steady_seconds() + seconds;
  std::string why = "no address";
  for (;;) {
    const Addresses list = addresses_of(host, port, 0);
    for (const addrinfo* address = list.get(); address != nullptr; address = address->ai_next) {
      const double until = std::min(deadline, steady_seconds() + kAttemptSeconds);
      if (std::optional<Socket> socket = try_connect(*address, until, why)) return Channel(std::move(*socket));
    }
    if (!retry) fail("{}:{}: expected rank 0 there, found none: {}", host, port, why);
    if (steady_seconds() + kPauseSeconds > deadline)
      fail("{}:{}: expected rank 0 there within {:.0f} s, found none: {}", host, port, seconds, why);
    std::this_thread::sleep_for(std::chrono::duration<double>(kPauseSeconds));
  }
}

}  // namespace triage::train
