// Real sockets on the loopback, in the system's own words: what a client sends and gets, byte by byte (RFC 9112).
#include "serving/http/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <format>
#include <future>
#include <mutex>
#include <thread>

#include "core/error.h"

namespace triage::serving {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

bool connects(int socket, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

void wait_until_nobody_listens(int port) {
  for (bool listens = true; listens;) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    listens = connects(socket, port);
    ::close(socket);
  }
}

class Client {
 public:
  explicit Client(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (!connects(socket_, port)) fail("cannot connect");
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(std::string_view bytes) const {
    if (::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      fail("cannot send");
  }
  std::string until(const std::string& end) {  // what comes, up to and with these words; or all of it
    std::size_t searched = 0, found = 0;
    for (char block[4096]; (found = seen_.find(end, searched)) == std::string::npos;) {
      searched = seen_.size() - std::min(seen_.size(), end.size());
      const ssize_t n = ::recv(socket_, block, sizeof block, 0);
      if (n <= 0) return std::exchange(seen_, {});
      seen_.append(block, static_cast<std::size_t>(n));
    }
    const std::size_t size = found + end.size();
    std::string out = seen_.substr(0, size);
    seen_.erase(0, size);
    return out;
  }
  std::string rest() { return until("no answer has these words"); }
  void ends_its_half() const { ::shutdown(socket_, SHUT_WR); }
  void resets() const {  // when it is closed
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

 private:
  int socket_;
  std::string seen_;
};

// Answers with what it was asked; "/later" waits for the test, "/drop" never answers.
class HttpServerTest : public testing::Test {
 protected:
  void start(const HttpLimits& limits = {}) {
    server_ = std::make_unique<HttpServer>(
        HttpOptions{.limits = limits},
        [this](const std::shared_ptr<HttpRequest>& request, HttpReply reply) {
          if (request->path == "/drop") return;
          if (request->path == "/later") {
            request->client.when_gone([this] { gone_.set_value(); });
            return later_.set_value(std::make_shared<HttpReply>(std::move(reply)));
          }
          const std::string* const a = request->header("x-a");
          reply({.content_type = "text/plain",
                 .body = request->method + " " + request->path + "?" + request->query + " " +
                         (a != nullptr ? *a : "-") + " " + std::string(request->body.begin(), request->body.end()) +
                         "."});
        },
        [this](const HttpRequest&, const HttpResponse& response, std::size_t, double) { status_ = response.status; });
    thread_ = std::thread([this] { all_answered_ = server_->run(); });
  }
  bool stop() {
    server_->stop();
    thread_.join();
    return all_answered_;
  }
  ~HttpServerTest() override {
    if (thread_.joinable()) stop();
  }
  std::string answer_to(std::string_view request) {
    Client client(server_->port());
    client.send(request);
    return client.rest();
  }

  std::promise<std::shared_ptr<HttpReply>> later_;
  std::promise<void> gone_;
  int status_ = 0;  // of the last answer; to be read once it has stopped
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  bool all_answered_ = false;
};

TEST_F(HttpServerTest, RequestsOfOneConnectionOneAfterTheOther) {
  start();
  Client client(server_->port());
  // Two at once, the second one cut within its body.
  client.send("GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\r\nPOST /e HTTP/1.1\r\nContent-Length: 3\r\n\r\nfg");
  EXPECT_THAT(client.until("GET /a b?c=d 1 ."),
              testing::AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), testing::EndsWith("GET /a b?c=d 1 .")));
  client.send("h");
  EXPECT_THAT(client.until("POST /e? - fgh."), testing::EndsWith("POST /e? - fgh."));
  client.send("GET /m HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  EXPECT_THAT(client.until("GET /m? - ."), testing::EndsWith("GET /m? - ."));
  client.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nij\r\n1\r\nk\r\n0\r\n\r\n");
  EXPECT_THAT(client.until("POST /? - ijk."), testing::EndsWith("POST /? - ijk."));
  client.send("POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("lHEAD / HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.until("POST /? - l."), testing::EndsWith("POST /? - l."));
  const std::string head = client.rest();
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(head, testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, WhatIsNoRequestOrTooLarge) {
  start({.header_bytes = 1000, .body_bytes = 10});
  const std::pair<std::string, const char*> cases[] = {
      {"hello\r\n\r\n", "400"},
      {"GET /%zz HTTP/1.1\r\n\r\n", "400"},
      {"GET x HTTP/1.1\r\n\r\n", "400"},
      {"CONNECT a:1 HTTP/1.1\r\n\r\n", "400"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nA: " + std::string(2000, 'a') + "\r\n\r\n", "431"},
      {"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n", "413"},
      {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string("b\r\n01234567890\r\n0\r\n\r\n"), "413"},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "400"},
      {"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na", "415"},
      {"POST / HTTP/1.1\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\na", "417"}};
  for (const auto& [request, status] : cases) {
    const std::string answer = answer_to(request);
    EXPECT_THAT(answer, StartsWith(std::string("HTTP/1.1 ") + status)) << request;
    EXPECT_THAT(answer, HasSubstr("{\"error\":")) << request;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << request;
  }
  EXPECT_EQ(server_->counts().buffered_bytes, 0);
}

TEST_F(HttpServerTest, AllRequestsTogetherHaveALimit) {
  start({.body_bytes = 100, .buffered_bytes = 150});
  Client first(server_->port());
  first.send("POST /later HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'a'));
  const std::shared_ptr<HttpReply> reply = later_.get_future().get();
  const std::string second = answer_to("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'b'));
  EXPECT_THAT(second, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(second, HasSubstr("Retry-After: "));
  (*reply)({.body = "done."});
  EXPECT_THAT(first.until("done."), testing::EndsWith("done."));
  EXPECT_THAT(answer_to("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nc"), HasSubstr(" c."));
}

TEST_F(HttpServerTest, SlowClientsAreSentAway) {
  start({.header_seconds = 0.3, .body_seconds = 0.3, .idle_seconds = 0.3});  // more than this client needs to send
  EXPECT_THAT(answer_to("GET / HT"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(answer_to("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na"), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(answer_to(""), "");
  EXPECT_THAT(answer_to("GET / HTTP/1.1\r\n\r\n"), testing::EndsWith("GET /? - ."));  // and then it is idle
}

TEST_F(HttpServerTest, AnswersOfOtherThreadsAndNone) {
  start();
  Client client(server_->port());
  client.send("GET /later HTTP/1.1\r\n\r\n");
  (*later_.get_future().get())({.status = 404, .headers = {{"X-B", "c"}}, .body = "later."});
  const std::string answer = client.until("later.");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-B: c\r\n"));
  client.send("GET /drop HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.until("}"), StartsWith("HTTP/1.1 500 "));
}

// Answers of a thread of its own, some of them behind a next request, or to a client that sends none.
TEST(HttpServer, AnswersOfAnotherThreadInAnyOrder) {
  std::mutex mutex;
  std::condition_variable waits;
  std::deque<std::pair<std::string, std::shared_ptr<HttpReply>>> asked;
  HttpServer server({}, [&](const std::shared_ptr<HttpRequest>& request, HttpReply reply) {
    const std::lock_guard lock(mutex);
    asked.emplace_back(request->path, std::make_shared<HttpReply>(std::move(reply)));
    waits.notify_one();
  });
  std::thread loop([&] { EXPECT_TRUE(server.run()); });
  std::thread answers([&] {
    for (std::string path; path != "/end";) {
      std::unique_lock lock(mutex);
      waits.wait(lock, [&] { return !asked.empty(); });
      const auto [next, reply] = std::move(asked.front());
      asked.pop_front();
      lock.unlock();
      path = next;
      (*reply)({.body = path + (path == "/long" ? std::string(1 << 22, 'a') : "") + "."});
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      const auto get = [](const std::string& path) { return "GET " + path + " HTTP/1.1\r\n\r\n"; };
      Client client(server.port());
      for (int i = 0; i < 200; ++i) {
        const std::string path = std::format("/{}/{}", c, i);
        client.send(get(path));
        if (i % 3 == 0) client.send(get("/more"));
        EXPECT_THAT(client.until(path + "."),
                    testing::AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("\r\n\r\n" + path)));
        if (i % 3 != 0) continue;
        EXPECT_THAT(client.until("/more."), StartsWith("HTTP/1.1 200 OK\r\n"));
      }
      client.send(get("/long"));  // more than a socket takes at once
      EXPECT_THAT(client.until("a."), StartsWith("HTTP/1.1 200 OK\r\n"));
    });
  }
  for (std::thread& client : clients) client.join();
  Client(server.port()).send("GET /end HTTP/1.1\r\n\r\n");
  answers.join();
  server.stop();
  loop.join();
}

TEST_F(HttpServerTest, AStopLosesNothing) {
  start();
  Client working(server_->port()), half(server_->port());
  working.send("GET /later HTTP/1.1\r\n\r\n");
  half.send("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na");
  const std::shared_ptr<HttpReply> reply = later_.get_future().get();
  server_->stop();
  wait_until_nobody_listens(server_->port());  // it was seen
  half.send("b");
  EXPECT_THAT(half.rest(), testing::AllOf(HasSubstr("Connection: close\r\n"), testing::EndsWith(" ab.")));
  (*reply)({.body = "late."});
  EXPECT_THAT(working.rest(), testing::AllOf(HasSubstr("Connection: close\r\n"), testing::EndsWith("late.")));
  EXPECT_TRUE(stop());
}

TEST_F(HttpServerTest, ManyRequestsAtOnce) {
  start();
  constexpr int kRequests = 3000;  // more than a connection answers in one go, or has stack for
  std::string requests, answers;
  for (int i = 0; i < kRequests; ++i) requests += "GET / HTTP/1.1\r\n\r\n";
  Client client(server_->port());
  std::thread sender([&] {
    client.send(requests);
    client.ends_its_half();
  });
  for (int i = 0; i < kRequests; ++i) EXPECT_THAT(client.until("GET /? - ."), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(client.rest(), "");
  sender.join();
}

// Closed, or reset: it is told while the request is worked on, and the body is counted until the answer comes.
TEST_F(HttpServerTest, AClientThatGoesIsNoticed) {
  for (const bool reset : {false, true}) {
    start();
    later_ = {};
    gone_ = {};
    std::shared_ptr<HttpReply> reply;
    {
      const Client gone(server_->port());
      gone.send("POST /later HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde");
      if (reset) gone.resets();
      reply = later_.get_future().get();
    }
    gone_.get_future().wait();
    EXPECT_EQ(server_->counts().buffered_bytes, 5);
    EXPECT_THAT(answer_to("GET / HTTP/1.0\r\n\r\n"), HasSubstr("GET /? - ."));
    (*reply)({.body = std::string(1 << 20, 'a')});
    EXPECT_TRUE(stop());
    EXPECT_EQ(status_, 499);
    EXPECT_EQ(server_->counts().buffered_bytes, 0);
  }
}

TEST_F(HttpServerTest, WhoHasEndedItsHalfGetsItsAnswers) {
  start();
  Client quick(server_->port()), waits(server_->port());
  quick.send("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
  quick.ends_its_half();
  const std::string both = quick.rest();
  EXPECT_THAT(both, testing::AllOf(HasSubstr("GET /a? - ."), testing::EndsWith("GET /b? - .")));
  EXPECT_THAT(both, testing::Not(HasSubstr(" 100 ")));
  waits.send("GET /later HTTP/1.1\r\n\r\n");
  waits.ends_its_half();
  EXPECT_EQ(waits.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");  // are you there?
  (*later_.get_future().get())({.body = "late."});
  const std::string late = waits.rest();
  EXPECT_THAT(late, testing::AllOf(StartsWith("HTTP/1.1 200 "), testing::EndsWith("late.")));
}

TEST(HttpServer, WhereItCannotListen) {
  const HttpServer::Handler handler = [](const std::shared_ptr<HttpRequest>&, HttpReply) {};
  const HttpServer one({}, handler);
  EXPECT_THROW(HttpServer({.port = one.port()}, handler), Error);
  EXPECT_THROW(HttpServer({.host = "example.com"}, handler), Error);
  EXPECT_THROW(HttpServer({.tls_certificate = "/none.pem", .tls_key = "/none.pem"}, handler), Error);
}

}  // namespace
}  // namespace triage::serving
