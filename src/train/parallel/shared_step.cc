#include "train/parallel/shared_step.h"

#include "supernet/ops/statistics_group.h"

namespace triage::train {
namespace {

int rank_of(const TrainJob& job) { return job.group != nullptr ? job.group->rank() : 0; }
int processes_of(const TrainJob& job) { return job.group != nullptr ? job.group->size() : 1; }

// Those that learn, in the order of the forward pass.
supernet::NamedTensors parameters_of(const supernet::AnyNetworkImpl& network) {
  supernet::NamedTensors parameters;
  for (const supernet::NamedTensor& t : network.state())
    if (t.tensor.requires_grad()) parameters.push_back(t);
  return parameters;
}

}  // namespace

bool in_shares(const TrainJob& job) { return job.group != nullptr || job.parallel.shares > 0; }

void hand_out(Group& group, Session& session) {
  Json counters = {{"step", session.step},
                   {"done", session.done},
                   {"seconds", session.seconds},
                   {"validation", session.validation},
                   {"best", session.best},
                   {"smallest", session.smallest},
                   {"sums", {session.epoch_loss, session.epoch_right, session.epoch_subnet_loss}}};
  counters = parse_json(group.broadcast(dump_json(counters)), "rank 0's counters");
  const JsonReader reader(counters, "rank 0's counters");
  session.step = reader.get<std::uint64_t>("step");
  session.done = reader.get<bool>("done");
  session.seconds = reader.get<double>("seconds");
  session.validation = reader.get<double>("validation");
  session.best = reader.get<double>("best");
  session.smallest = reader.get<double>("smallest");
  session.epoch_loss = reader.at("sums").at(0).as<double>();
  session.epoch_right = reader.at("sums").at(1).as<double>();
  session.epoch_subnet_loss = reader.at("sums").at(2).as<double>();
  const at::NoGradGuard no_grad;
  const auto hand = [&](const supernet::NamedTensors& tensors) {
    for (const supernet::NamedTensor& t : tensors) group.broadcast(t.tensor.detach());
  };
  hand(session.network->state());
  hand(session.optimizer->state());
  hand(session.average.state());
  hand(session.best_state);
  for (int view = 0; session.teacher && view < session.teacher->views(); ++view)
    group.broadcast(session.teacher->view(static_cast<std::uint64_t>(view)));
}

SharedSteps::SharedSteps(const TrainJob& job, Session& session)
    : job_(job),
      session_(session),
      shares_(shares_of(job.options.batch, job.parallel, rank_of(job), processes_of(job), job.name)),
      buckets_(parameters_of(*session.network), job.group, static_cast<int>(shares_.own.size())) {
  if (job.parallel.synchronised && !job.device.is_cpu())
    fail("stage '{}': parallel.statistics: expected local on device {}, found synchronised", job.name,
         job.device.str());
}

Learned SharedSteps::learn_share(const data::Batch& mine, const Share& share, std::uint64_t epoch) {
  const std::int64_t begin = share.begin - shares_.begin();
  const at::Tensor all = to_tensor(mine, loader_options(job_).pixels, job_.device);
  data::Batch part;
  part.size = share.count;
  part.indices.assign(mine.indices.begin() + begin, mine.indices.begin() + begin + share.count);
  part.labels.assign(mine.labels.begin() + begin, mine.labels.begin() + begin + share.count);
  if (!mine.shares.empty()) {
    part.shares.assign(mine.shares.begin() + begin, mine.shares.begin() + begin + share.count);
    part.partners.assign(mine.partners.begin() + begin, mine.partners.begin() + begin + share.count);
  }
  SupernetOptions subnets = job_.supernet;
  if (subnets.random_images > 0)
    subnets.random_images = std::max(1, subnets.random_images * share.count / job_.options.batch);
  return train::learn(job_, session_, all.narrow(0, begin, share.count), part, epoch, subnets,
                      [this] { buckets_.last_pass(); });
}

Learned SharedSteps::learn(const data::Batch& mine, std::uint64_t epoch) {
  const auto own = static_cast<std::int64_t>(shares_.own.size());
  at::Tensor rows = at::zeros({own, 4}, at::kDouble);
  supernet::SumOverMembers sum;
  if (job_.parallel.synchronised && job_.group != nullptr)
    sum = [this](const at::Tensor& part) { return job_.group->sum(part); };
  const supernet::StatisticsScope statistics(std::move(sum));
  for (std::int64_t i = 0; i < own; ++i) {
    const Share& share = shares_.own[static_cast<std::size_t>(i)];
    session_.network->keep_statistics(shares_.first + i == 0);  // the running ones: of one share of the batch
    buckets_.begin(share.weight);
    const Learned found = learn_share(mine, share, epoch);
    buckets_.end();
    rows[i][0] = found.loss * share.weight;
    rows[i][1] = found.subnet_loss * share.weight;
    rows[i][2] = found.right;
    rows[i][3] = job_.context.stop.requested() ? 1 : 0;
  }
  session_.network->keep_statistics(true);
  buckets_.finish();
  if (job_.group != nullptr) {
    if (session_.teacher && session_.teacher->views() > 0) share_answers(mine, epoch);
    rows = job_.group->gather(rows).view({shares_.total, 4});
  }
  Learned result;
  for (std::int64_t i = 0; i < shares_.total; ++i) {
    const double* const row = rows[i].const_data_ptr<double>();
    result.loss += row[0];
    result.subnet_loss += row[1];
    result.right += row[2];
    if (i == 0) stop_ = false;
    stop_ = stop_ || row[3] > 0;
  }
  return result;
}

// What the teacher says about the images of a step everyone has to know: an image is another rank's the next time.
void SharedSteps::share_answers(const data::Batch& mine, std::uint64_t epoch) {
  const at::NoGradGuard no_grad;
  const std::int64_t most = (job_.options.batch + processes_of(job_) - 1) / processes_of(job_) + 1;
  at::Tensor places = at::full({most}, mine.indices.front(), at::kLong);  // again, where this rank has fewer
  std::copy(mine.indices.begin(), mine.indices.end(), places.mutable_data_ptr<std::int64_t>());
  at::Tensor view = session_.teacher->view(epoch);
  const at::Tensor answers = job_.group->gather(view.index_select(0, places).to(at::kFloat)).flatten(0, 1);
  view.index_copy_(0, job_.group->gather(places).flatten(), answers.to(at::kHalf));
}

}  // namespace triage::train
