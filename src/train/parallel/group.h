// The processes of a training as a group that computes together: c10d's process groups (Gloo; between GPUs NCCL, where
// LibTorch has it) and, beside them, members that know who lives (members.h). Every rank makes the same calls in the
// same order. What waits for the others throws PeerLost, with the name of the one that is gone, some seconds after it
// went; the group is of no use then.
#pragma once

#include <torch/types.h>

#include <memory>

#include "train/parallel/launch.h"

namespace triage::train {

class Group {
 public:
  // Blocks until all are there; as Members.
  Group(const Place& place, const Json& claims, const MemberOptions& options, std::optional<Listener> listener = {});
  ~Group();

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool first() const { return rank_ == 0; }  // writes files, shows progress
  Members& members();

  // Throws on every rank, naming rank and difference, unless all say the same. what: for the message.
  void agree(const std::string& what, const Json& mine);

  void barrier();
  void broadcast(const at::Tensor& tensor);        // rank 0's, into everyone's; contiguous
  std::string broadcast(const std::string& text);  // rank 0's
  at::Tensor gather(const at::Tensor& mine);       // [ranks, ...], from CPU tensors of one shape
  at::Tensor sum(const at::Tensor& mine);          // in the order of the ranks

  // Of a thread that adds gradients, beside all of the above.
  // slices: [ranks, n]; rank r gets everyone's r-th: [ranks, n].
  void exchange_slices(const at::Tensor& slices, const at::Tensor& received);
  void gather_slices(const at::Tensor& slice, const at::Tensor& all);  // [n] of each -> [ranks, n]

 private:
  struct Impl;
  int rank_, size_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage::train
