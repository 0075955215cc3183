// Inside serving/http: one connection, from its bytes to requests and back. Lives in the server's thread.
#pragma once

#include <event2/bufferevent.h>

#include "serving/http/http_server.h"
#include "serving/http/outlet.h"
#include "serving/http/request_parser.h"

namespace triage::serving {

// What a connection asks of its server.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual const HttpLimits& limits() const = 0;
  virtual BufferBudget& budget() = 0;
  virtual bool stopping() const = 0;
  virtual void on_request(std::uint64_t connection, std::shared_ptr<HttpRequest> request,
                          std::shared_ptr<Outlet> outlet) = 0;
  virtual void on_answer(const HttpRequest& request, const HttpResponse& response, std::size_t bytes) = 0;
  virtual void on_closed(std::uint64_t connection) = 0;  // it is to be deleted, but not before this call has returned
};

class Connection {
 public:
  Connection(ConnectionOwner& owner, std::uint64_t id, bufferevent* socket, std::string peer);  // takes the socket
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void answer(HttpResponse response);  // to the request that it has handed over
  void go_on();                        // where its outlet has been written to: with the next request
  void check_time(double now);         // answers 408 or closes, where its time is over; whether its client is there
  void close_if_idle();                // between requests, and nothing of a next one has come

 private:
  // gone: the client is, and the answer to its request is still to come; until then its body is counted.
  // closing: the last answer is sent, what the client still sends is thrown away for a while, since closing a socket
  // with unread bytes would take the answer from the client.
  enum class State { idle, headers, body, working, gone, writing, closing, closed };
  struct Callbacks;

  void on_readable();
  void on_event(short what);
  void on_written();
  void parse();
  void hand_over();
  void answer_refused();
  bool send(std::string_view head, std::string_view body);
  void after_answer();
  void look_for_client();
  void enter(State state);
  void give_up();
  void close();

  ConnectionOwner& owner_;
  std::uint64_t id_;
  bufferevent* socket_;
  bool tls_;
  std::string peer_;
  RequestParser parser_;
  std::shared_ptr<Outlet> outlet_ = std::make_shared<Outlet>();
  State state_ = State::idle;
  double deadline_ = 0;
  bool keep_alive_ = false;
  bool parsing_ = false;     // further up the stack: that one goes on with what follows
  bool peer_ended_ = false;  // it sends nothing more; it may still read
  bool was_probed_ = false;
};

}  // namespace triage::serving
