#include "train/parallel/group.h"

#if defined(USE_C10D_GLOO) && __has_include(<gloo/algorithm.h>)  // the first by LibTorch's own CMake package
#define TRIAGE_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "train/files/checkpoint.h"

namespace triage::train {
namespace {

// No operation ends for its length: that somebody is gone is the members' to say.
constexpr std::chrono::hours kNoLimit(24 * 365);
constexpr double kNewsSeconds = 30;  // until a broken connection must have a name

using Backend = c10::intrusive_ptr<c10d::Backend>;
using StoreOf = c10::intrusive_ptr<c10d::Store>;

StoreOf open_store(const std::string& host, int port, bool server) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(port);
  options.isServer = server;
  options.waitWorkers = false;
  options.useLibUV = false;
  try {
    return c10::make_intrusive<c10d::TCPStore>(host, options);
  } catch (const c10::Error& error) {
    fail("{}:{}: no store of c10d: {}", host, port, error.what_without_backtrace());
  }
}

int port_of(const StoreOf& store) { return static_cast<c10d::TCPStore*>(store.get())->getPort(); }

Backend make_backend([[maybe_unused]] const StoreOf& store, [[maybe_unused]] const std::string& name,
                     [[maybe_unused]] const std::string& address, [[maybe_unused]] int rank,
                     [[maybe_unused]] int size) {
#ifdef TRIAGE_GLOO
  const auto options = c10d::ProcessGroupGloo::Options::create(kNoLimit);
  options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
  options->threads = 1;  // one operation at a time
  return c10::make_intrusive<c10d::ProcessGroupGloo>(c10::make_intrusive<c10d::PrefixStore>(name, store), rank, size,
                                                     options);
#else
  fail("several processes: expected a LibTorch with the headers of Gloo (libgloo-dev), found none");
#endif
}

}  // namespace

struct Group::Impl {
  // What operations that end, and members that are lost, wake.
  struct Signals {
    std::mutex mutex;
    std::condition_variable changed;
    bool lost = false;
  };
  StoreOf server;
  std::optional<Members> members;
  StoreOf store;
  Backend main, gradients;
  std::shared_ptr<Signals> signals = std::make_shared<Signals>();

  void wait(const c10::intrusive_ptr<c10d::Work>& work) {
    const auto done = std::make_shared<bool>(false);
    const auto future = work->getFuture();
    future->addCallback([done, to = signals](const c10::ivalue::Future&) {
      const std::lock_guard lock(to->mutex);
      *done = true;
      to->changed.notify_all();
    });
    {
      std::unique_lock lock(signals->mutex);
      signals->changed.wait(lock, [&] { return *done || signals->lost; });
      if (*done && !future->hasError()) return;  // whoever left since has done its part
    }
    members->check();
    members->await_loss(kNewsSeconds);
    fail("several processes: {}", future->tryRetrieveErrorMessage());
  }
};

Group::Group(const Place& place, const Json& claims, const MemberOptions& options, std::optional<Listener> listener)
    : rank_(place.rank), size_(place.processes), impl_(std::make_unique<Impl>()) {
  Place at = place;
  Json offer = Json::object();
  if (!place.agent.empty()) {
    const c10d::PrefixStore agent(place.agent, open_store(place.host, place.port, false));
    auto& store = const_cast<c10d::PrefixStore&>(agent);
    if (first()) {
      listener.emplace("", 0);
      store.set("port", std::to_string(listener->port()));
    } else {
      const std::vector<std::uint8_t> port = store.get("port");
      at.port = std::stoi(std::string(port.begin(), port.end()));
    }
  }
  if (first()) {
    impl_->server = open_store("localhost", 0, true);
    offer["store"] = port_of(impl_->server);
  }
  impl_->members.emplace(at, claims, offer, options, std::move(listener));
  impl_->members->on_news([to = impl_->signals] {
    const std::lock_guard lock(to->mutex);
    to->lost = true;
    to->changed.notify_all();
  });
  impl_->store = first() ? impl_->server : open_store(place.host, members().offer().value("store", 0), false);
  impl_->main = make_backend(impl_->store, "main", members().address(), rank_, size_);
  impl_->gradients = make_backend(impl_->store, "gradients", members().address(), rank_, size_);
}

// Threads of a process group whose peer is gone may wait for it for ever: the group is left behind then, for the end of
// the process.
Group::~Group() {
  try {
    members().check();
  } catch (const PeerLost&) {
    impl_->main.release();
    impl_->gradients.release();
  }
}

Members& Group::members() { return *impl_->members; }

void Group::agree(const std::string& what, const Json& mine) {
  const std::string text = dump_json(mine), first_text = broadcast(text);
  std::string problem = difference(parse_json(first_text, "rank 0"), parse_json(text, "this rank"));
  if (!problem.empty()) {
    problem = std::format("{}: {}: {}", members().all().at(static_cast<std::size_t>(rank_)).name(), what, problem);
  }
  problem.resize(std::max<std::size_t>(problem.size(), 1));
  const auto length = static_cast<std::int64_t>(problem.size());
  const at::Tensor lengths = gather(at::tensor({length}, at::kLong));
  at::Tensor bytes = at::zeros({lengths.max().item<std::int64_t>()}, at::kByte);
  std::copy(problem.begin(), problem.end(), bytes.mutable_data_ptr<std::uint8_t>());
  const at::Tensor all = gather(bytes);
  for (int rank = 0; rank < size_; ++rank) {
    const auto* const begin = reinterpret_cast<const char*>(all[rank].const_data_ptr<std::uint8_t>());
    if (*begin != '\0') throw Error(std::string(begin, static_cast<std::size_t>(lengths[rank].item<std::int64_t>())));
  }
}

void Group::barrier() { gather(at::zeros({1}, at::kByte)); }

void Group::broadcast(const at::Tensor& tensor) {
  std::vector<at::Tensor> list = {tensor.is_cpu() ? tensor : tensor.cpu()};
  impl_->wait(impl_->main->broadcast(list, {}));
  if (!tensor.is_cpu()) tensor.copy_(list[0]);
}

std::string Group::broadcast(const std::string& text) {
  const at::Tensor length = at::tensor({static_cast<std::int64_t>(text.size())}, at::kLong);
  broadcast(length);
  const auto count = length.item<std::int64_t>();
  at::Tensor bytes = at::zeros({std::max<std::int64_t>(count, 1)}, at::kByte);
  if (first()) std::copy(text.begin(), text.end(), bytes.mutable_data_ptr<std::uint8_t>());
  broadcast(bytes);
  return {reinterpret_cast<const char*>(bytes.const_data_ptr<std::uint8_t>()), static_cast<std::size_t>(count)};
}

at::Tensor Group::gather(const at::Tensor& mine) {
  std::vector<std::int64_t> sizes = {size_};
  sizes.insert(sizes.end(), mine.sizes().begin(), mine.sizes().end());
  at::Tensor own = mine.contiguous().view(-1), all = at::empty({own.numel() * size_}, mine.options());
  impl_->wait(impl_->main->_allgather_base(all, own, {}));
  return all.view(sizes);
}

at::Tensor Group::sum(const at::Tensor& mine) {
  const at::Tensor all = gather(mine);
  at::Tensor total = all[0].clone();
  for (int rank = 1; rank < size_; ++rank) total += all[rank];
  return total;
}

void Group::exchange_slices(const at::Tensor& slices, const at::Tensor& received) {
  at::Tensor from = slices, to = received;
  std::vector<std::int64_t> equal;
  impl_->wait(impl_->gradients->alltoall_base(to, from, equal, equal, {}));
}

void Group::gather_slices(const at::Tensor& slice, const at::Tensor& all) {
  at::Tensor from = slice.view(-1), to = all.view(-1);
  impl_->wait(impl_->gradients->_allgather_base(to, from, {}));
}

}  // namespace triage::train
