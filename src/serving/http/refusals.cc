#include "serving/http/refusals.h"

#include <new>

#include "core/json.h"
#include "serving/http/infer_request.h"

namespace triage::serving {
namespace {

int status_of(RequestErrorCode code) {
  switch (code) {
    case RequestErrorCode::bad_input:
      return 400;
    case RequestErrorCode::unsupported:
      return 415;
    case RequestErrorCode::not_found:
      return 404;
    case RequestErrorCode::queue_full:
      return 429;
    case RequestErrorCode::deadline_expired:
      return 504;
    case RequestErrorCode::not_ready:
    case RequestErrorCode::cancelled:
    case RequestErrorCode::stopping:
    case RequestErrorCode::out_of_memory:
      return 503;
    case RequestErrorCode::engine_failure:
      break;
  }
  return 500;
}

}  // namespace

HttpResponse error_response(int status, const std::string& message) {
  HttpResponse response{.status = status, .body = dump_json(Json{{"error", message}})};
  if (status == 429 || status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

HttpResponse error_response(const RequestError& error) { return error_response(status_of(error.code), error.message); }

HttpResponse refusal_now() {
  try {
    throw;
  } catch (const ProtocolError& error) {
    HttpResponse refusal = error_response(error.status, error.what());
    if (error.status == 401) refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
    return refusal;
  } catch (const Error& error) {
    return error_response(400, error.what());
  } catch (const std::bad_alloc&) {
    return error_response(503, "out of memory");
  } catch (const std::exception& error) {
    return error_response(500, error.what());
  }
}

}  // namespace triage::serving
