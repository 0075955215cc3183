// Messages between the processes of a training: JSON texts over TCP, each behind its length (4 bytes, the highest
// first). What a peer sends is read with a limit and is not trusted to be JSON; there is no encryption and no password,
// so the machines must trust their network, as c10d's own connections ask for too. Errors name host and port.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/json.h"

namespace triage::train {

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  ~Socket();
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// One end of a connection. Any thread may send, one at a time receive.
class Channel {
 public:
  explicit Channel(Socket socket);

  // False: the other end is gone, or takes nothing for 5 s.
  bool send(const Json& message) const;
  // Blocks for a message; none: the other end is gone. Throws Error after `seconds`, and for what is no message.
  std::optional<Json> receive(double seconds) const;

  int fd() const { return socket_.fd(); }
  std::string here() const;  // this end's address, such as "10.0.0.7"

 private:
  Socket socket_;
  std::unique_ptr<std::mutex> sending_;
};

class Listener {
 public:
  // port 0: a free one. Throws Error where it is taken.
  Listener(const std::string& address, int port);
  int port() const { return port_; }
  std::optional<Channel> accept(double seconds) const;  // none: nobody came in that time

 private:
  Socket socket_;
  int port_ = 0;
};

// Tries again for `seconds` while nobody answers; retry false: a refused connection is the end of it.
Channel connect_to(const std::string& host, int port, double seconds, bool retry = true);

}  // namespace triage::train
