#include "runtime/miner/executor.hpp"

namespace ait::miner_process {

bool may_succeed_elsewhere(const Error& error) noexcept {
    switch (error.code) {
        case ErrorCode::invalid_argument:
        case ErrorCode::malformed:
        case ErrorCode::too_large:
        case ErrorCode::unsupported:
        case ErrorCode::limit_reached:  // the text leaves no room in the model's context
            return false;
        case ErrorCode::internal:
        case ErrorCode::usage:
        case ErrorCode::not_found:
        case ErrorCode::ambiguous:
        case ErrorCode::unauthenticated:
        case ErrorCode::forbidden:
        case ErrorCode::conflict:
        case ErrorCode::already_exists:
        case ErrorCode::nonce_mismatch:
        case ErrorCode::insufficient_funds:
        case ErrorCode::overloaded:
        case ErrorCode::unavailable:
        case ErrorCode::deadline_exceeded:
        case ErrorCode::expired:
        case ErrorCode::corrupt_data:
        case ErrorCode::storage_failed:
        case ErrorCode::check_failed:
        case ErrorCode::no_agreement:
        case ErrorCode::cancelled:
        case ErrorCode::partly_done:
        case ErrorCode::lease_lost:
        case ErrorCode::wrong_password:
        case ErrorCode::not_ready:
        case ErrorCode::job_failed:
            return true;
    }
    return true;
}

}  // namespace ait::miner_process
