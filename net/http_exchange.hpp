#pragma once

// The server's own HttpExchange: carries answers from any thread to the session's thread. Inner
// header of the server.

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_core.hpp"
#include "net/http_serialise.hpp"

namespace ait::net {

/// What an exchange and its session share. Invariants:
///  1. Bytes reach the session only through `queue`, so their order is that of the calls.
///  2. The session learns exactly once that the answer is complete or cut.
///  3. Callbacks and the session's writes run without the mutex held.
struct ExchangeState {
    enum class Stage : std::uint8_t { waiting, streaming, finished };

    /// The session tells that the peer has gone. I/O thread.
    void peer_gone();
    /// Hands over what has been queued. I/O thread.
    void deliver(HttpSession& session);

    std::mutex mutex{};
    Stage stage = Stage::waiting;
    bool is_closed = false;
    bool keep_alive = true;  ///< as promised in the head of the answer
    std::vector<std::function<void()>> callbacks{};
    std::string queue{};
    bool is_posted = false;  ///< a deliver() is on its way
    bool is_complete = false;
    bool is_cut = false;
};

class SessionExchange final : public HttpExchange {
  public:
    SessionExchange(std::shared_ptr<HttpCore> core, std::shared_ptr<HttpSession> session,
                    std::shared_ptr<ExchangeState> state, HttpRequest request, HttpFraming framing,
                    BodyShare body_share)
        : core_(std::move(core)),
          session_(std::move(session)),
          state_(std::move(state)),
          request_(std::move(request)),
          framing_(framing),
          body_share_(std::move(body_share)) {}
    ~SessionExchange() override;

    [[nodiscard]] const HttpRequest& request() const noexcept override { return request_; }
    void respond(HttpResponse response) override;
    bool begin_stream(int status, std::vector<HttpHeader> headers,
                      std::string content_type) override;
    bool write(std::string chunk) override;
    void end() override;
    [[nodiscard]] bool is_closed() const override;
    void on_close(std::function<void()> callback) override;

  private:
    [[nodiscard]] HttpFraming framing_now() const;
    void post();

    const std::shared_ptr<HttpCore> core_;
    const std::shared_ptr<HttpSession> session_;
    const std::shared_ptr<ExchangeState> state_;
    const HttpRequest request_;
    const HttpFraming framing_;
    const BodyShare body_share_;
};

}  // namespace ait::net
