#include "serving/http/request_parser.h"

#include <algorithm>
#include <cctype>

#include "core/json.h"

namespace triage::serving {
namespace {

constexpr std::size_t kMaxHeaders = 100;

std::size_t content_length(const llhttp_t& parser) {
  return (parser.flags & F_CONTENT_LENGTH) != 0 ? static_cast<std::size_t>(parser.content_length) : 0;
}

}  // namespace

bool BufferBudget::take(std::size_t bytes) {
  if (taken_ + bytes > most_) return false;
  taken_ += bytes;
  return true;
}

// C's callbacks into members.
struct RequestParser::Callbacks {
  static RequestParser& of(llhttp_t* parser) { return *static_cast<RequestParser*>(parser->data); }
  static const llhttp_settings_t& settings() {
    static const llhttp_settings_t shared = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_url = [](llhttp_t* p, const char* at, std::size_t n) {
        return of(p).add_header_part({at, n}, of(p).target_);
      };
      made.on_header_field = [](llhttp_t* p, const char* at, std::size_t n) {
        return of(p).add_header_part({at, n}, of(p).name_);
      };
      made.on_header_value = [](llhttp_t* p, const char* at, std::size_t n) {
        return of(p).add_header_part({at, n}, of(p).value_);
      };
      made.on_header_value_complete = [](llhttp_t* p) { return of(p).end_header(); };
      made.on_headers_complete = [](llhttp_t* p) { return of(p).begin_body(); };
      made.on_body = [](llhttp_t* p, const char* at, std::size_t n) { return of(p).add_body({at, n}); };
      made.on_message_complete = [](llhttp_t*) { return static_cast<int>(HPE_PAUSED); };
      return made;
    }();
    return shared;
  }
};

RequestParser::RequestParser(const HttpLimits& limits, BufferBudget& budget) : limits_(limits), budget_(budget) {
  llhttp_init(&parser_, HTTP_REQUEST, &Callbacks::settings());
  parser_.data = this;
}

void RequestParser::begin(const std::string& peer) {
  release();
  request_ = std::make_shared<HttpRequest>();
  request_->peer = peer;
  target_.clear();
  name_.clear();
  value_.clear();
  header_bytes_ = 0;
  in_body_ = waits_to_continue_ = false;
  llhttp_resume(&parser_);
}

void RequestParser::release() {
  budget_.give(std::exchange(taken_, 0));
  request_.reset();
}

RequestParser::Found RequestParser::parse(std::string_view bytes, std::size_t& used) {
  const llhttp_errno_t result = llhttp_execute(&parser_, bytes.data(), bytes.size());
  used = bytes.size();
  if (result == HPE_OK) return Found::part;
  if (result == HPE_PAUSED) {
    used = static_cast<std::size_t>(llhttp_get_error_pos(&parser_) - bytes.data());
    return Found::request;
  }
  if (refused_ == 0) {
    refuse(400, result == HPE_PAUSED_UPGRADE || result == HPE_PAUSED_H2_UPGRADE
                    ? "HTTP/1.1: expected no upgrade to another protocol"
                    : std::string("HTTP/1.1: ") + llhttp_get_error_reason(&parser_));
  }
  return Found::refusal;
}

bool RequestParser::take_continue() { return request_->body.empty() && std::exchange(waits_to_continue_, false); }

bool RequestParser::keep_alive() const { return llhttp_should_keep_alive(&parser_) != 0; }

HttpResponse RequestParser::refusal() const {
  HttpResponse response{.status = refused_, .body = dump_json(Json{{"error", refusal_}})};
  if (refused_ == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

int RequestParser::refuse(int status, std::string text) {
  refused_ = status;
  refusal_ = std::move(text);
  return -1;
}

int RequestParser::add_header_part(std::string_view text, std::string& part) {
  header_bytes_ += text.size();
  if (header_bytes_ > limits_.header_bytes)
    return refuse(431, std::format("headers: expected at most {} bytes", limits_.header_bytes));
  part += text;
  return 0;
}

int RequestParser::end_header() {
  if (request_->headers.size() == kMaxHeaders)
    return refuse(431, std::format("headers: expected at most {}", kMaxHeaders));
  for (char& c : name_) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  request_->headers.emplace_back(std::move(name_), std::move(value_));
  name_.clear();
  value_.clear();
  return 0;
}

int RequestParser::begin_body() {
  request_->method = llhttp_method_name(static_cast<llhttp_method_t>(parser_.method));
  if (parser_.method != HTTP_CONNECT) parser_.upgrade = 0;  // to another protocol: a wish, which is not granted
  const std::size_t query = target_.find('?');
  if (target_.empty() || target_[0] != '/' || !undo_percent(target_.substr(0, query), request_->path))
    return refuse(400, "request line: expected a path that begins with '/'");
  if (query != std::string::npos) request_->query = target_.substr(query + 1);
  if (request_->header("content-encoding") != nullptr) return refuse(415, "content-encoding: expected none");
  const std::size_t length = content_length(parser_);
  if (length > limits_.body_bytes)
    return refuse(413, std::format("body: expected at most {} bytes, found {}", limits_.body_bytes, length));
  if (!budget_.take(length)) return refuse(503, "too many bytes of requests are being worked on");
  taken_ = length;
  request_->body.reserve(length);
  in_body_ = true;
  const std::string* const expect = request_->header("expect");
  waits_to_continue_ = expect != nullptr && *expect == "100-continue";
  if (expect != nullptr && !waits_to_continue_) return refuse(417, "expect: expected '100-continue'");
  return 0;
}

int RequestParser::add_body(std::string_view bytes) {
  std::vector<std::uint8_t>& body = request_->body;
  const std::size_t size = body.size() + bytes.size();
  if (size > taken_) {  // in chunks: nobody said how long it would be
    const std::size_t limit = limits_.body_bytes;
    if (size > limit) return refuse(413, std::format("body: expected at most {} bytes", limit));
    const std::size_t room = std::min(limit, std::max(size, 2 * body.capacity()));
    if (!budget_.take(room - taken_)) return refuse(503, "too many bytes of requests are being worked on");
    taken_ = room;
    body.reserve(room);
  }
  body.insert(body.end(), bytes.begin(), bytes.end());
  return 0;
}

}  // namespace triage::serving
