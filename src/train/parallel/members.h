// Who takes part in a training, and that they live. Rank 0 waits for all others, compares what they claim with its own
// claims, and tells each who is there; from then on every rank keeps a connection to rank 0, over which both sides say
// every few seconds that they live. A process that ends closes its connection; one whose machine is gone falls
// silent. Rank 0 tells the others whom they lost, so that every rank can name it.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "train/parallel/channel.h"

namespace triage::train {

// Where a process stands, and where rank 0 is.
struct Place {
  int rank = 0, processes = 1;
  std::string host = "127.0.0.1";  // of rank 0
  int port = 0;
  bool here = false;  // all on this machine, started by rank 0 (launch.h), which listens before it starts them
  // torchrun keeps a store of its own (c10d's TCPStore) at host and port: rank 0 listens elsewhere and says there
  // where. Its name for this attempt; empty: no such store.
  std::string agent;
};

struct Member {
  int rank = 0;
  std::string host;
  int process = 0;           // its id
  std::string name() const;  // "rank 3 (node7, process 4711)"
};

// Another rank ended before its work was done; or this one's work cannot be done for what another says.
struct PeerLost : Error {
  PeerLost(const std::string& message, int lost_rank) : Error(message), rank(lost_rank) {}
  int rank;
};

struct MemberOptions {
  double join_seconds = 120;                      // until all are there
  double beat_seconds = 4, silence_seconds = 20;  // between signs of life; until a silent one counts as lost
  std::function<std::string(int rank)> end_of;    // rank 0: how a process ended, where it is known; else ""
};

class Members {
 public:
  // Blocks until all are there. claims: an object, the same on every rank; a rank with others is refused, there and
  // here, by an Error that names it, the key and both values. offer: what rank 0 has for the others, with its address.
  // listener: rank 0's, where it has one.
  Members(const Place& place, const Json& claims, const Json& offer, const MemberOptions& options,
          std::optional<Listener> listener = {});
  ~Members();
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  const std::vector<Member>& all() const { return all_; }  // by rank
  const Json& offer() const { return offer_; }
  const std::string& address() const { return address_; }  // of this process, as rank 0 reaches it

  // Thread-safe, all of these.
  void check() const;                          // throws PeerLost when one is lost
  void await_loss(double seconds) const;       // the same, giving the news so much time to arrive
  void on_news(std::function<void()> notify);  // called, by another thread, when one is lost; empty: nobody
  void give_up(const std::string& cause);      // the others learn why this rank ends
  void leave();                                // this rank's work is done: its end is no loss

 private:
  struct Peer {
    Member member;
    Channel channel;
    double heard;
    bool left = false;
  };
  void welcome(const Place& place, const Json& claims, const Json& offer, Listener listener);
  void ask(const Place& place, const Json& claims);
  void watch();
  void hear(Peer& peer);
  std::string how_it_ended(int rank) const;
  void lose(const Peer& peer, const std::string& how);
  void record(int rank, const std::string& text);

  MemberOptions options_;
  Member self_;
  std::vector<Member> all_;
  Json offer_;
  std::string address_;
  std::vector<Peer> peers_;  // rank 0: all others; else rank 0
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::optional<std::pair<int, std::string>> lost_;
  std::function<void()> notify_;
  bool leaving_ = false;
  std::jthread watcher_;  // last: uses all of the above
};

}  // namespace triage::train
