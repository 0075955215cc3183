#include "serving/http/outlet.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <utility>

namespace triage::serving {

std::size_t send_now(int socket, std::string_view head, std::string_view body) {
  iovec parts[] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = std::size(parts);
  const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

void Outlet::open(int socket) {
  socket_ = socket;
  phase_.store(Phase::open, std::memory_order_release);
}

bool Outlet::close() {
  Phase phase = Phase::open;
  if (phase_.compare_exchange_strong(phase, Phase::closed) || phase == Phase::closed) return true;
  phase = Phase::writing;
  phase_.compare_exchange_strong(phase, Phase::awaited);
  return false;
}

std::string Outlet::take_rest() {
  phase_.store(Phase::closed, std::memory_order_relaxed);
  return std::exchange(rest_, {});
}

bool Outlet::claim() {
  Phase phase = Phase::open;
  return phase_.compare_exchange_strong(phase, Phase::writing);
}

bool Outlet::write(std::string_view head, std::string_view body) {
  const std::size_t sent = send_now(socket_, head, body), of_head = std::min(sent, head.size());
  const bool all = sent == head.size() + body.size();
  if (!all) (rest_ = head.substr(of_head)) += body.substr(sent - of_head);
  return phase_.exchange(Phase::written) == Phase::awaited || !all;
}

}  // namespace triage::serving
