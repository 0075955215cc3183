#include "serving/request.h"

namespace triage::serving {

const char* to_string(RequestErrorCode code) {
  switch (code) {
    case RequestErrorCode::bad_input:
      return "bad_input";
    case RequestErrorCode::unsupported:
      return "unsupported";
    case RequestErrorCode::not_found:
      return "not_found";
    case RequestErrorCode::not_ready:
      return "not_ready";
    case RequestErrorCode::queue_full:
      return "queue_full";
    case RequestErrorCode::deadline_expired:
      return "deadline_expired";
    case RequestErrorCode::cancelled:
      return "cancelled";
    case RequestErrorCode::stopping:
      return "stopping";
    case RequestErrorCode::out_of_memory:
      return "out_of_memory";
    case RequestErrorCode::engine_failure:
      return "engine_failure";
  }
  return "engine_failure";
}

RequestError request_error(const ErrorInfo& error) {
  switch (error.code) {
    case ErrorCode::bad_input:
      return {RequestErrorCode::bad_input, error.message};
    case ErrorCode::unsupported:
      return {RequestErrorCode::unsupported, error.message};
    case ErrorCode::not_found:
      return {RequestErrorCode::not_found, error.message};
    case ErrorCode::out_of_memory:
      return {RequestErrorCode::out_of_memory, error.message};
    case ErrorCode::damaged:
    case ErrorCode::unreadable:
    case ErrorCode::engine_failure:
      return {RequestErrorCode::engine_failure, error.message};
  }
  return {RequestErrorCode::engine_failure, error.message};
}

}  // namespace triage::serving
