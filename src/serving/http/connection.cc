// Map: what libevent says (on_*) -> requests (parse, hand_over) -> answers (answer, send) -> time and the end.
#include "serving/http/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <limits>
#include <thread>

#include "core/clock.h"

namespace triage::serving {
namespace {

constexpr std::size_t kReadAhead = 64 << 10;  // of a socket, unparsed
constexpr double kClosingSeconds = 1;
constexpr double kLookSeconds = 0.1;  // a client whose answer takes longer is looked for so often
constexpr int kInOneGo = 16;          // requests that wait in one connection, before others have their turn
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

struct Connection::Callbacks {
  static void readable(bufferevent*, void* self) { static_cast<Connection*>(self)->on_readable(); }
  static void written(bufferevent*, void* self) { static_cast<Connection*>(self)->on_written(); }
  static void event(bufferevent*, short what, void* self) { static_cast<Connection*>(self)->on_event(what); }
};

Connection::Connection(ConnectionOwner& owner, std::uint64_t id, bufferevent* socket, std::string peer)
    : owner_(owner),
      id_(id),
      socket_(socket),
      tls_(bufferevent_openssl_get_ssl(socket) != nullptr),
      peer_(std::move(peer)),
      parser_(owner.limits(), owner.budget()) {
  bufferevent_setcb(socket_, Callbacks::readable, Callbacks::written, Callbacks::event, this);
  bufferevent_setwatermark(socket_, EV_READ, 0, kReadAhead);
  parser_.begin(peer_);
  deadline_ = steady_seconds() + owner_.limits().header_seconds;  // a client that connects has something to say
  bufferevent_enable(socket_, EV_READ | EV_WRITE);
}

Connection::~Connection() {
  while (!outlet_->close() && !outlet_->is_written()) std::this_thread::yield();
  bufferevent_free(socket_);
}

void Connection::on_readable() {
  if (state_ == State::closing) {
    evbuffer* const input = bufferevent_get_input(socket_);
    evbuffer_drain(input, evbuffer_get_length(input));
    return;
  }
  if (state_ == State::working) return go_on();
  parse();
}

void Connection::on_written() {
  if (state_ == State::writing) after_answer();
}

void Connection::on_event(short what) {
  if ((what & BEV_EVENT_CONNECTED) != 0 || state_ == State::gone) return;  // connected: TLS's handshake has ended
  go_on();
  const bool busy = state_ == State::working || state_ == State::writing;
  if ((what & BEV_EVENT_EOF) != 0 && !tls_ && (busy || evbuffer_get_length(bufferevent_get_input(socket_)) > 0)) {
    peer_ended_ = true;
    return;
  }
  if (state_ == State::working) return give_up();
  close();
}

void Connection::go_on() {
  if (state_ != State::working || outlet_->close() || !outlet_->is_written()) return;
  enter(State::writing);
  parser_.release();
  const std::string rest = outlet_->take_rest();
  if (rest.empty()) return after_answer();
  bufferevent_write(socket_, rest.data(), rest.size());
}

void Connection::parse() {
  evbuffer* const input = bufferevent_get_input(socket_);
  parsing_ = true;
  for (int requests = 0; state_ == State::idle || state_ == State::headers || state_ == State::body;) {
    const std::size_t size = evbuffer_get_contiguous_space(input);
    if (size == 0) {
      if (peer_ended_) close();
      break;
    }
    if (requests == kInOneGo) {
      bufferevent_trigger(socket_, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
      break;
    }
    if (state_ == State::idle) {
      enter(State::headers);
      parser_.request()->received = steady_seconds();
    }
    const char* const bytes = reinterpret_cast<const char*>(evbuffer_pullup(input, static_cast<ssize_t>(size)));
    std::size_t used = 0;
    const RequestParser::Found found = parser_.parse({bytes, size}, used);
    evbuffer_drain(input, used);
    if (found == RequestParser::Found::refusal) {
      answer_refused();
      break;
    }
    if (found == RequestParser::Found::request) {
      ++requests;
      hand_over();
      continue;
    }
    if (state_ == State::headers && parser_.in_body()) enter(State::body);
    if (parser_.take_continue()) bufferevent_write(socket_, kContinue.data(), kContinue.size());
  }
  parsing_ = false;
}

void Connection::hand_over() {
  keep_alive_ = parser_.keep_alive();
  was_probed_ = false;
  enter(State::working);
  // A TLS client that ends its half could not be written to any more: its end is read behind the answer.
  if (tls_) bufferevent_disable(socket_, EV_READ);
  if (!tls_ && keep_alive_ && !peer_ended_ && parser_.request()->body.size() <= kReadAhead &&
      evbuffer_get_length(bufferevent_get_input(socket_)) == 0 &&
      evbuffer_get_length(bufferevent_get_output(socket_)) == 0)
    outlet_->open(bufferevent_getfd(socket_));
  owner_.on_request(id_, parser_.request(), outlet_);
}

void Connection::answer_refused() {
  keep_alive_ = false;
  HttpRequest& request = *parser_.request();
  if (request.method.empty()) request.method = "-";
  state_ = State::working;
  answer(parser_.refusal());
}

void Connection::answer(HttpResponse response) {
  if (state_ == State::gone) {
    response.status = 499;
    owner_.on_answer(*parser_.request(), response, 0);
    return close();
  }
  if (state_ != State::working) return;
  if (owner_.stopping()) keep_alive_ = false;
  outlet_->close();
  const std::string head = response_head(response, keep_alive_);
  const std::string_view body = parser_.request()->method == "HEAD" ? std::string_view{} : response.body;
  enter(State::writing);
  owner_.on_answer(*parser_.request(), response, head.size() + body.size());
  parser_.release();
  if (send(head, body)) after_answer();
}

// True: all of it has been sent, without waiting for the event loop. What is left is sent from there.
bool Connection::send(std::string_view head, std::string_view body) {
  evbuffer* const output = bufferevent_get_output(socket_);
  std::size_t sent = 0;
  if (!tls_ && evbuffer_get_length(output) == 0) sent = send_now(bufferevent_getfd(socket_), head, body);
  if (sent == head.size() + body.size()) return true;
  for (std::string_view part : {head, body}) {
    const std::size_t gone = std::min(sent, part.size());
    sent -= gone;
    evbuffer_add(output, part.data() + gone, part.size() - gone);
  }
  return false;
}

void Connection::after_answer() {
  if (keep_alive_) {
    parser_.begin(peer_);
    enter(State::idle);
    if (tls_) bufferevent_enable(socket_, EV_READ);
    if (!parsing_) parse();
    return;
  }
  if (peer_ended_) return close();
  if (!tls_) ::shutdown(bufferevent_getfd(socket_), SHUT_WR);
  enter(State::closing);
  bufferevent_enable(socket_, EV_READ);
  on_readable();
}

void Connection::enter(State state) {
  state_ = state;
  const HttpLimits& limits = owner_.limits();
  const double now = steady_seconds();
  switch (state) {
    case State::idle:
      deadline_ = now + limits.idle_seconds;
      break;
    case State::headers:
      deadline_ = now + limits.header_seconds;
      break;
    case State::body:
      deadline_ = now + limits.body_seconds;
      break;
    case State::working:  // the scheduler's deadlines are its own
      deadline_ = now + kLookSeconds;
      break;
    case State::writing:
      deadline_ = now + limits.write_seconds;
      break;
    case State::closing:
      deadline_ = now + kClosingSeconds;
      break;
    case State::gone:
    case State::closed:
      deadline_ = std::numeric_limits<double>::infinity();
      break;
  }
}

void Connection::check_time(double now) {
  if (now < deadline_) return;
  go_on();
  if (now < deadline_) return;
  if (state_ == State::working) {
    deadline_ = now + kLookSeconds;
    look_for_client();
  } else if (state_ == State::headers || state_ == State::body) {
    parser_.refuse(408, "the request did not come in time");
    answer_refused();
  } else {
    close();
  }
}

// A client that has ended its half of the connection may have gone, or wait for the answer. An interim answer, which
// says nothing, tells: the system of one that has gone refuses it.
void Connection::look_for_client() {
  if (!outlet_->close()) return;
  pollfd peer{.fd = bufferevent_getfd(socket_), .events = POLLRDHUP, .revents = 0};
  if (::poll(&peer, 1, 0) <= 0) return;
  if ((peer.revents & (POLLERR | POLLHUP)) != 0) return give_up();
  if (was_probed_ || !parser_.is_http_1_1()) return;
  was_probed_ = true;
  bufferevent_write(socket_, kContinue.data(), kContinue.size());
}

void Connection::close_if_idle() {
  go_on();
  if (state_ == State::idle) close();
}

// Nobody is there any more for the answer that is being worked on.
void Connection::give_up() {
  peer_ended_ = true;
  if (!outlet_->close()) return;  // it is being written, in vain
  enter(State::gone);
  bufferevent_disable(socket_, EV_READ | EV_WRITE);
  parser_.request()->client.gone();
}

void Connection::close() {
  if (state_ == State::closed) return;
  const bool there = state_ != State::gone;
  enter(State::closed);
  if (SSL* const tls = bufferevent_openssl_get_ssl(socket_); tls != nullptr && there) {
    SSL_set_shutdown(tls, SSL_RECEIVED_SHUTDOWN);  // says good-bye, waits for none
    SSL_shutdown(tls);
  }
  bufferevent_disable(socket_, EV_READ | EV_WRITE);
  owner_.on_closed(id_);
}

}  // namespace triage::serving
