// Inside serving/http: the bytes of a connection as requests, one after the other, within the limits. The grammar is
// llhttp's, in its strict form.
#pragma once

#include <llhttp.h>

#include <atomic>
#include <memory>

#include "serving/http/http_server.h"

namespace triage::serving {

// Bytes of all bodies together. Of the server's thread alone; the count may be read by others.
class BufferBudget {
 public:
  BufferBudget(std::atomic<std::uint64_t>& taken, std::size_t most) : taken_(taken), most_(most) {}
  bool take(std::size_t bytes);  // false: they would be too many
  void give(std::size_t bytes) { taken_ -= bytes; }

 private:
  std::atomic<std::uint64_t>& taken_;
  std::size_t most_;
};

class RequestParser {
 public:
  enum class Found { part, request, refusal };

  RequestParser(const HttpLimits& limits, BufferBudget& budget);
  ~RequestParser() { release(); }
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  void begin(const std::string& peer);  // a request, in place of the one before
  // used: of `bytes`; what follows a whole request is the next one's.
  Found parse(std::string_view bytes, std::size_t& used);
  void release();  // the request, and its share of the budget

  const std::shared_ptr<HttpRequest>& request() const { return request_; }
  bool in_body() const { return in_body_; }
  bool take_continue();     // whether the client waits for "100 Continue"; true once
  bool keep_alive() const;  // of a whole request: what the client wants
  bool is_http_1_1() const { return parser_.http_major == 1 && parser_.http_minor >= 1; }
  int refuse(int status,
             std::string text);  // what parse() does by itself: the request ends here. Not 0: so that llhttp ends
  HttpResponse refusal() const;  // what was wrong

 private:
  struct Callbacks;

  int add_header_part(std::string_view text, std::string& part);
  int end_header();
  int begin_body();
  int add_body(std::string_view bytes);

  const HttpLimits& limits_;
  BufferBudget& budget_;
  llhttp_t parser_{};
  std::shared_ptr<HttpRequest> request_;
  std::string target_, name_, value_;
  std::size_t header_bytes_ = 0, taken_ = 0;  // taken_: of the budget
  bool in_body_ = false, waits_to_continue_ = false;
  int refused_ = 0;  // the status
  std::string refusal_;
};

}  // namespace triage::serving
