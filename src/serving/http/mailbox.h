// Inside serving/http: where other threads put their answers for the server's thread. It outlives the server for those
// that come too late.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "serving/http/http_message.h"

namespace triage::serving {

class Mailbox {
 public:
  // To which connection; no answer: it has been written, and the connection is to go on.
  using Letter = std::pair<std::uint64_t, std::optional<HttpResponse>>;

  Mailbox();
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  int descriptor() const { return descriptor_; }  // readable when something is there, or somebody has called wake()
  void wake() const;
  void put(std::uint64_t connection, std::optional<HttpResponse> response);
  std::vector<Letter> take();

 private:
  const int descriptor_;
  std::mutex mutex_;
  std::vector<Letter> letters_;
};

}  // namespace triage::serving
