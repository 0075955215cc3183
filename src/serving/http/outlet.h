// Inside serving/http: the way of an answer to its socket for threads other than the server's, which need not be woken
// then. The server's thread opens it with a request, and closes it when something else happens on the connection;
// whoever has the answer writes it if it still is open, else the server's thread does.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

namespace triage::serving {

// Of both, the bytes that the socket takes without waiting; 0 where it has an error.
std::size_t send_now(int socket, std::string_view head, std::string_view body);

class Outlet {
 public:
  // Of the server's thread.
  void open(int socket);
  // True: nobody writes. False: somebody does, and write() will say that it is awaited; or has (is_written()).
  bool close();
  bool is_written() const { return phase_.load(std::memory_order_acquire) == Phase::written; }
  std::string take_rest();  // what the socket has not taken, once it is written; closes it

  // Of another thread. claim(): whether it is to write().
  bool claim();
  bool write(std::string_view head, std::string_view body);  // true: the server's thread has to be told

 private:
  enum class Phase { closed, open, writing, awaited, written };
  std::atomic<Phase> phase_{Phase::closed};
  int socket_ = -1;
  std::string rest_;
};

}  // namespace triage::serving
