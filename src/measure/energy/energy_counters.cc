#include "measure/energy/energy_counters.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/error.h"
#include "measure/energy/energy_text.h"

namespace triage::measure {
namespace {

constexpr double kCounterPeriod = 0.01;  // s; counters move in steps of about 1 ms

// A descriptor of the kernel's, closed with the last counter that reads it.
class PerfEvent {
 public:
  PerfEvent(std::uint32_t type, std::uint64_t config, int cpu, std::string name) : name_(std::move(name)) {
    perf_event_attr event{};
    event.type = type;
    event.size = sizeof event;
    event.config = config;
    fd_ = static_cast<int>(::syscall(SYS_perf_event_open, &event, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
    if (fd_ >= 0) return;
    const int error = errno;
    fail("{}: cannot open on cpu {}: {}{}", name_, cpu, std::generic_category().message(error),
         error == EACCES || error == EPERM ? "; needs root, CAP_PERFMON or kernel.perf_event_paranoid at most 0" : "");
  }
  ~PerfEvent() { ::close(fd_); }
  PerfEvent(const PerfEvent&) = delete;
  PerfEvent& operator=(const PerfEvent&) = delete;

  double read() const {
    std::uint64_t value = 0;
    if (::read(fd_, &value, sizeof value) != sizeof value) {
      fail("{}: cannot read: {}", name_, std::generic_category().message(errno));
    }
    return static_cast<double>(value);
  }

 private:
  int fd_ = -1;
  std::string name_;
};

// "event=0x02": the only term that energy events have.
std::uint64_t perf_config(const fs::path& file) {
  const std::string text = first_line(file);
  constexpr std::string_view kTerm = "event=0x";
  std::uint64_t config = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + std::min(kTerm.size(), text.size()), end, config, 16);
  if (!text.starts_with(kTerm) || error != std::errc() || rest != end) {
    fail("{}: found '{}', expected event=0x and hexadecimal digits", file.string(), text);
  }
  return config;
}

}  // namespace

double counted_joules(const EnergyCounter& counter, double before, double now, double seconds) {
  const double most = kMaxPackageWatts * (seconds + kCounterPeriod);
  if (counter.range > 0 && most >= counter.range) {
    fail("{}: found a window of {:.1f} s, expected less than {:.1f} s: at up to {:.0f} W it may begin at 0 again twice",
         counter.name, seconds, counter.range / kMaxPackageWatts, kMaxPackageWatts);
  }
  double joules = now - before;
  if (joules < 0 && counter.range > 0) joules += counter.range;
  if (joules < 0 || joules > most) {
    fail("{}: found a jump from {:.6f} to {:.6f} J within {:.3f} s, expected it to grow by 0 to {:.0f} W{}",
         counter.name, before, now, seconds, kMaxPackageWatts,
         counter.range > 0 ? std::format(", or to begin at 0 again after {:.6f} J", counter.range) : "");
  }
  return joules;
}

CounterSource::CounterSource(std::string name, std::string covers, std::vector<EnergyCounter> counters, Clock clock)
    : name_(std::move(name)), covers_(std::move(covers)), counters_(std::move(counters)), clock_(std::move(clock)) {
  read();
}

std::vector<double> CounterSource::read() const {
  std::vector<double> values;
  for (const EnergyCounter& counter : counters_) values.push_back(counter.read());
  return values;
}

void CounterSource::begin() {
  before_ = read();
  start_ = clock_();
}

void CounterSource::end() {
  const double seconds = clock_() - start_;
  const std::vector<double> now = read();
  double joules = 0;
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    joules += counted_joules(counters_[i], before_[i], now[i], seconds);
  }
  joules_.push_back(joules);
}

std::vector<double> CounterSource::take_joules() { return std::exchange(joules_, {}); }

std::unique_ptr<EnergySource> open_rapl(const EnergyPlaces& places) {
  const fs::path directory = places.root / "sys/class/powercap";
  std::vector<EnergyCounter> counters;
  std::string packages;
  // Packages stand at the top, intel-rapl:N; the cores and the graphics below them, intel-rapl:N:M, are in their
  // number, and so is all of it in the platform's ("psys").
  for (const fs::path& zone : entries_of(directory)) {
    const std::string id = zone.filename().string();
    if (!id.starts_with("intel-rapl:") || std::ranges::count(id, ':') != 1) continue;
    const std::string package = first_line(zone / "name");
    if (!package.starts_with("package")) continue;
    const fs::path file = zone / "energy_uj";
    counters.push_back({.name = file.string(),
                        .read = [file] { return number_in(file) / 1e6; },
                        .range = number_in(zone / "max_energy_range_uj") / 1e6});
    packages += (packages.empty() ? "" : ", ") + package;
  }
  if (counters.empty()) fail("{}: expected a zone intel-rapl:N of a package, found none", directory.string());
  try {
    return std::make_unique<CounterSource>("rapl", "CPU packages (" + packages + "); no memory, no board",
                                           std::move(counters));
  } catch (const Error& error) {
    const std::string message = error.what();
    if (!message.ends_with(std::generic_category().message(EACCES))) throw;
    fail("{}: only root may read it on most systems; run as root or change its permissions", message);
  }
}

std::unique_ptr<EnergySource> open_perf(const EnergyPlaces& places) {
  const fs::path directory = places.root / "sys/bus/event_source/devices/power",
                 event = directory / "events/energy-pkg";
  const auto type = static_cast<std::uint32_t>(number_in(directory / "type"));
  const std::uint64_t config = perf_config(event);
  if (const std::string unit = first_line(event.string() + ".unit"); unit != "Joules") {
    fail("{}.unit: found '{}', expected Joules", event.string(), unit);
  }
  const double scale = number_in(event.string() + ".scale");
  std::vector<EnergyCounter> counters;
  for (const int cpu : cpu_list(directory / "cpumask")) {  // one of each package
    const std::string name = std::format("power/energy-pkg/ on cpu {}", cpu);
    const auto opened = std::make_shared<PerfEvent>(type, config, cpu, "power/energy-pkg/");
    counters.push_back({.name = name, .read = [opened, scale] { return opened->read() * scale; }});
  }
  const std::size_t packages = counters.size();
  return std::make_unique<CounterSource>("perf", std::format("{} CPU package(s); no memory, no board", packages),
                                         std::move(counters));
}

}  // namespace triage::measure
