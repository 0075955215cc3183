#include "serving/http/http_message.h"

#include <charconv>
#include <ctime>
#include <format>

namespace triage::serving {
namespace {

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

// Of the Date header; made once a second by each thread.
const std::string& date_now() {
  thread_local std::time_t second = 0;
  thread_local std::string date;
  const std::time_t now = std::time(nullptr);
  if (now != second) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[64];
    date.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    second = now;
  }
  return date;
}

}  // namespace

void Presence::when_gone(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      call_ = std::move(call);
      return;
    }
  }
  call();
}

void Presence::gone() {
  std::function<void()> call;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    call = std::exchange(call_, nullptr);
  }
  if (call) call();
}

bool Presence::is_gone() const {
  const std::lock_guard lock(mutex_);
  return gone_;
}

const std::string* HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

HttpReply::~HttpReply() {
  if (send_) send_({.status = 500, .body = R"({"error":"the request was dropped"})"});
}

void HttpReply::operator()(HttpResponse response) {
  if (const Send send = std::exchange(send_, nullptr)) send(std::move(response));
}

std::string response_head(const HttpResponse& response, bool keep_alive) {
  std::string head = std::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nX-Content-Type-Options: nosniff\r\n",
      response.status, reason_phrase(response.status), date_now(), response.content_type, response.body.size());
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  if (!keep_alive) head += "Connection: close\r\n";
  return head += "\r\n";
}

bool undo_percent(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) return false;
    out += static_cast<char>(value);
    i += 2;
  }
  return true;
}

}  // namespace triage::serving
