// Engine: what opens the stages of a plan; Session (session.h) is what runs one. The list of engines is in registry.h.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/file.h"
#include "engine/artifact.h"
#include "engine/session.h"

namespace triage::engine {

struct SessionOptions {
  bool allow_spinning = false;  // worker threads spin between runs: faster for large nets, burns a core
  std::string profile;  // PREFIX of a profile by node (measure/stages/node_times.h), written when the session goes
};

// None: yes. Else the reason why not, a part of a sentence: "this ONNX Runtime has no provider xnnpack".
using WhyNot = std::optional<std::string>;

// Opens the stages of one plan, which share what they can (threads, libraries). Not thread-safe; its sessions outlive
// it.
class Opener {
 public:
  virtual ~Opener() = default;
  // artifacts: of one stage, in `directory`; takes the first one that the engine accepts. Throws Failure: `unsupported`
  // where there is none and where it cannot run here, `damaged` where a file is not what its checksum says.
  virtual std::unique_ptr<Session> open(std::span<const Artifact> artifacts, const fs::path& directory) = 0;
};

// Thread-safe.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string_view name() const = 0;
  virtual std::string version() const = 0;                 // as cost tables keep it
  virtual std::vector<std::string> providers() const = 0;  // that this build has
  virtual WhyNot available(const EngineSpec& spec) const = 0;
  virtual WhyNot accepts(const Artifact& artifact) const = 0;  // by its engine and what it needs of the CPU
  virtual std::unique_ptr<Opener> opener(const EngineSpec& spec, const SessionOptions& options) const = 0;
};

// The first artifact that `engine` accepts. Throws Failure (unsupported) where there is none, with the reason of the
// one that was made for this engine, or that the stage was not compiled for it.
const Artifact& accepted(const Engine& engine, std::span<const Artifact> artifacts);

// One session by itself.
Result<std::unique_ptr<Session>> open_session(const Engine& engine, const Artifact& artifact, const fs::path& directory,
                                              const EngineSpec& spec, const SessionOptions& options = {});

}  // namespace triage::engine
