// Processes that train together as threads of this one, for tests.
#pragma once

#include "train/parallel/group.h"
#include "train/training_test_support.h"

namespace triage::train {

// What each rank of a group of `count` had to say: "" where `body` ended well.
inline std::vector<std::string> run_ranks(
    int count, const std::function<void(Group&)>& body,
    const std::function<Json(int rank)>& claims = [](int) { return Json::object(); }) {
  Listener listener("127.0.0.1", 0);
  const int port = listener.port();
  std::vector<std::string> errors(static_cast<std::size_t>(count));
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < count; ++rank) {
    std::optional<Listener> own;
    if (rank == 0) own.emplace(std::move(listener));
    threads.emplace_back([&, rank, listening = std::move(own)]() mutable {
      try {
        Group group({.rank = rank, .processes = count, .port = port, .here = true}, claims(rank), {},
                    std::move(listening));
        try {
          body(group);
        } catch (const PeerLost&) {
          throw;
        } catch (const Interrupted&) {  // all of them are
          throw;
        } catch (const std::exception& error) {
          group.members().give_up(error.what());
          throw;
        }
        group.members().leave();
      } catch (const std::exception& error) {
        errors[static_cast<std::size_t>(rank)] = error.what();
      }
    });
  }
  threads.clear();
  return errors;
}

// The job of each rank, trained to its end, or stopped after a step.
inline std::vector<std::string> train_together(int processes, const TrainJob& job) {
  return run_ranks(processes, [&](Group& group) {
    TrainJob mine = job;
    mine.group = &group;
    train(mine);
  });
}

inline void expect_trained(const std::vector<std::string>& errors) {
  for (const std::string& error : errors) EXPECT_EQ(error, "");
}

}  // namespace triage::train
