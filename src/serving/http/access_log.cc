#include "serving/http/access_log.h"

#include "core/json.h"
#include "core/system/machine.h"

namespace triage::serving {

AccessLog::AccessLog(std::string file) : name_(std::move(file)) { reopen(); }

void AccessLog::reopen() {
  const std::lock_guard lock(mutex_);
  std::FILE* const opened = name_ == "-" ? stdout : std::fopen(name_.c_str(), "ae");
  if (opened == nullptr) fail("{}: cannot be opened: {}", name_, std::generic_category().message(errno));
  file_.reset(opened);
  std::setvbuf(opened, nullptr, _IOLBF, BUFSIZ);
}

void AccessLog::write(const HttpRequest& request, const HttpResponse& response, std::size_t bytes, double seconds) {
  Json line{{"time", iso_time_now()},
            {"peer", request.peer},
            {"method", request.method},
            {"path", request.path},
            {"status", response.status},
            {"received", request.body.size()},
            {"sent", bytes},
            {"us", static_cast<std::int64_t>(seconds * 1e6)}};
  std::string text = dump_json(line);
  if (!response.note.empty()) text = text.substr(0, text.size() - 1) + "," + response.note.substr(1);
  text += '\n';
  const std::lock_guard lock(mutex_);
  std::fwrite(text.data(), 1, text.size(), file_.get());
}

}  // namespace triage::serving
