#include "serving/http/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "core/error.h"

namespace triage::serving {

Mailbox::Mailbox() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (descriptor_ < 0) fail("eventfd: {}", std::generic_category().message(errno));
}

Mailbox::~Mailbox() { ::close(descriptor_); }

void Mailbox::wake() const {
  const std::uint64_t one = 1;
  if (::write(descriptor_, &one, sizeof one) < 0 && errno != EAGAIN) std::terminate();  // EAGAIN: it is awake
}

void Mailbox::put(std::uint64_t connection, std::optional<HttpResponse> response) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = letters_.empty();
    letters_.emplace_back(connection, std::move(response));
  }
  if (first) wake();
}

std::vector<Mailbox::Letter> Mailbox::take() {
  std::uint64_t count = 0;
  if (::read(descriptor_, &count, sizeof count) < 0 && errno != EAGAIN) std::terminate();
  const std::lock_guard lock(mutex_);
  return std::exchange(letters_, {});
}

}  // namespace triage::serving
