#include "runtime/status.h"

#include <new>

namespace triage::runtime {

ErrorInfo current_error() noexcept {
  try {  // building a message can itself run out of memory
    try {
      throw;
    } catch (const Failure& failure) {
      return {failure.code, failure.what()};
    } catch (const Error& error) {
      return {ErrorCode::damaged, error.what()};
    } catch (const std::bad_alloc&) {
      return {ErrorCode::out_of_memory, "out of memory"};
    } catch (const std::exception& exception) {
      return {ErrorCode::engine_failure, exception.what()};
    } catch (...) {
      return {ErrorCode::engine_failure, "an exception of unknown type"};
    }
  } catch (...) {
    return {ErrorCode::out_of_memory, "out of memory"};  // short enough to need no heap
  }
}

}  // namespace triage::runtime
