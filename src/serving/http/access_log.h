// A line of JSON for every answer: time, peer, method, path, status, bytes, microseconds, and of an infer request its
// model, images and exits.
#pragma once

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include "serving/http/http_server.h"

namespace triage::serving {

// Thread-safe.
class AccessLog {
 public:
  explicit AccessLog(std::string file);  // "-": standard output. Appends; throws Error where it cannot be opened
  void write(const HttpRequest& request, const HttpResponse& response, std::size_t bytes, double seconds);
  void reopen();  // after somebody has moved the file away; throws as the constructor

 private:
  struct Close {
    void operator()(std::FILE* file) const {
      if (file != stdout) std::fclose(file);
    }
  };
  std::string name_;
  std::mutex mutex_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace triage::serving
