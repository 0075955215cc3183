// Map: Impl: the loop, what connections ask of it, listening, accepting, stopping -> HttpServer.
#include "serving/http/http_server.h"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>
#include <unordered_map>

#include "core/clock.h"
#include "core/error.h"
#include "core/system/limits.h"
#include "serving/http/connection.h"
#include "serving/http/mailbox.h"
#include "serving/http/tls.h"

namespace triage::serving {
namespace {

constexpr double kTimerSeconds = 0.1;
constexpr double kIdleAtStopSeconds = 1;  // for a request that a client has sent and we have not seen
constexpr int kBacklog = 1024;
constexpr int kAlone = 8;              // requests in a row of one connection
constexpr double kPollSeconds = 1e-4;  // that the thread stays awake for its next one

// A client that has gone is no signal: libevent writes without MSG_NOSIGNAL, OpenSSL as well. Of this thread alone.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec at_once{};
    while (sigtimedwait(&pipe_, nullptr, &at_once) > 0) continue;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_{}, before_{};
};

std::string address_text(const sockaddr* address, int length) {
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (::getnameinfo(address, static_cast<socklen_t>(length), host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "?";
  return std::format("{}:{}", host, port);
}

}  // namespace

class HttpServer::Impl : public ConnectionOwner {
  template <auto Free>
  struct Freed {
    template <class T>
    void operator()(T* pointer) const {
      Free(pointer);
    }
  };
  using Base = std::unique_ptr<event_base, Freed<event_base_free>>;
  using Event = std::unique_ptr<::event, Freed<event_free>>;
  using Listener = std::unique_ptr<evconnlistener, Freed<evconnlistener_free>>;

 public:
  Impl(HttpOptions options, Handler handler, OnAnswer on_answer)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        on_answer_(std::move(on_answer)),
        budget_(counts_.buffered_bytes, options_.limits.buffered_bytes) {
    if (!options_.tls_certificate.empty()) tls_ = tls_server_context(options_.tls_certificate, options_.tls_key);
    base_.reset(event_base_new());
    if (!base_) fail("libevent: no event loop could be made");
    listen();
    mail_.reset(event_new(base_.get(), mailbox_->descriptor(), EV_READ | EV_PERSIST, on_mail, this));
    timer_.reset(event_new(base_.get(), -1, EV_PERSIST, on_timer, this));
    reaper_.reset(event_new(base_.get(), -1, 0, on_reap, this));
    if (!mail_ || !timer_ || !reaper_) fail("libevent: no events could be made");
    const timeval period{0, static_cast<suseconds_t>(kTimerSeconds * 1e6)};
    event_add(mail_.get(), nullptr);
    event_add(timer_.get(), &period);
  }

  int port() const { return port_; }
  const HttpCounts& counts() const { return counts_; }

  bool run() {
    const NoPipeSignal mask;
    thread_ = std::this_thread::get_id();
    const auto stays_awake = [this] { return poll_until_ > 0 && steady_seconds() < poll_until_; };
    while (event_base_loop(base_.get(), stays_awake() ? EVLOOP_NONBLOCK : EVLOOP_ONCE) == 0 &&
           event_base_got_break(base_.get()) == 0)
      continue;
    const bool all = connections_.empty();
    connections_.clear();
    return all;
  }
  void stop() {
    stop_ = true;
    mailbox_->wake();
  }

  // ConnectionOwner
  const HttpLimits& limits() const override { return options_.limits; }
  bool stopping() const override { return stopping_since_ > 0; }
  BufferBudget& budget() override { return budget_; }
  void on_request(std::uint64_t connection, std::shared_ptr<HttpRequest> request,
                  std::shared_ptr<Outlet> outlet) override {
    counts_.received_bytes += request->body.size();
    in_a_row_ = connection == last_asked_ ? std::min(in_a_row_ + 1, kAlone) : 0;
    last_asked_ = connection;
    request->alone = in_a_row_ == kAlone;
    const double received = request->received;
    const bool soon =
        received - answered_ < (poll_until_ > 0 ? 1 : 2) * kPollSeconds;  // where it slept, with the waking
    const auto send = [mailbox = mailbox_, server = this, connection, here = thread_, outlet = std::move(outlet),
                       asked = request.get()](HttpResponse response) {
      if (std::this_thread::get_id() == here) return server->deliver(connection, std::move(response));
      if (server->stop_ || !outlet->claim()) return mailbox->put(connection, std::move(response));
      const std::string head = response_head(response, true);
      const std::string_view body = asked->method == "HEAD" ? std::string_view{} : response.body;
      server->on_answer(*asked, response, head.size() + body.size());
      if (outlet->write(head, body)) mailbox->put(connection, std::nullopt);
    };
    const std::shared_ptr<HttpRequest> kept = std::move(request);  // an answer at once lets go of the connection's
    handler_(kept, HttpReply(send));
    const bool at_once = answered_ > received;
    poll_until_ = at_once && soon && kept->alone && has_cpus_ ? answered_ + kPollSeconds : 0;
  }
  void on_answer(const HttpRequest& request, const HttpResponse& response, std::size_t bytes) override {
    ++counts_.answers[std::min(response.status / 100, 5)];
    counts_.sent_bytes += bytes;
    const double now = steady_seconds();
    answered_ = now;
    if (on_answer_) on_answer_(request, response, bytes, request.received > 0 ? now - request.received : 0);
  }
  void on_closed(std::uint64_t connection) override {
    closed_.push_back(connection);
    event_active(reaper_.get(), EV_TIMEOUT, 0);
  }

 private:
  void listen() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(options_.port);
    const std::string host = options_.host == "localhost" ? "127.0.0.1" : options_.host;
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0)
      fail("--host: expected an address of this machine, found '{}'", options_.host);
    const std::unique_ptr<addrinfo, Freed<::freeaddrinfo>> address(found);
    listener_.reset(evconnlistener_new_bind(base_.get(), on_accept, this,
                                            LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, kBacklog,
                                            address->ai_addr, static_cast<int>(address->ai_addrlen)));
    if (!listener_)
      fail("{} port {}: cannot listen: {}", options_.host, options_.port, std::generic_category().message(errno));
    evconnlistener_set_error_cb(listener_.get(), on_accept_error);
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    if (::getsockname(evconnlistener_get_fd(listener_.get()), reinterpret_cast<sockaddr*>(&bound), &length) != 0)
      fail("getsockname: {}", std::generic_category().message(errno));
    port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                              : reinterpret_cast<sockaddr_in&>(bound).sin_port);
  }

  void accept(evutil_socket_t socket, std::string peer) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bufferevent* const buffer = tls_ ? tls_socket(base_.get(), socket, tls_.get())
                                     : bufferevent_socket_new(base_.get(), socket, BEV_OPT_CLOSE_ON_FREE);
    if (buffer == nullptr) {
      ::close(socket);
      return;
    }
    const std::uint64_t id = ++counts_.connections;
    ++counts_.open;
    connections_.emplace(id, std::make_unique<Connection>(*this, id, buffer, std::move(peer)));
    if (connections_.size() >= static_cast<std::size_t>(options_.limits.connections) && listener_)
      evconnlistener_disable(listener_.get());
  }

  void listen_again() {
    if (listener_ && connections_.size() < static_cast<std::size_t>(options_.limits.connections))
      evconnlistener_enable(listener_.get());
  }

  void deliver(std::uint64_t connection, std::optional<HttpResponse> response) {
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return;
    if (response) return found->second->answer(std::move(*response));
    found->second->go_on();
  }

  void begin_stop() {
    stopping_since_ = steady_seconds();
    // What has connected is not sent away: it may have sent a request already.
    const int socket = evconnlistener_get_fd(listener_.get());
    for (;;) {
      sockaddr_storage peer{};
      socklen_t length = sizeof peer;
      const int accepted = ::accept4(socket, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted < 0) break;
      accept(accepted, address_text(reinterpret_cast<sockaddr*>(&peer), static_cast<int>(length)));
    }
    listener_.reset();
  }

  void check_stop() {
    if (stop_ && stopping_since_ == 0) begin_stop();
    if (stopping_since_ == 0) return;
    const double since = seconds_since(stopping_since_);
    if (since > kIdleAtStopSeconds) {
      for (auto& [id, connection] : connections_) connection->close_if_idle();
    }
    if (connections_.empty() || since > options_.limits.stop_seconds) event_base_loopbreak(base_.get());
  }

  static Impl& of(void* self) { return *static_cast<Impl*>(self); }
  static void on_accept(evconnlistener*, evutil_socket_t socket, sockaddr* address, int length, void* self) {
    of(self).accept(socket, address_text(address, length));
  }
  // No descriptors left, mostly: those that wait are taken when the timer comes.
  static void on_accept_error(evconnlistener* listener, void*) { evconnlistener_disable(listener); }
  static void on_mail(evutil_socket_t, short, void* self) {
    for (auto& [connection, response] : of(self).mailbox_->take()) of(self).deliver(connection, std::move(response));
    of(self).check_stop();
  }
  static void on_timer(evutil_socket_t, short, void* self) {
    const double now = steady_seconds();
    for (auto& [id, connection] : of(self).connections_) connection->check_time(now);
    of(self).listen_again();
    of(self).check_stop();
  }
  static void on_reap(evutil_socket_t, short, void* self) {
    Impl& server = of(self);
    for (const std::uint64_t id : std::exchange(server.closed_, {})) {
      server.connections_.erase(id);
      --server.counts_.open;
    }
    server.listen_again();
    server.check_stop();
  }

  HttpOptions options_;
  Handler handler_;
  OnAnswer on_answer_;
  TlsContext tls_;
  HttpCounts counts_;
  BufferBudget budget_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::atomic<bool> stop_{false};
  std::thread::id thread_;
  double stopping_since_ = 0;
  const bool has_cpus_ = usable_cpus() > 1;  // else who stays awake keeps others from running
  std::uint64_t last_asked_ = 0;             // a connection
  int in_a_row_ = 0;                         // of its requests
  std::atomic<double> answered_{0};          // the last answer
  double poll_until_ = 0;                    // until then the thread does not sleep
  int port_ = 0;
  Base base_;
  Listener listener_;
  Event mail_, timer_, reaper_;
  std::vector<std::uint64_t> closed_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
};

HttpServer::HttpServer(HttpOptions options, Handler handler, OnAnswer on_answer)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler), std::move(on_answer))) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const { return impl_->port(); }
const HttpCounts& HttpServer::counts() const { return impl_->counts(); }
bool HttpServer::run() { return impl_->run(); }
void HttpServer::stop() { impl_->stop(); }

}  // namespace triage::serving
