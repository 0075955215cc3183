// HTTP/1.1 over TCP or TLS, for one purpose: requests with a body of limited size, answers made by any thread. Sockets
// are libevent's, the grammar is llhttp's, TLS is OpenSSL's. Knows nothing of what is served.
//
// One thread, the one that calls run(), reads every socket; the handler runs in it and must not block. Another thread
// that has an answer writes it itself where nothing else happens on the connection (Outlet). A connection has one
// request at a time: what follows it waits. Everything has a limit (HttpLimits), so memory is at most buffered_bytes
// and some kilobytes for each connection. Where one connection asks alone, each time soon after its answer, that thread
// looks for the next request for some microseconds before it sleeps: being woken takes as long.
//
// A client that is gone is noticed within fractions of a second (HttpRequest::client): that has reset its connection,
// or closed it, which an interim answer "100 Continue" finds out. One that has ended only what it sends gets its
// answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "serving/http/http_message.h"

namespace triage::serving {

struct HttpLimits {
  std::size_t header_bytes = 16 << 10;                  // request line and headers, else 431
  std::size_t body_bytes = std::size_t{16} << 20;       // of one request, else 413
  std::size_t buffered_bytes = std::size_t{256} << 20;  // of all requests together that are read or worked on, else 503
  int connections = 1024;                               // further ones wait in the system's queue
  double header_seconds = 10;  // from the first byte (TLS: the first of the handshake), else 408
  double body_seconds = 30;    // from the end of the headers, else 408
  double idle_seconds = 75;    // between requests
  double write_seconds = 30;   // for one answer
  double stop_seconds = 30;    // HttpServer::stop(): after that, what is still open is cut off
};

struct HttpOptions {
  std::string host = "127.0.0.1";        // an address of this machine, IPv4 or IPv6
  int port = 0;                          // 0: the system chooses
  std::string tls_certificate, tls_key;  // PEM files; empty: no TLS
  HttpLimits limits;
};

struct HttpCounts {
  std::atomic<std::uint64_t> connections{0}, open{0};
  std::atomic<std::uint64_t> answers[6]{};  // by the first digit of the status
  std::atomic<std::uint64_t> received_bytes{0}, sent_bytes{0}, buffered_bytes{0};
};

class HttpServer {
 public:
  // The request lives until the reply was called, with its share of buffered_bytes. It is handed over when it is
  // complete.
  using Handler = std::function<void(const std::shared_ptr<HttpRequest>&, HttpReply)>;
  // Before an answer goes to its socket, in the thread that gives it, several at a time: for an access log. bytes: with
  // headers.
  using OnAnswer = std::function<void(const HttpRequest&, const HttpResponse&, std::size_t bytes, double seconds)>;

  // Binds; throws Error naming host and port, or the TLS file.
  HttpServer(HttpOptions options, Handler handler, OnAnswer on_answer = {});
  ~HttpServer();

  int port() const;
  const HttpCounts& counts() const;

  // Returns after stop(), when every request that was read is answered. False: limits.stop_seconds were over before.
  bool run();
  // From any thread. No new connections; those that wait in the system's queue are still taken. What is open goes on to
  // the end of its request and gets "Connection: close"; idle connections have a second to send one more.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage::serving
