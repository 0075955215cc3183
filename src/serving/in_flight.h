// What a scheduler knows of a request that it took: inside this library alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "serving/request.h"

namespace triage::serving {

// One image on its way. In one queue or one batch at a time, so it needs no lock.
struct ImageInFlight {
  ImageView view;                     // of the request's pixels, or of `decoded`
  EncodedImage encoded;               // null bytes: came as pixels
  std::vector<std::uint8_t> decoded;  // pixels
  std::unique_ptr<float[]> rows;      // what later stages read of earlier ones (BatchRunner)
  std::vector<StageVisit> visits;     // so far
  Answer answer;                      // once it left
  bool audit = false;                 // goes on to the end after it was answered
  bool answered = false;
  int left_at = -1;  // of one that was answered: the exit
};

struct RequestInFlight {
  Request request;
  std::vector<ImageInFlight> images;
  double submitted = 0;  // seconds
  std::atomic<bool> cancelled{false};
  std::atomic<bool> ended{false};          // `done` was or is being called
  std::atomic<std::size_t> unanswered{0};  // images
  std::atomic<std::size_t> under_way{0};   // images that are in a queue or a batch
  std::atomic<std::size_t> bytes{0};       // held until none is under way
};

struct QueuedImage {
  std::shared_ptr<RequestInFlight> request;
  std::size_t index = 0;
  double since = 0;  // seconds: when it came into the queue

  ImageInFlight& image() const { return request->images[index]; }
};

}  // namespace triage::serving
