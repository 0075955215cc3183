// A request and its answer, as HttpServer has them.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace triage::serving {

// Whether who asked is still there. Thread-safe.
class Presence {
 public:
  // Called once the client has gone before its answer, in the server's thread; at once where it is gone already.
  void when_gone(std::function<void()> call);
  void gone();
  bool is_gone() const;

 private:
  mutable std::mutex mutex_;
  bool gone_ = false;
  std::function<void()> call_;
};

struct HttpRequest {
  std::string method, path, query;  // "GET"; "/v2/models/m" (percent signs undone), what stands behind '?'
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::vector<std::uint8_t> body;
  std::string peer;     // "127.0.0.1:5034"
  double received = 0;  // steady_seconds() of its first byte
  bool alone = false;   // its connection has asked several times, and no other one in between
  Presence client;

  const std::string* header(std::string_view name) const;  // of several the first; null: there is none
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string note;  // for HttpServer::on_answer, not sent
};

// What answers a request: once, from any thread. Where it is destroyed before, the answer is 500. It may outlive its
// connection (the answer is dropped), not its server.
class HttpReply {
 public:
  using Send = std::function<void(HttpResponse)>;
  explicit HttpReply(Send send) : send_(std::move(send)) {}
  HttpReply(HttpReply&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
  HttpReply& operator=(HttpReply&&) = delete;
  ~HttpReply();
  void operator()(HttpResponse response);

 private:
  Send send_;
};

// What stands before the body of an answer.
std::string response_head(const HttpResponse& response, bool keep_alive);

// "a%20b" as "a b". False: a percent sign without two hexadecimal digits.
bool undo_percent(std::string_view text, std::string& out);

}  // namespace triage::serving
