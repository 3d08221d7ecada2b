#include "net/http_exchange.hpp"

#include <utility>

#include "net/http_session.hpp"

namespace ait::net {

using Stage = ExchangeState::Stage;

void ExchangeState::peer_gone() {
    std::vector<std::function<void()>> gone;
    {
        const std::lock_guard lock(mutex);
        if (is_closed || stage == Stage::finished) return;
        is_closed = true;
        gone.swap(callbacks);
    }
    for (const auto& callback : gone) callback();
}

void ExchangeState::deliver(HttpSession& session) {
    bool complete = false;
    bool cut = false;
    bool keep = false;
    {
        const std::lock_guard lock(mutex);
        is_posted = false;
        // Under the mutex, so that writers always see these bytes counted in one place or the
        // other.
        if (!queue.empty()) session.queue_output(std::exchange(queue, std::string()));
        complete = std::exchange(is_complete, false);
        cut = std::exchange(is_cut, false);
        keep = keep_alive;
    }
    if (cut) {
        session.close();
    } else if (complete) {
        session.finish_answer(keep);
    } else {
        session.flush();
    }
}

SessionExchange::~SessionExchange() {
    bool is_unanswered = false;
    {
        const std::lock_guard lock(state_->mutex);
        is_unanswered = state_->stage == Stage::waiting;
        if (state_->stage == Stage::streaming) {
            state_->stage = Stage::finished;
            state_->is_cut = true;
        }
        state_->callbacks.clear();
    }
    if (is_unanswered) {
        respond(plain_error_response(500, "internal", "The request was dropped without an answer.",
                                     "Try again; if it happens again, report it.", false));
    } else {
        post();
    }
}

HttpFraming SessionExchange::framing_now() const {
    HttpFraming framing = framing_;
    framing.keep_alive = framing.keep_alive && !core_->is_draining.load();
    return framing;
}

/// Wakes the I/O thread if there is something to hand over and no task on its way.
void SessionExchange::post() {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->is_posted) return;
        if (state_->queue.empty() && !state_->is_complete && !state_->is_cut) return;
        state_->is_posted = true;
    }
    core_->run([session = session_, state = state_] { state->deliver(*session); });
}

void SessionExchange::respond(HttpResponse response) {
    const HttpFraming framing = framing_now();
    if (response.status < 200 || response.status > 999) {
        response = plain_error_response(500, "internal", "The answer had no valid status.",
                                        "Report it.", false);
    }
    std::string bytes = serialise_response(response, framing);
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stage != Stage::waiting) return;
        state_->stage = Stage::finished;
        state_->keep_alive = framing.keep_alive;
        state_->is_complete = true;
        state_->queue = std::move(bytes);
        state_->callbacks.clear();
    }
    post();
}

bool SessionExchange::begin_stream(int status, std::vector<HttpHeader> headers,
                                   std::string content_type) {
    AIT_ASSERT(status >= 200);
    HttpFraming framing = framing_now();
    if (framing.is_http_1_0) framing.keep_alive = false;  // the end of the connection ends the body
    std::string head = serialise_stream_head({.status = status,
                                              .headers = std::move(headers),
                                              .body = {},
                                              .content_type = std::move(content_type)},
                                             framing);
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stage != Stage::waiting || state_->is_closed) return false;
        state_->stage = framing.is_head ? Stage::finished : Stage::streaming;
        state_->is_complete = framing.is_head;
        state_->keep_alive = framing.keep_alive;
        state_->queue = std::move(head);
        if (framing.is_head) state_->callbacks.clear();
    }
    post();
    return !framing.is_head;
}

bool SessionExchange::write(std::string chunk) {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stage != Stage::streaming || state_->is_closed) return false;
        const std::size_t queued = state_->queue.size() + session_->unsent_bytes();
        // A lone chunk larger than the bound passes: refusing it for ever would help nobody.
        if (queued > 0 && queued + chunk.size() > core_->options.stream_queue_bytes_max)
            return false;
        if (chunk.empty()) return true;
        if (framing_.is_http_1_0) {
            state_->queue += chunk;
        } else {
            append_chunk(state_->queue, chunk);
        }
    }
    post();
    return true;
}

void SessionExchange::end() {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stage != Stage::streaming) return;
        state_->stage = Stage::finished;
        state_->is_complete = true;
        if (!framing_.is_http_1_0) state_->queue += last_chunk;
        state_->callbacks.clear();
    }
    post();
}

bool SessionExchange::is_closed() const {
    const std::lock_guard lock(state_->mutex);
    return state_->is_closed;
}

void SessionExchange::on_close(std::function<void()> callback) {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stage == Stage::finished) return;
        if (!state_->is_closed) {
            state_->callbacks.push_back(std::move(callback));
            return;
        }
    }
    callback();
}

}  // namespace ait::net
