#include "workflow/suggest/choose_initial.h"

#include <algorithm>
#include <limits>

namespace triage::workflow {
namespace {

constexpr double kTrainingShare = 0.8;  // of the minutes
constexpr double kEnoughSteps = 5000;
constexpr int kLeastEpochs = 8, kMostEpochs = 80, kMostViews = 8;
constexpr double kForwardShare = 1. / 3;  // of a step: what a teacher's answer costs
constexpr std::size_t kLargeSet = 20'000;

double seconds_of(const TrainableNet& little, const TrainableNet& big, std::size_t images, int epochs) {
  const auto count = static_cast<double>(images);
  return epochs * count * (1 / little.images_per_second + 1 / big.images_per_second) +
         teacher_views(epochs) * count * kForwardShare / big.images_per_second;
}

}  // namespace

int teacher_views(int epochs) { return std::min(epochs, kMostViews); }

std::optional<InitialChoice> choose_initial(std::span<const TrainableNet> nets, const TimeAllowed& allowed) {
  const auto most_batch = static_cast<int>(std::min<std::size_t>(allowed.images / 8, 1 << 16));
  const int batch = std::clamp(allowed.images >= kLargeSet ? 256 : 128, 2, std::max(2, most_batch));
  const int enough = static_cast<int>(
      std::clamp<double>(kEnoughSteps * batch / static_cast<double>(allowed.images), kLeastEpochs, kMostEpochs));
  const double seconds = 60 * kTrainingShare * allowed.minutes;
  std::optional<InitialChoice> best;
  double best_epoch_seconds = std::numeric_limits<double>::infinity();
  for (std::size_t big = 0; big < nets.size(); ++big) {
    for (std::size_t little = 0; little < nets.size(); ++little) {
      const std::optional<double> mean = pair_latency_us(nets[little].net, nets[big].net, allowed.most_latency_us);
      if (!mean) continue;
      const auto taken = [&](int epochs) { return seconds_of(nets[little], nets[big], allowed.images, epochs); };
      int epochs = 1;
      while (epochs < 3 * enough && taken(epochs + 1) <= seconds) ++epochs;
      const InitialChoice choice{little, big, epochs, batch, taken(epochs) / 60, *mean, enough};
      const auto size = [&](const InitialChoice& of) {
        return std::pair(nets[of.big].net.macs, nets[of.little].net.macs);
      };
      const bool better = !best || (best->short_of_time() ? taken(1) < best_epoch_seconds || !choice.short_of_time()
                                                          : !choice.short_of_time() && size(choice) > size(*best));
      if (!better) continue;
      best = choice;
      best_epoch_seconds = taken(1);
    }
  }
  return best;
}

}  // namespace triage::workflow
