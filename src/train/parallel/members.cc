#include "train/parallel/members.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/clock.h"
#include "train/files/checkpoint.h"

namespace triage::train {
namespace {

constexpr int kProtocol = 1;
constexpr double kHelloSeconds = 10;   // of a connection, to say who it is
constexpr double kWatchSeconds = 0.2;  // between looks at the clock
constexpr double kEndSeconds = 1;
constexpr double kOwnPauseSeconds = 5;  // this process was stopped itself (Ctrl-Z): nobody else was silent

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

Json to_json(const Member& member) {
  return {{"rank", member.rank}, {"host", member.host}, {"process", member.process}};
}
Member member_from_json(const JsonReader& json) {
  return {json.get<int>("rank"), json.get<std::string>("host"), json.get<int>("process")};
}

std::string rank_list(const std::vector<std::optional<Member>>& members) {
  std::string text;
  for (std::size_t rank = 0; rank < members.size(); ++rank)
    if (!members[rank]) text += std::format("{}{}", text.empty() ? "" : ", ", rank);
  return text;
}

}  // namespace

std::string Member::name() const { return std::format("rank {} ({}, process {})", rank, host, process); }

Members::Members(const Place& place, const Json& claims, const Json& offer, const MemberOptions& options,
                 std::optional<Listener> listener)
    : options_(options), self_{place.rank, host_name(), static_cast<int>(::getpid())} {
  if (place.rank == 0) {
    if (!listener) listener.emplace("", place.port);
    welcome(place, claims, offer, std::move(*listener));
  } else {
    ask(place, claims);
  }
  for (Peer& peer : peers_) peer.heard = steady_seconds();
  watcher_ = std::jthread([this] { watch(); });
}

Members::~Members() { leave(); }

void Members::welcome(const Place& place, const Json& claims, const Json& offer, Listener listener) {
  const double deadline = steady_seconds() + options_.join_seconds;
  std::vector<std::optional<Member>> found(static_cast<std::size_t>(place.processes));
  found[0] = self_;
  std::vector<Json> claimed;  // of peers_
  const auto refuse = [&](const std::string& why) {
    for (const Peer& peer : peers_) peer.channel.send({{"refused", why}});
    throw Error(why);
  };
  while (std::ssize(peers_) + 1 < place.processes) {
    std::optional<Channel> channel = listener.accept(std::min(1.0, std::max(0.0, deadline - steady_seconds())));
    if (!channel) {
      for (int rank = 1; options_.end_of && rank < place.processes; ++rank) {
        if (found[static_cast<std::size_t>(rank)]) continue;
        if (const std::string end = options_.end_of(rank); !end.empty())
          refuse(std::format("rank {} {} before it joined", rank, end));
      }
      if (steady_seconds() >= deadline)
        refuse(std::format("expected {} processes within {:.0f} s, found {}: rank {} did not come", place.processes,
                           options_.join_seconds, peers_.size() + 1, rank_list(found)));
      continue;
    }
    Member member;
    Json hello;
    try {
      const std::optional<Json> message = channel->receive(kHelloSeconds);
      if (!message) continue;
      hello = *message;
      const JsonReader reader(hello, "a rank's first message");
      if (reader.get<int>("protocol") != kProtocol) fail("protocol: expected {}", kProtocol);
      member = member_from_json(reader.at("member"));
      if (!reader.at("claims").json().is_object()) fail("claims: expected an object");
    } catch (const Error&) {
      continue;  // somebody else's connection: the ranks that are missing are named in the end
    }
    peers_.push_back({member, std::move(*channel), 0});
    const int processes = hello.value("processes", 0);
    if (processes != place.processes)
      refuse(
          std::format("{}: expected {} processes as rank 0 does, found {}", member.name(), place.processes, processes));
    if (member.rank < 1 || member.rank >= place.processes)
      refuse(std::format("{}: rank: expected 1 to {}", member.name(), place.processes - 1));
    std::optional<Member>& entry = found[static_cast<std::size_t>(member.rank)];
    if (entry)
      refuse(std::format("{}: expected a rank of its own, found {} with the same", member.name(), entry->name()));
    entry = member;
    claimed.push_back(hello["claims"]);
  }
  for (std::size_t i = 0; i < peers_.size(); ++i) {  // all are there to hear it
    if (const std::string text = difference(claims, claimed[i]); !text.empty())
      refuse(std::format("{}: {}", peers_[i].member.name(), text));
  }
  Json list = Json::array();
  for (const std::optional<Member>& member : found) {
    all_.push_back(*member);
    list.push_back(to_json(*member));
  }
  std::ranges::sort(peers_, {}, [](const Peer& peer) { return peer.member.rank; });
  address_ = peers_.empty() ? "127.0.0.1" : peers_.front().channel.here();
  offer_ = offer;
  for (const Peer& peer : peers_) peer.channel.send({{"members", list}, {"offer", offer}});
}

void Members::ask(const Place& place, const Json& claims) {
  Channel channel = connect_to(place.host, place.port, options_.join_seconds, /*retry=*/!place.here);
  address_ = channel.here();
  channel.send(
      {{"protocol", kProtocol}, {"member", to_json(self_)}, {"processes", place.processes}, {"claims", claims}});
  const std::optional<Json> answer = channel.receive(options_.join_seconds + kHelloSeconds);
  if (!answer) throw PeerLost(std::format("{}:{}: rank 0 ended before all were there", place.host, place.port), 0);
  const JsonReader reader(*answer, "rank 0's answer");
  if (reader.has("refused")) throw PeerLost(reader.get<std::string>("refused"), self_.rank);
  for (std::size_t i = 0; i < reader.at("members").size(); ++i)
    all_.push_back(member_from_json(reader.at("members").at(i)));
  offer_ = reader.at("offer").json();
  peers_.push_back({all_.at(0), std::move(channel), 0});
}

void Members::watch() {
  double said = 0, looked = steady_seconds();
  for (;;) {
    std::vector<pollfd> entries;
    for (const Peer& peer : peers_) entries.push_back({peer.left ? -1 : peer.channel.fd(), POLLIN, 0});
    ::poll(entries.data(), entries.size(), static_cast<int>(kWatchSeconds * 1000));
    {
      const std::lock_guard lock(mutex_);
      if (leaving_) return;
    }
    const double now = steady_seconds();
    const bool paused = now - looked > kOwnPauseSeconds;
    looked = now;
    const bool says = now - said > options_.beat_seconds;
    if (says) said = now;
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      Peer& peer = peers_[i];
      if (peer.left) continue;
      if (entries[i].revents != 0) hear(peer);
      if (peer.left) continue;
      if (paused) peer.heard = now;
      if (says) peer.channel.send({{"alive", true}});  // a failure shows as silence or an end
      if (now - peer.heard > options_.silence_seconds)
        lose(peer, std::format("said nothing for {:.0f} s", options_.silence_seconds));
    }
  }
}

void Members::hear(Peer& peer) {
  try {
    const std::optional<Json> message = peer.channel.receive(kHelloSeconds);
    if (!message) return lose(peer, how_it_ended(peer.member.rank));
    peer.heard = steady_seconds();
    if (message->contains("done")) peer.left = true;
    if (message->contains("cause")) lose(peer, "gave up: " + message->value("cause", std::string()));
    if (message->contains("lost")) {
      peer.left = true;  // it ends now, too
      record(message->value("lost", 0), message->value("text", std::string()));
    }
  } catch (const std::exception& error) {
    lose(peer, std::format("said what no rank says: {}", error.what()));
  }
}

// Its connection is closed a moment before its end is known.
std::string Members::how_it_ended(int rank) const {
  for (const double until = steady_seconds() + kEndSeconds; options_.end_of && steady_seconds() < until;) {
    if (std::string end = options_.end_of(rank); !end.empty()) return end;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return "ended without a word";
}

void Members::lose(const Peer& lost, const std::string& how) {
  const std::string text = std::format("{} {}", lost.member.name(), how);
  for (Peer& peer : peers_) {
    if (&peer == &lost)
      peer.left = true;
    else if (!peer.left && self_.rank == 0)
      peer.channel.send({{"lost", lost.member.rank}, {"text", text}});
  }
  record(lost.member.rank, text);
}

void Members::record(int rank, const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (!lost_) lost_.emplace(rank, text);
  changed_.notify_all();
  if (notify_) notify_();
}

void Members::check() const {
  const std::lock_guard lock(mutex_);
  if (lost_) throw PeerLost(lost_->second, lost_->first);
}

void Members::await_loss(double seconds) const {
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return lost_.has_value(); });
  }
  check();
}

void Members::on_news(std::function<void()> notify) {
  const std::lock_guard lock(mutex_);
  notify_ = std::move(notify);
}

void Members::give_up(const std::string& cause) {
  const std::string text = std::format("{} gave up: {}", self_.name(), cause);
  {
    const std::lock_guard lock(mutex_);
    if (lost_ || leaving_) return;
  }
  for (const Peer& peer : peers_) {
    if (self_.rank == 0)
      peer.channel.send({{"lost", 0}, {"text", text}});
    else
      peer.channel.send({{"cause", cause}});
  }
  leave();
}

void Members::leave() {
  {
    const std::lock_guard lock(mutex_);
    if (leaving_) return;
    leaving_ = true;
    if (!lost_)
      for (const Peer& peer : peers_) peer.channel.send({{"done", true}});
  }
  if (watcher_.joinable()) watcher_.join();
}

}  // namespace triage::train
